"""TCP ports that instances and disks get from the cluster's range."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ganeti.model.cluster import LAST_PORT, Cluster
from ganeti.model.hypervisors import HypervisorName

NEED_PORT = frozenset({HypervisorName.KVM, HypervisorName.XEN_HVM})
"""Hypervisors whose instances have a port of their own, for a graphical console."""


def free_ports(cluster: Cluster) -> Iterator[int]:
    """Those that were given back, then those that were never used."""
    yield from sorted(cluster.tcpudp_port_pool)
    yield from range(cluster.highest_used_port + 1, LAST_PORT + 1)


def take_port(cluster: Cluster, port: int) -> Cluster:
    """With a free port in use; what it leaves out below stays free."""
    left_out = range(cluster.highest_used_port + 1, port)
    pool = {*cluster.tcpudp_port_pool, *left_out} - {port}
    return replace(
        cluster,
        tcpudp_port_pool=tuple(sorted(pool)),
        highest_used_port=max(cluster.highest_used_port, port),
    )


def give_port_back(cluster: Cluster, port: int) -> Cluster:
    """With a port free again that was in use."""
    return replace(cluster, tcpudp_port_pool=tuple(sorted({*cluster.tcpudp_port_pool, port})))
