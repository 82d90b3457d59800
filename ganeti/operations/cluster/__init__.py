"""Units about the cluster as a whole."""
