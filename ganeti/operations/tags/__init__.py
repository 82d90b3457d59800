"""Units about tags."""
