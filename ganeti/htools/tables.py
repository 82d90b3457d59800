"""
A cluster as arrays: what stays while instances move.

One row for each resource that is counted on nodes, so that a move is a column added
and a column taken away, whatever is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganeti.htools.cluster import OFFLINE, Cluster, uses_memory
from ganeti.htools.records import Instance, Node
from ganeti.model.templates import TEMPLATES, DiskTemplate

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Flags = NDArray[np.bool_]

# The resources, by row. The free ones go down when an instance comes.
MEM, DISK, CPU, SPIN, LOAD_CPU, LOAD_MEM, LOAD_DISK, LOAD_NET = range(8)
MEM_FORTH, DISK_FORTH, CPU_FORTH, SPIN_FORTH = range(8, 12)
FREE_SPIN, FREE_SPIN_FORTH = range(12, 14)
RESOURCES = 14

LOCAL = frozenset((DiskTemplate.DRBD, DiskTemplate.PLAIN))
# Any node can run them; those without disks are left where they are.
ANYWHERE = frozenset(
    template
    for template, facts in TEMPLATES.items()
    if facts.mirrored_external and template is not DiskTemplate.DISKLESS
)


@dataclass(frozen=True, eq=False, slots=True)
class NodeTable:
    """What does not change of the nodes; by node."""

    count: int
    online: Flags
    exclusive: Flags
    group: Ints
    memory: Floats
    disk: Floats
    cpus: Floats
    max_cpus: Floats
    """How many virtual ones the policy allows."""
    max_spindles: Floats
    min_disk: Floats
    """What has to be left free."""
    whole: Floats
    """[resource, node]: what metrics divide a resource by; infinite offline."""
    inverse: Floats
    """[resource, node]: what turns a resource into what metrics compare; 0 offline."""
    reserved_inverse: Floats


@dataclass(frozen=True, eq=False, slots=True)
class InstanceTable:
    """What does not change of the instances; by instance."""

    count: int
    as_primary: Floats
    """[resource, instance]: what is added to the primary node."""
    as_secondary: Floats
    memory: Floats
    """What it would take when it runs."""
    disk: Floats
    """0 when its node holds none of it."""
    cpus: Floats
    spindle_use: Floats
    spindles: Floats
    reserved: Floats
    """What is kept free on the secondary node for it."""
    counted: Floats
    """1; 0 for forthcoming ones."""
    mirrored: Flags
    """It has a secondary node."""
    external: Flags
    """Any node can run it."""
    movable: Flags


def node_table(cluster: Cluster) -> NodeTable:
    """The nodes' part."""
    nodes = cluster.nodes
    online = np.array([not node.offline for node in nodes], dtype=bool)
    exclusive = np.array([node.exclusive_storage for node in nodes], dtype=bool)
    policies = [cluster.group_policy(group) for group in cluster.groups]
    group = np.array([cluster.group_index[node.group] for node in nodes], dtype=np.intp)
    ratio = np.array([policy.vcpu_ratio for policy in policies])[group]
    if cluster.settings.max_cpu is not None:
        ratio = np.full(len(nodes), cluster.settings.max_cpu)
    spindle_ratio = np.array([policy.spindle_ratio for policy in policies])[group]
    cpus = column(nodes, "cpus")
    spindles = column(nodes, "spindles")
    memory, disk = column(nodes, "total_memory"), column(nodes, "total_disk")
    max_spindles = np.where(exclusive, spindles, spindles * spindle_ratio)
    whole = np.full((RESOURCES, len(nodes)), np.inf)
    whole[[MEM, MEM_FORTH]] = positive(memory)
    whole[[DISK, DISK_FORTH]] = np.where(exclusive, np.inf, positive(disk))
    whole[[FREE_SPIN, FREE_SPIN_FORTH]] = np.where(exclusive, positive(spindles), np.inf)
    whole[[CPU, CPU_FORTH]] = positive(cpus * column(nodes, "cpu_speed"))
    whole[[SPIN, SPIN_FORTH]] = np.where(exclusive, np.inf, positive(max_spindles))
    whole[LOAD_CPU : LOAD_NET + 1] = 1.0
    whole[:, ~online] = np.inf
    return NodeTable(
        count=len(nodes),
        online=online,
        exclusive=exclusive,
        group=group,
        memory=memory,
        disk=disk,
        cpus=cpus,
        max_cpus=ratio * cpus,
        max_spindles=max_spindles,
        min_disk=cluster.settings.min_disk * disk,
        whole=whole,
        inverse=1.0 / whole,
        reserved_inverse=np.where(online, reciprocal(memory), 0.0),
    )


