"""Units about instances."""
