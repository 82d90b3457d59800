"""
Placement: where instances go, and how a cluster is balanced.

Pure functions on an immutable L{ganeti.htools.cluster.Cluster}; no input or
output but in L{ganeti.htools.loaders} and the commands (L{ganeti.cli.htools}).
"""
