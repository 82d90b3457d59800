"""
Whether every node may still fail while a cluster is filled with instances that take one node.

As in L{ganeti.htools.globaln1}, mirrored instances fail over; those that any node can run are then
given places one by one, the last first, and those with disks of their own the largest first. What
a new instance changes is only looked at again where it may matter.
"""

from __future__ import annotations

from collections import defaultdict
from heapq import heapify, heapreplace
from typing import NamedTuple

import numpy as np

from ganeti.htools.cluster import Cluster
from ganeti.htools.globaln1 import Loner, failing_nodes, moved_memory, packed, spread_out
from ganeti.htools.specs import policy_failure
from ganeti.htools.state import State
from ganeti.htools.tables import DISK, MEM, Floats, Ints
from ganeti.model.templates import TEMPLATES, DiskTemplate

# So many nodes that could not fail are tried first.
WEAK = 4


class _Room(NamedTuple):
    """What is free on each node when one has failed."""

    memory: Floats
    disk: Floats


class Restarts:
    """
    The instances that are on one node only, by node, and where they could be started.

    @ivar broken: some node may not fail already: nothing that comes mends that.
    """

    def __init__(self, state: State, groups: frozenset[int]) -> None:
        """
        @param groups: the indexes of the groups that are looked at.
        """
        self._state = state
        groups_of = state.nodes.group
        self._members: list[Ints] = [
            np.flatnonzero(groups_of == group) for group in range(len(state.cluster.groups))
        ]
        self._taken = moved_memory(state)
        self._worst = self._taken.max(axis=0)
        self._movable: dict[int, list[Loner]] = defaultdict(list)
        self._tied: dict[int, list[Loner]] = defaultdict(list)
        self._largest = Loner(0.0, 0.0)
        self._weak: list[int] = []
        rows, primary, secondary = state.occupied()
        alone = (secondary < 0) & (state.instances.as_primary[MEM, rows] < 0)
        for row, node in zip(rows[alone].tolist(), primary[alone].tolist(), strict=True):
            self.add(node, row)
        self.broken = any(groups_of[node] in groups for node in unrestartable(state))

    def _note(self, loner: Loner) -> None:
        largest = self._largest
        self._largest = Loner(max(largest.memory, loner.memory), max(largest.disk, loner.disk))

    def add(self, node: int, row: int) -> None:
        """An instance came to a node: it is in the state already."""
        loner = _loner(self._state, row)
        self._kind(row)[node].append(loner)
        self._note(loner)

    def _kind(self, row: int) -> dict[int, list[Loner]]:
        return self._movable if _external(self._state, row) else self._tied

    def passes_with(self, node: int, row: int) -> bool:
        """Whether any node may fail with one more instance on C{node}: it is not in the state."""
        if self.broken:
            return False
        state, loner = self._state, _loner(self._state, row)
        memory, disk = state.resources[MEM].copy(), state.resources[DISK].copy()
        memory[node] += state.instances.as_primary[MEM, row]
        disk[node] += state.instances.as_primary[DISK, row]
        if 0 < self._worst[node] >= memory[node]:
            return False
        loners = self._kind(row)[node]
        loners.append(loner)
        good = self._all_restart(_Room(memory, disk), int(state.nodes.group[node]), loner)
        loners.pop()
        return good

    def _all_restart(self, room: _Room, group: int, newest: Loner) -> bool:
        """Whether all nodes of the group, to which one came, may fail."""
        cramped = self._cramped(room, self._members[group], newest)
        for node in [*[each for each in self._weak if each in cramped], *cramped]:
            if not self._restarts(room, node):
                self._weak = [node, *[each for each in self._weak if each != node]][:WEAK]
                return False
        return True

    def _cramped(self, room: _Room, members: Ints, newest: Loner) -> list[int]:
        """Nodes whose instances would not all fit, were they as large as the largest."""
        memory = max(self._largest.memory, newest.memory, 1.0)
        disk = max(self._largest.disk, newest.disk)
        fits = np.ceil((room.memory[members] - self._worst[members]) / memory) - 1.0
        if disk > 0:
            fits = np.minimum(fits, np.ceil(room.disk[members] / disk) - 1.0)
        fits = np.maximum(fits, 0.0)
        counts = np.array([self._count(node) for node in members.tolist()])
        return [int(node) for node in members[(fits.sum() - fits < counts) & (counts > 0)]]

    def _count(self, node: int) -> int:
        return len(self._movable[node]) + len(self._tied[node])

    def _restarts(self, room: _Room, failed: int) -> bool:
        """Whether the node's own instances all find a place."""
        members = self._members[int(self._state.nodes.group[failed])]
        others = members[members != failed]
        free = room.memory[others] - self._taken[failed, others]
        movable, tied = self._movable[failed][::-1], self._tied[failed][::-1]
        largest_first = sorted(tied, key=lambda one: -one.memory)
        if not any(one.disk for one in tied):
            return _all_fit([*movable, *largest_first], free)
        loners, disk = [*movable, *largest_first], room.disk[others]
        return len(others) > 0 and (
            spread_out(loners, free, disk)
            or spread_out(sorted(loners, reverse=True), free, disk)
            or packed(sorted(loners, reverse=True), free, disk)
        )


def unrestartable(state: State) -> set[int]:
    """The nodes that may not fail."""
    return {*failing_nodes(state), *_homeless(state)}


def _loner(state: State, row: int) -> Loner:
    table = state.instances
    return Loner(float(table.memory[row]), float(table.disk[row]))


def _external(state: State, row: int) -> bool:
    """Whether any node can run it as it is."""
    template = state.cluster.instances[row].template
    return TEMPLATES[template].mirrored_external and template is not DiskTemplate.BLOCKDEV


def _homeless(state: State) -> list[int]:
    """Nodes with an instance tied to its disks that policies forbid to come anew anywhere."""
    rows, primary, secondary = state.occupied()
    alone = (secondary < 0) & (state.instances.counted[rows] > 0)
    return [
        node
        for row, node in zip(rows[alone].tolist(), primary[alone].tolist(), strict=True)
        if not _external(state, row) and not _allowed(state.cluster, row, node)
    ]


def _allowed(cluster: Cluster, row: int, node: int) -> bool:
    policy = cluster.group_policy(cluster.groups[cluster.group_index[cluster.nodes[node].group]])
    exclusive = cluster.nodes[node].exclusive_storage
    return policy_failure(cluster.instances[row], policy, exclusive) is None


def _all_fit(loners: list[Loner], free: Floats) -> bool:
    """Give each one the node with the most free memory."""
    left = [-float(each) for each in free]
    heapify(left)
    for one in loners:
        if not left or -left[0] <= one.memory:
            return False
        heapreplace(left, left[0] + one.memory)
    return True
