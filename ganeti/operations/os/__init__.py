"""Units about OS definitions."""
