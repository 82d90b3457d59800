"""
What is known of a cluster before anything is computed: what loaders return and writers take.

Plain tuples, so that thousands of them are made in milliseconds and a program that only reads a
file imports nothing else. Memory and disk are MiB, names are full names.
"""

from __future__ import annotations

from typing import NamedTuple


class Spec(NamedTuple):
    """The size of an instance, or one end of the range that a policy allows."""

    memory: int
    cpus: int
    disk: int
    disk_count: int
    nic_count: int
    spindle_use: int


class PolicyData(NamedTuple):
    """An instance policy: of the cluster or of a group."""

    ranges: tuple[tuple[Spec, Spec], ...]  # (least, most); a size fits in at least one of them
    standard: Spec
    disk_templates: tuple[str, ...]
    vcpu_ratio: float
    spindle_ratio: float


class GroupData(NamedTuple):
    """A node group."""

    name: str
    uuid: str
    alloc_policy: str  # "preferred", "last_resort" or "unallocable"
    tags: tuple[str, ...]
    networks: tuple[str, ...]  # uuids
    policy: PolicyData | None  # None: none was given, the default one holds


class NodeData(NamedTuple):
    """
    A node as it is now.

    C{free_memory} is what the hypervisor says; C{offline} includes drained nodes and nodes that
    did not say how much they have. C{spindles} are all spindles with exclusive storage, else
    what the node is declared to have.
    """

    name: str
    total_memory: float
    node_memory: int
    free_memory: int
    total_disk: float
    free_disk: int
    cpus: float
    offline: bool
    master: bool
    group_uuid: str
    spindles: int = 1
    tags: tuple[str, ...] = ()
    exclusive_storage: bool = False
    free_spindles: int = 0
    os_cpus: int = 1
    cpu_speed: float = 1.0


class InstanceData(NamedTuple):
    """
    An instance as it is now.

    C{disks} are the sizes of its disks and C{nic_count} the number of its NICs where the source
    tells them (the text format does not). C{spindles} is only known with exclusive storage.
    """

    name: str
    memory: int
    disk: int
    vcpus: int
    status: str  # as in the output of "gnt-instance list -o status"
    auto_balance: bool
    primary: str
    secondary: str | None
    disk_template: str
    tags: tuple[str, ...] = ()
    spindle_use: int = 1
    spindles: int | None = None
    forthcoming: bool = False
    disks: tuple[int, ...] = ()
    nic_count: int = 0


class ClusterData(NamedTuple):
    """A whole cluster, in the order in which its source lists things."""

    groups: tuple[GroupData, ...]
    nodes: tuple[NodeData, ...]
    instances: tuple[InstanceData, ...]
    tags: tuple[str, ...]
    policy: PolicyData | None
