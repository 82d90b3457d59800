"""
What the nodes are like at one moment, for trying moves: sums, limits, second largest peers.

Made new after every move; the parts that a move leaves alone are kept.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ganeti.htools.measures import WEIGHTS, measure
from ganeti.htools.spreads import Spread, Stack, make_spreads, near
from ganeti.htools.state import State
from ganeti.htools.tables import (
    CPU,
    CPU_FORTH,
    DISK,
    DISK_FORTH,
    FREE_SPIN,
    FREE_SPIN_FORTH,
    MEM,
    MEM_FORTH,
    SPIN,
    SPIN_FORTH,
    Floats,
    Ints,
)

# Disks are whole MiB.
TINY = 0.5
NOW = (MEM, DISK, CPU, SPIN, FREE_SPIN)
FORTHCOMING = (MEM_FORTH, DISK_FORTH, CPU_FORTH, SPIN_FORTH, FREE_SPIN_FORTH)


class Limits(NamedTuple):
    """By node: what an instance may take. Memory and disk: less than this; others at most this."""

    memory: Floats
    disk: Floats
    free_spindles: Floats
    soft_memory: Floats
    soft_disk: Floats
    soft_free_spindles: Floats
    cpus: Floats
    spindles: Floats


def hard_and_soft(state: State) -> tuple[Limits, Limits]:
    """
    What there is room for; for instances that are there, and for forthcoming ones.

    The forthcoming are only counted against what all that is to come leaves, which is a soft
    limit. The others have to keep to it, too.
    """
    nodes = state.nodes
    shared, none = ~nodes.exclusive, np.full(nodes.count, np.inf)
    memory, disk, cpus, spindles, free_spindles = state.resources[list(NOW)]
    later = state.resources[list(FORTHCOMING)]
    soon = Limits(
        memory=none,
        disk=none,
        free_spindles=none,
        soft_memory=later[0],
        soft_disk=np.minimum(later[1], later[1] - nodes.min_disk + TINY),
        soft_free_spindles=np.where(shared, np.inf, later[4]),
        cpus=nodes.max_cpus - later[2],
        spindles=np.where(shared, nodes.max_spindles - later[3], np.inf),
    )
    now = soon._replace(
        memory=memory,
        disk=disk,
        free_spindles=np.where(shared, np.inf, free_spindles),
        soft_disk=np.minimum(disk - nodes.min_disk + TINY, soon.soft_disk),
        cpus=np.minimum(nodes.max_cpus - cpus, soon.cpus),
        spindles=np.where(shared, np.minimum(nodes.max_spindles - spindles, soon.spindles), np.inf),
    )
    return now, soon


class Field:
    """A state, with all that trying moves needs of it."""

    spreads: list[Spread]
    online: Floats
    """By node: 1 online."""
    limits: Limits
    """For instances that are there; forthcoming ones are counted as if they were, too."""
    forthcoming: Limits
    """For forthcoming ones."""
    margin: Floats
    """By node: an instance needs less, or the node fails N+1; infinite where it does already."""

    def __init__(self, state: State, strict: bool = True) -> None:
        self.state = state
        self.strict = strict
        self.online = state.nodes.online.astype(np.float64)
        self.count = max(1, int(state.nodes.online.sum()))
        self.targets = np.flatnonzero(state.nodes.online)
        self.spreads = make_spreads(state)
        self.stack = Stack(self.spreads)
        reserved = (state.reserved * state.nodes.reserved_inverse)[self.targets]
        self.reserved_shift = near(float(reserved.mean())) if len(reserved) else 0.0
        self.largest_peer = np.zeros(state.nodes.count, dtype=np.intp)
        self.second_largest = np.zeros(state.nodes.count)
        self.refresh()

    def refresh(self, nodes: Ints | None = None) -> None:
        """
        Take over what changed in the state.

        @param nodes: nothing came to others, or left them; None: to any.
        """
        state = self.state
        for spread in self.spreads:
            spread.refresh(state)
        self.stack.refresh(self.spreads)
        self._refresh_reserved()
        self._refresh_limits()
        self._refresh_peers(np.arange(state.nodes.count) if nodes is None else nodes)
        values = measure(state)
        self.values = values
        self.counts = sum(WEIGHTS[name] * values[name] for name in COUNTS)
        self.score = sum(weight * values[name] for name, weight in WEIGHTS.items())

    def refresh_for_newcomers(self) -> None:
        """Take over what new instances changed in limits and reserves; no moves can be tried."""
        self._refresh_reserved()
        self._refresh_limits()

    def _refresh_reserved(self) -> None:
        """The sums of reserved memory."""
        state = self.state
        scaled = state.reserved * state.nodes.reserved_inverse - self.reserved_shift
        self.reserved_values = np.where(state.nodes.online, scaled, 0.0)
        self.reserved_sum = float(self.reserved_values.sum())
        self.reserved_squares = float(self.reserved_values @ self.reserved_values)

    def _refresh_peers(self, nodes: Ints) -> None:
        """By node the largest and the second largest peer."""
        if not len(nodes):
            return
        peers, rows = self.state.peers[nodes], np.arange(len(nodes))
        largest = peers.argmax(axis=1)
        self.largest_peer[nodes] = largest
        peers[rows, largest] = -1.0
        self.second_largest[nodes] = np.maximum(peers.max(axis=1), 0.0)

    def _refresh_limits(self) -> None:
        """How large an instance may be."""
        state = self.state
        free = state.resources[MEM]
        self.failing = state.failing()
        self.believed = bool(((free <= state.reserved) & ~self.failing).any())
        self.limits, self.forthcoming = hard_and_soft(state)
        self.margin = np.where(self.failing, np.inf, free - state.reserved)

    def reserved_without(self, nodes: Ints, peers: Ints, less: Floats) -> Floats:
        """The reserved memory of C{nodes} when C{less} is taken from that for C{peers}."""
        rest = np.where(
            self.largest_peer[nodes] == peers,
            self.second_largest[nodes],
            self.state.reserved[nodes],
        )
        return np.maximum(rest, self.state.peers[nodes, peers] - less)

    def reserved_change(self, nodes: Ints, after: Floats) -> tuple[Floats, Floats]:
        """What changes in the sum and in the squares of reserved memory, in part of the node."""
        grown = (after - self.state.reserved[nodes]) * self.state.nodes.reserved_inverse[nodes]
        return grown, grown * (2.0 * self.reserved_values[nodes] + grown)


COUNTS = (
    "n1_cnt",
    "offline_all_cnt",
    "offline_pri_cnt",
    "pri_tags_score",
    "location_score",
    "location_exclusion_score",
)
