"""What a cluster is: typed records and pure rules; no I/O, no clock."""
