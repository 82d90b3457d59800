"""Node calls: typed records over mutually authenticated connections."""
