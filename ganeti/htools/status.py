"""What is computed of each node: for listings, totals and checks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ganeti.htools.cluster import Cluster
from ganeti.htools.globaln1 import failing_nodes
from ganeti.htools.state import State
from ganeti.htools.tables import CPU, LOAD_CPU, LOAD_DISK, LOAD_MEM, LOAD_NET, MEM, SPIN, Floats


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
    """Measured; after moves, what would be measured."""
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
    state = State(cluster)
    primaries, secondaries = on_nodes(state, state.primary), on_nodes(state, state.secondary)
    failing = state.fails_n1()
    return tuple(
        one_status(state, index, bool(failing[index]), primaries[index], secondaries[index])
        for index in range(state.nodes.count)
    )


def on_nodes(state: State, where: np.ndarray) -> list[tuple[int, ...]]:
    """By node the indexes of instances, forthcoming ones left out."""
    found: list[list[int]] = [[] for _node in range(state.nodes.count)]
    for instance, node in enumerate(where.tolist()):
        if node >= 0 and state.instances.counted[instance]:
            found[node].append(instance)
    return [tuple(each) for each in found]


def one_status(
    state: State, index: int, fails: bool, primaries: tuple[int, ...], secondaries: tuple[int, ...]
) -> NodeStatus:
    """One node's numbers."""
    node, unaccounted = state.cluster.nodes[index], state.cluster.unaccounted[index]
    values: Floats = state.resources[:, index]
    unallocated = int(values[MEM])
    own = node.total_memory - node.node_memory
    return NodeStatus(
        name=node.name,
        offline=node.offline,
        fails_n1=fails,
        t_mem=node.total_memory,
        n_mem=node.node_memory,
        i_mem=own - max(unaccounted, 0) - unallocated,
        x_mem=unaccounted,
        f_mem=node.free_memory,
        u_mem=unallocated,
        r_mem=int(state.reserved[index]),
        t_dsk=node.total_disk,
        f_dsk=node.free_disk,
        pcpu=node.cpus,
        vcpu=int(values[CPU]),
        pcnt=int(state.primaries[index]),
        scnt=int(state.secondaries[index]),
        p_fmem=part(unallocated, node.total_memory),
        p_fdsk=free_part(node.free_spindles, node.spindles)
        if node.exclusive_storage
        else free_part(node.free_disk, node.total_disk),
        r_cpu=part(float(values[CPU]), node.cpus),
        l_cpu=float(values[LOAD_CPU]),
        l_mem=float(values[LOAD_MEM]),
        l_dsk=float(values[LOAD_DISK]),
        l_net=float(values[LOAD_NET]),
        spindles=node.spindles,
        used_spindles=int(values[SPIN]),
        free_spindles=node.free_spindles,
        exclusive_storage=node.exclusive_storage,
        primaries=primaries,
        secondaries=secondaries,
        tags=node.tags,
        group=node.group,
    )


def part(amount: float, whole: int) -> float:
    """C{amount} in parts of a whole, which an offline node may not have: infinite then."""
    if whole:
        return amount / whole
    return math.copysign(math.inf, amount) if amount else math.nan


def free_part(free: int, whole: int) -> float:
    """What part is free; all of nothing."""
    return free / whole if whole else 1.0


def bad_nodes(cluster: Cluster) -> tuple[int, ...]:
    """The indexes of online nodes that fail N+1."""
    return tuple(np.flatnonzero(State(cluster).fails_n1()).tolist())


def bad_instances(cluster: Cluster) -> tuple[int, ...]:
    """The indexes of the instances on them (primary or secondary), forthcoming ones left out."""
    bad = {cluster.nodes[index].name for index in bad_nodes(cluster)}
    return tuple(
        index
        for index, one in enumerate(cluster.instances)
        if not one.forthcoming and (one.primary in bad or one.secondary in bad)
    )


def fails_global_n1(cluster: Cluster) -> tuple[int, ...]:
    """The indexes of nodes whose instances could not all be restarted, should they fail."""
    return tuple(failing_nodes(State(cluster)))
