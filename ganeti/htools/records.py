"""
What placement knows of groups, nodes and instances.

Loaders produce these records, writers write them; nothing in them is computed.
All sizes are in MiB.
"""

from __future__ import annotations

from msgspec import Struct

from ganeti.model.group import AllocPolicy
from ganeti.model.templates import DiskTemplate


class Spec(Struct, frozen=True, kw_only=True, gc=False):
    """The size of an instance, as policies tell it."""

    memory: int
    cpus: int
    disk: int
    """Of one disk."""
    disk_count: int = 1
    nic_count: int = 1
    spindle_use: int = 1


class Range(Struct, frozen=True, kw_only=True):
    """One pair of bounds of a policy."""

    least: Spec
    most: Spec


class Policy(Struct, frozen=True, kw_only=True):
    """Which instances a group takes, and how far its nodes may be filled."""

    standard: Spec
    ranges: tuple[Range, ...]
    templates: tuple[DiskTemplate, ...]
    vcpu_ratio: float
    spindle_ratio: float


class Group(Struct, frozen=True, kw_only=True):
    """Nodes that instances can move between."""

    name: str
    uuid: str
    alloc_policy: AllocPolicy = AllocPolicy.PREFERRED
    tags: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    """The uuids of the networks it is connected to."""
    policy: Policy | None = None
    """None: the cluster's."""


class Node(Struct, frozen=True, kw_only=True):
    """A machine, with what was measured on it."""

    name: str
    group: str
    """The group's uuid."""
    total_memory: int
    node_memory: int
    """Used by the node itself."""
    free_memory: int
    """As it was measured: down instances use none of it."""
    total_disk: int
    free_disk: int
    cpus: int
    offline: bool = False
    """Offline, drained, not vm_capable, or with unknown numbers."""
    master: bool = False
    spindles: int = 1
    """spindle_count; with exclusive storage the number of physical volumes."""
    free_spindles: int = 0
    exclusive_storage: bool = False
    tags: tuple[str, ...] = ()
    node_cpus: int = 1
    """Used by the node itself."""
    cpu_speed: float = 1.0
    cpu_load: float = 0.0
    """Of the node itself, as instances' L{Load.cpu}; it stays when they move."""


class Disk(Struct, frozen=True, kw_only=True, gc=False):
    """One disk of an instance."""

    size: int
    spindles: int | None = None


class Load(Struct, frozen=True, kw_only=True, gc=False):
    """How much an instance uses, in units of the pool; 1 is what an unknown one uses."""

    cpu: float = 1.0
    memory: float = 1.0
    disk: float = 1.0
    net: float = 1.0


class Instance(Struct, frozen=True, kw_only=True):
    """A virtual machine, and where it is."""

    name: str
    memory: int
    disk: int
    """What it takes of each of its nodes, metadata included."""
    vcpus: int
    status: str = "running"
    """As queries tell it: running, ERROR_down, ADMIN_down..."""
    auto_balance: bool = True
    primary: str = ""
    """A node's name; empty: on none."""
    secondary: str = ""
    template: DiskTemplate = DiskTemplate.PLAIN
    disks: tuple[Disk, ...] = ()
    tags: tuple[str, ...] = ()
    spindle_use: int = 1
    forthcoming: bool = False
    nics: tuple[str | None, ...] = ()
    """For each network interface the uuid of its network, if it has one."""
    load: Load = Load()
    movable: bool = True


class ClusterData(Struct, frozen=True, kw_only=True):
    """A whole cluster as a loader found it: the order is the file's."""

    groups: tuple[Group, ...]
    nodes: tuple[Node, ...]
    instances: tuple[Instance, ...]
    tags: tuple[str, ...] = ()
    policy: Policy | None = None
    """The cluster's; None: L{ganeti.htools.defaults.POLICY}."""


class Settings(Struct, frozen=True, kw_only=True):
    """What options of the commands change in what was loaded."""

    loads: dict[str, Load] | None = None
    """By instance name (-U); None: as loaded."""
    ignore_loads: bool = False
    """All loads are 0 (--ignore-dynu)."""
    exclusion_tags: tuple[str, ...] = ()
    """Prefixes (--exclusion-tags), without the colon."""
    offline: tuple[str, ...] = ()
    """Names of nodes (-O)."""
    selected: tuple[str, ...] | None = None
    """Only these instances are moved (--select-instances)."""
    excluded: tuple[str, ...] = ()
    """These are not (--exclude-instances)."""
    max_cpu: float | None = None
    """In place of each policy's vcpu_ratio (--max-cpu)."""
    min_disk: float = 0.0
    """What part of a node's disk is left free (--min-disk)."""
