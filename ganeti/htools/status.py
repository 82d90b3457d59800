"""What is computed of each node: for listings, totals and checks."""

from __future__ import annotations

from dataclasses import dataclass

from ganeti.htools.cluster import Cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """A node's numbers, in the words of htools(1), --print-nodes."""

    name: str
    offline: bool
    fails_n1: bool
    t_mem: int
    n_mem: int
    i_mem: int
    x_mem: int
    f_mem: int
    """As measured, less what down instances would use."""
    u_mem: int
    """Unallocated: total - node - instances - unaccounted."""
    r_mem: int
    t_dsk: int
    f_dsk: int
    pcpu: int
    vcpu: int
    pcnt: int
    scnt: int
    p_fmem: float
    p_fdsk: float
    r_cpu: float
    l_cpu: float
    l_mem: float
    l_dsk: float
    l_net: float
    spindles: int
    used_spindles: int
    free_spindles: int
    exclusive_storage: bool
    primaries: tuple[int, ...]
    """Indexes of instances."""
    secondaries: tuple[int, ...]
    tags: tuple[str, ...]
    group: str
    """Its uuid."""


def node_status(cluster: Cluster) -> tuple[NodeStatus, ...]:
    """Each node's numbers, in the cluster's order."""


def bad_nodes(cluster: Cluster) -> tuple[int, ...]:
    """The indexes of online nodes that fail N+1."""


def bad_instances(cluster: Cluster) -> tuple[int, ...]:
    """The indexes of the instances on them (primary or secondary), without repeats."""


def fails_global_n1(cluster: Cluster) -> tuple[int, ...]:
    """The indexes of nodes whose instances could not all be restarted elsewhere, should they fail."""
