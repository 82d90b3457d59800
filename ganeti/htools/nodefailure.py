"""What is missing so that a node may fail: all its instances find places elsewhere."""

from __future__ import annotations

import numpy as np

from ganeti.htools.changes import Change, Free
from ganeti.htools.globaln1 import failing_nodes, moved_memory
from ganeti.htools.shortage import missing
from ganeti.htools.state import State
from ganeti.htools.tables import DISK, MEM


def redundancy_changes(state: State) -> list[Change] | None:
    """What helps the first node that may not fail; empty: all may; None: nothing simple helps."""
    failing = failing_nodes(state, first=True)
    if not failing:
        return []
    moved = failover_changes(state, failing[0])
    if moved:
        return moved
    room = room_elsewhere(state, failing[0])
    return None if room is None else [room]


def failover_changes(state: State, failed: int) -> list[Change]:
    """What the secondary nodes lack that would run its mirrored instances."""
    table = state.instances
    rows = np.flatnonzero((state.primary == failed) & (state.secondary >= 0) & table.mirrored)
    rows = rows[table.as_primary[MEM, rows] < 0]
    found: list[Change] = []
    for node in sorted(set(state.secondary[rows].tolist())):
        mine, record = rows[state.secondary[rows] == node], state.cluster.nodes[node]
        needed = float(-table.as_primary[MEM, mine].sum())
        memory = int(missing(needed, state.resources[MEM, node : node + 1])[0])
        full = state.resources[DISK, node] <= 0 and bool(table.disk[mine].any())
        disk = int(1 - state.resources[DISK, node]) if full else 0
        if (memory or disk) and not record.offline:
            name = state.cluster.nodes[failed].name
            found.append(Free(record.name, memory=memory, disk=disk, failed=name))
    return found


def room_elsewhere(state: State, failed: int) -> Free | None:
    """How much the roomiest other node needs for the instances without a copy."""
    nodes, table = state.nodes, state.instances
    others = nodes.online & (nodes.group == nodes.group[failed])
    others[failed] = False
    if not others.any():
        return None
    free = np.where(others, state.resources[MEM] - moved_memory(state)[failed], -np.inf)
    target = int(free.argmax())
    alone = (state.primary == failed) & (state.secondary < 0)
    disk = int(table.disk[alone].sum())
    low, high = 0, int(table.memory[alone].sum() + max(0.0, -free[target])) + 1
    if not enough(state, failed, target, high, disk):
        return None
    if enough(state, failed, target, high, 0):
        disk = 0
    while low < high:
        middle = (low + high) // 2
        if enough(state, failed, target, middle, disk):
            high = middle
        else:
            low = middle + 1
    names = [state.cluster.nodes[node].name for node in (target, failed)]
    return Free(names[0], memory=low, disk=disk, failed=names[1])


def enough(state: State, failed: int, target: int, memory: int, disk: int) -> bool:
    """Whether the node may fail with so much more on another one."""
    state.resources[MEM, target] += memory
    state.resources[DISK, target] += disk
    failing = failing_nodes(state)
    state.resources[MEM, target] -= memory
    state.resources[DISK, target] -= disk
    return failed not in failing
