"""Programs that are run by other programs."""
