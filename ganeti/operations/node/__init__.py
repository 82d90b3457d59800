"""Units about nodes."""
