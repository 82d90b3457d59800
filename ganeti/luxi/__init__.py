"""The local protocol between commands and the master daemon."""
