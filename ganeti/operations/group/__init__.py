"""Units about node groups."""
