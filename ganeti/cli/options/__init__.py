"""The options of the commands, as data."""
