"""Disks of instances: where their bytes are on one node."""
