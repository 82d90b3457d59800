"""
Whether every node may fail: all its instances could be started elsewhere (hail(1)).

Mirrored instances start on their secondary nodes; the others are given places one after the
other. Only hard limits count, as in an emergency.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ganeti.htools.state import State
from ganeti.htools.tables import DISK, MEM, Flags, Floats, Ints


class Loner(NamedTuple):
    """An instance without a copy on a second node."""

    memory: float
    disk: float


def redundant(state: State) -> bool:
    """Whether any one node may fail."""
    return not failing_nodes(state, first=True)


def failing_nodes(state: State, first: bool = False) -> list[int]:
    """
    The nodes that may not fail.

    @param first: only the first of them is wanted.
    """
    rows, primary, secondary = state.occupied()
    table, online = state.instances, state.nodes.online
    moved = table.mirrored[rows] & (secondary >= 0)
    bad = set(failed_failovers(state, rows[moved], primary[moved], secondary[moved]).tolist())
    alone = ~moved & (table.counted[rows] > 0) & (primary >= 0)
    rows, primary = rows[alone], primary[alone]
    if len(rows) and not (first and bad):
        bad |= set(crowded(state, rows, primary, moved_memory(state), first))
    return sorted(node for node in bad if online[node])


def failed_failovers(state: State, rows: Ints, primary: Ints, secondary: Ints) -> Ints:
    """Nodes whose mirrored instances do not all start on their secondary nodes."""
    table, count = state.instances, state.nodes.count
    free = state.resources[MEM]
    used = -table.as_primary[MEM, rows]
    together = np.zeros((count, count))
    np.add.at(together, (secondary, primary), used)
    # The last one to come finds all others there; those that are down come last.
    needed = together[secondary, primary] + np.where(used > 0, 0.0, table.memory[rows])
    bad = (needed >= free[secondary]) | ~state.nodes.online[secondary]
    if table.disk[rows].any():
        full = (state.resources[DISK] <= 0)[secondary]
        bad |= full & (table.disk[rows] > 0)
    failed = np.bincount(primary[bad & (table.counted[rows] > 0)], minlength=count)
    return np.flatnonzero(failed)


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
    memory, disk = table.memory[rows], table.disk[rows]
    largest = Loner(float(memory.max()), float(disk.max()))
    count = np.bincount(primary, minlength=state.nodes.count)
    roomy = plenty(state, largest, count, taken)
    bad = []
    for node in np.flatnonzero((count > 0) & ~roomy & state.nodes.online):
        mine = np.flatnonzero(primary == node)[::-1]
        loners = [Loner(float(memory[i]), float(disk[i])) for i in mine]
        if not all_placed(state, int(node), loners, taken[node]):
            bad.append(int(node))
            if first:
                break
    return bad


def plenty(state: State, largest: Loner, count: Ints, taken: Floats) -> Flags:
    """Nodes that may fail even if all their instances were as large as the largest."""
    nodes = state.nodes
    worst = taken.max(axis=0)
    fits = np.maximum(np.ceil((state.resources[MEM] - worst) / max(largest.memory, 1.0)) - 1, 0.0)
    if largest.disk > 0:
        by_disk = np.ceil(state.resources[DISK] / largest.disk) - 1
        fits = np.minimum(fits, np.maximum(by_disk, 0.0))
    fits = np.where(nodes.online, fits, 0.0)
    whole = np.bincount(nodes.group, weights=fits)[nodes.group]
    roomy: Flags = whole - fits >= count
    return roomy


def all_placed(state: State, failed: int, loners: list[Loner], taken: Floats) -> bool:
    """Whether they all find a place in the group, in the order they are, or the largest first."""
    usable = state.nodes.online & (state.nodes.group == state.nodes.group[failed])
    free = np.where(usable, state.resources[MEM] - taken, -1.0)
    free[failed] = -1.0
    disk = state.resources[DISK]
    largest_first = sorted(loners, reverse=True)
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
        there = np.where(fits, free, np.inf)
        target = int(there.argmin())
        if not fits[target]:
            return False
        free[target] -= one.memory
        disk[target] -= one.disk
    return True
