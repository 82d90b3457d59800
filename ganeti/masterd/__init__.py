"""The master daemon: job queue, locks, processor, recovery, replication and the local (LUXI) server."""
