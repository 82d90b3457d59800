"""Ganeti: cluster management of virtual machines, on one Twisted reactor."""
