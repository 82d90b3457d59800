"""
Whether every node may fail: all its instances could be started elsewhere (hail(1)).

Mirrored instances start on their secondary nodes; the others are given places one after the
other. Only hard limits count, as in an emergency. Those with disks on one node only are installed
anew, and have to keep to the policy of their group.

As in the original, a node that is offline or drained, but tells its numbers, may take them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ganeti.htools.specs import policy_failure
from ganeti.htools.state import State
from ganeti.htools.tables import DISK, MEM, Flags, Floats, Ints
from ganeti.model.templates import DiskTemplate

# They have no copy, and no other node can run them.
LONE = frozenset((DiskTemplate.PLAIN, DiskTemplate.FILE, DiskTemplate.BLOCKDEV))


class Loner(NamedTuple):
    """An instance without a copy on a second node; C{nodes} that may take it, None: all."""

    memory: float
    disk: float
    nodes: Flags | None = None


def redundant(state: State) -> bool:
    """Whether any one node may fail."""
    return not failing_nodes(state, first=True)


def failing_nodes(state: State, first: bool = False) -> list[int]:
    """
    The nodes that may not fail.

    @param first: only the first of them is wanted.
    """
    rows, primary, secondary = state.occupied()
    table = state.instances
    there = table.counted[rows] > 0
    moved = table.mirrored[rows] & (secondary >= 0) & there
    bad = set(failed_failovers(state, rows[moved], primary[moved], secondary[moved]).tolist())
    if not (first and bad):
        bad |= set(homeless(state, rows[there & ~moved], primary[there & ~moved]))
    others = ~moved & ((table.as_primary[MEM, rows] < 0) | (there & ~lone(state, rows)))
    rows, primary = rows[others], primary[others]
    if len(rows) and not (first and bad):
        bad |= set(crowded(state, rows, primary, moved_memory(state), first))
    return sorted(bad)


def failed_failovers(state: State, rows: Ints, primary: Ints, secondary: Ints) -> Ints:
    """Nodes whose mirrored instances do not all start on their secondary nodes."""
    table, count = state.instances, state.nodes.count
    free = state.resources[MEM]
    together = np.zeros((count, count))
    np.add.at(together, (secondary, primary), -table.as_primary[MEM, rows])
    bad = (together[secondary, primary] >= free[secondary]) | ~may_move(state)[primary, secondary]
    if table.disk[rows].any():
        full = state.resources[DISK] <= 0
        # The copy stays on the node that is left; there it counts unless that is offline.
        bad |= (full[secondary] | (full & state.nodes.online)[primary]) & (table.disk[rows] > 0)
    return np.flatnonzero(np.bincount(primary[bad], minlength=count))


def may_move(state: State) -> Flags:
    """[from, to]: nodes of one group that instances may be migrated between."""
    group, allowed = state.nodes.group, state.tags.migration
    together: Flags = group[:, None] == group
    return together if allowed is None else together & allowed


def homeless(state: State, rows: Ints, primary: Ints) -> list[int]:
    """Nodes with instances that would be installed anew, and that no policy allows."""
    cluster = state.cluster
    policies = [cluster.group_policy(group) for group in cluster.groups]
    group, exclusive = state.nodes.group, state.nodes.exclusive

    def forbidden(row: int, node: int) -> bool:
        one, policy = cluster.instances[row], policies[group[node]]
        if one.template not in LONE or not one.name:
            return False
        return policy_failure(one, policy, bool(exclusive[node])) is not None

    places = zip(rows.tolist(), primary.tolist(), strict=True)
    return [node for row, node in places if forbidden(row, node)]


def moved_memory(state: State) -> Floats:
    """[failed node, node]: memory that mirrored instances take there when that node fails."""
    rows, primary, secondary = state.occupied()
    both = (primary >= 0) & (secondary >= 0)
    memory = np.zeros((state.nodes.count, state.nodes.count))
    np.add.at(
        memory,
        (primary[both], secondary[both]),
        -state.instances.as_primary[MEM, rows[both]],
    )
    return memory


def crowded(state: State, rows: Ints, primary: Ints, taken: Floats, first: bool) -> list[int]:
    """Nodes whose instances without a copy do not all find a place."""
    table = state.instances
    memory, disk = -table.as_primary[MEM, rows], table.disk[rows]
    largest = Loner(float(memory.max()), float(disk.max()))
    count = np.bincount(primary, minlength=state.nodes.count)
    # Those that are installed anew are not migrated.
    near = state.nodes.group[:, None] == state.nodes.group
    where = may_move(state)
    tied = lone(state, rows)
    roomy = plenty(state, largest, count, taken, where)
    bad = []
    for node in np.flatnonzero((count > 0) & ~roomy):
        mine = np.flatnonzero(primary == node)[::-1]
        moved, anew = mine[~tied[mine]], mine[tied[mine]]
        anew = anew[np.argsort(-memory[anew], kind="stable")]
        loners = [
            Loner(float(memory[i]), float(disk[i]), (near if tied[i] else where)[node])
            for i in (*moved, *anew)
        ]
        if not all_placed(state, int(node), loners, taken[node]):
            bad.append(int(node))
            if first:
                break
    return bad


def lone(state: State, rows: Ints) -> Flags:
    """Which of these instances are installed anew where they are started."""
    instances = state.cluster.instances
    return np.array([instances[row].template in LONE for row in rows.tolist()], dtype=bool)


def plenty(state: State, largest: Loner, count: Ints, taken: Floats, where: Flags) -> Flags:
    """
    Nodes that may fail even if all their instances were as large as the largest.

    @param where: [failed node, node]: which may take them.
    """
    worst = taken.max(axis=0)
    fits = np.maximum(np.ceil((state.resources[MEM] - worst) / max(largest.memory, 1.0)) - 1, 0.0)
    if largest.disk > 0:
        by_disk = np.ceil(state.resources[DISK] / largest.disk) - 1
        fits = np.minimum(fits, np.maximum(by_disk, 0.0))
    roomy: Flags = where @ fits - fits >= count
    return roomy


def all_placed(state: State, failed: int, loners: list[Loner], taken: Floats) -> bool:
    """Whether they all find a place, in the order they are, or the largest first."""
    free = state.resources[MEM] - taken
    free[failed] = -1.0
    disk = state.resources[DISK]
    largest_first = sorted(loners, key=lambda one: (one.memory, one.disk), reverse=True)
    return (
        spread_out(loners, free, disk)
        or spread_out(largest_first, free, disk)
        or packed(largest_first, free, disk)
    )


def spread_out(loners: list[Loner], free: Floats, disk: Floats) -> bool:
    """Give each one the node with the most free memory."""
    free, disk = free.copy(), disk.copy()
    for one in loners:
        there = free if one.disk <= 0 else np.where(disk > one.disk, free, -1.0)
        if one.nodes is not None:
            there = np.where(one.nodes, there, -1.0)
        target = int(there.argmax())
        if there[target] <= one.memory:
            return False
        free[target] -= one.memory
        disk[target] -= one.disk
    return True


def packed(loners: list[Loner], free: Floats, disk: Floats) -> bool:
    """Give each one the node with the least free memory that is enough."""
    free, disk = free.copy(), disk.copy()
    for one in loners:
        fits = (free > one.memory) & ((disk > one.disk) | (one.disk <= 0))
        if one.nodes is not None:
            fits &= one.nodes
        there = np.where(fits, free, np.inf)
        target = int(there.argmin())
        if not fits[target]:
            return False
        free[target] -= one.memory
        disk[target] -= one.disk
    return True
