"""The master daemon: jobs, locks, recovery, replication, the local (LUXI) server."""