def instance_table(instances: Sequence[Instance]) -> InstanceTable:
    """The instances' part."""
    real = 1.0 - column(instances, "forthcoming")
    memory, disk = column(instances, "memory"), column(instances, "disk")
    used = np.array([uses_memory(one) for one in instances], dtype=np.float64)
    local = np.array([one.template in LOCAL for one in instances], dtype=bool)
    awake = np.array([one.status not in OFFLINE for one in instances], dtype=np.float64)
    mirrored = np.array(
        [TEMPLATES[one.template].mirrored_internal for one in instances], dtype=bool
    )
    external = np.array([one.template in ANYWHERE for one in instances], dtype=bool)
    disk = np.where(local, disk, 0.0)
    spindle_use = np.where(local, column(instances, "spindle_use"), 0.0)
    # Counted with every template, as the original does.
    spindles = np.array([total_spindles(one) for one in instances], dtype=np.float64)
    cpus = column(instances, "vcpus") * awake
    primary = np.zeros((RESOURCES, len(instances)))
    primary[MEM], primary[MEM_FORTH] = -memory * used, -memory
    primary[CPU], primary[CPU_FORTH] = cpus * real, cpus
    loads = [(one.load.cpu, one.load.memory, one.load.disk, one.load.net) for one in instances]
    primary[LOAD_CPU : LOAD_NET + 1] = np.array(loads).reshape(-1, 4).T * real
    both = np.zeros((RESOURCES, len(instances)))
    both[DISK], both[DISK_FORTH] = -disk * real, -disk
    both[SPIN], both[SPIN_FORTH] = spindle_use * real, spindle_use
    both[FREE_SPIN], both[FREE_SPIN_FORTH] = -spindles * real, -spindles
    secondary = both * mirrored
    secondary[LOAD_DISK] = primary[LOAD_DISK] * mirrored
    balanced = column(instances, "auto_balance")
    return InstanceTable(
        count=len(instances),
        as_primary=primary + both,
        as_secondary=secondary,
        memory=memory,
        disk=disk,
        cpus=cpus,
        spindle_use=spindle_use,
        spindles=spindles,
        reserved=memory * balanced * real * awake * mirrored,
        counted=real,
        mirrored=mirrored,
        external=external,
        movable=np.array([one.movable for one in instances], dtype=bool),
    )


def empty_resources(cluster: Cluster, primary: Ints, secondary: Ints) -> Floats:
    """
    [resource, node]: what would be there without any instance.

    @param primary: by instance, the index of its node, or -1.
    """
    nodes = cluster.nodes
    unaccounted = np.array(cluster.unaccounted, dtype=np.float64)
    own = column(nodes, "total_memory") - column(nodes, "node_memory")
    free = np.zeros((RESOURCES, len(nodes)))
    free[MEM] = own - np.maximum(unaccounted, 0.0)
    free[MEM_FORTH] = own - unaccounted
    free[[CPU, CPU_FORTH]] = column(nodes, "node_cpus")
    free[LOAD_CPU] = column(nodes, "cpu_load")
    free[[DISK, DISK_FORTH]] = column(nodes, "free_disk")
    free[[FREE_SPIN, FREE_SPIN_FORTH]] = column(nodes, "free_spindles")
    rows = np.flatnonzero([not one.forthcoming for one in cluster.instances])
    local = np.array([one.template in LOCAL for one in cluster.instances], dtype=bool)[rows]
    disk = column(cluster.instances, "disk")[rows] * local
    spindles = np.array([total_spindles(cluster.instances[row]) for row in rows], dtype=np.float64)
    for where in (primary[rows], secondary[rows]):
        on = where >= 0
        for row, amounts in ((DISK, disk), (FREE_SPIN, spindles)):
            np.add.at(free[row], where[on], amounts[on])
    free[DISK_FORTH], free[FREE_SPIN_FORTH] = free[DISK], free[FREE_SPIN]
    return free


def column(records: Sequence[Node] | Sequence[Instance], field: str) -> Floats:
    """One field of all records."""
    return np.array([getattr(record, field) for record in records], dtype=np.float64)


def positive(values: Floats) -> Floats:
    """The values; infinite where nothing is."""
    return np.where(values > 0, values, np.inf)


def reciprocal(values: Floats) -> Floats:
    """1/x, and 0 where nothing is."""
    return np.divide(1.0, values, out=np.zeros_like(values), where=values > 0)


def total_spindles(instance: Instance) -> Any:
    """The physical volumes it takes of each node."""
    return sum(disk.spindles or 0 for disk in instance.disks)
