"""One module for each program's table of sub-commands, and those that do the work."""
