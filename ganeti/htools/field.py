"""
What the nodes are like at one moment, for trying moves: sums, limits, second largest peers.

Made new after every move; the parts that a move leaves alone are kept.
"""

from __future__ import annotations

import numpy as np

from ganeti.htools.measures import WEIGHTS, measure
from ganeti.htools.spreads import Spread, make_spreads
from ganeti.htools.state import State
from ganeti.htools.tables import CPU, DISK, FREE_SPIN, MEM, SPIN, Floats, Ints


class Field:
    """A state, with all that trying moves needs of it."""

    spreads: list[Spread]
    online: Floats
    """By node: 1 online."""
    memory_limit: Floats
    """By node: an instance needs less than this."""
    soft_memory_limit: Floats
    disk_limit: Floats
    cpu_limit: Floats
    """At most this."""
    spindle_limit: Floats
    free_spindle_limit: Floats
    soft_disk_limit: Floats

    def __init__(self, state: State, strict: bool = True) -> None:
        self.state = state
        self.strict = strict
        self.online = state.nodes.online.astype(np.float64)
        self.count = max(1, int(state.nodes.online.sum()))
        self.targets = np.flatnonzero(state.nodes.online)
        self.spreads = make_spreads(state)
        reserved = (state.reserved * state.nodes.reserved_inverse)[self.targets]
        self.reserved_shift = float(reserved.mean()) if len(reserved) else 0.0
        self.refresh()

    def refresh(self) -> None:
        """Take over what changed in the state."""
        state = self.state
        for spread in self.spreads:
            spread.refresh(state)
        self._refresh_reserved()
        self._refresh_limits()
        values = measure(state)
        self.values = values
        self.counts = sum(WEIGHTS[name] * values[name] for name in COUNTS)
        self.score = sum(weight * values[name] for name, weight in WEIGHTS.items())

    def _refresh_reserved(self) -> None:
        """The reserved memory, and by node the largest and the second largest peer."""
        state = self.state
        scaled = state.reserved * state.nodes.reserved_inverse - self.reserved_shift
        self.reserved_values = np.where(state.nodes.online, scaled, 0.0)
        self.reserved_sum = float(self.reserved_values.sum())
        self.reserved_squares = float(self.reserved_values @ self.reserved_values)
        peers = state.peers
        self.largest_peer = peers.argmax(axis=1)
        rows = np.arange(len(peers))
        if len(peers) > 1:
            without = peers.copy()
            without[rows, self.largest_peer] = -1.0
            self.second_largest = np.maximum(without.max(axis=1), 0.0)
        else:
            self.second_largest = np.zeros(len(peers))

    def _refresh_limits(self) -> None:
        """How large an instance may be."""
        state, nodes = self.state, self.state.nodes
        free = state.resources[MEM]
        self.failing = free <= state.reserved
        self.memory_limit = np.where(nodes.online, free, 0.0)
        self.soft_memory_limit = self.memory_limit
        self.disk_limit = state.resources[DISK]
        self.free_spindle_limit = np.where(nodes.exclusive, state.resources[FREE_SPIN], np.inf)
        self.cpu_limit = np.full(nodes.count, np.inf)
        self.spindle_limit = np.full(nodes.count, np.inf)
        self.soft_disk_limit = np.full(nodes.count, np.inf)
        if self.strict:
            self.soft_memory_limit = np.where(self.failing, free, free - state.reserved)
            self.cpu_limit = nodes.max_cpus - state.resources[CPU]
            self.spindle_limit = np.where(
                nodes.exclusive, np.inf, nodes.max_spindles - state.resources[SPIN]
            )
            self.soft_disk_limit = self.disk_limit - nodes.min_disk

    def reserved_without(self, nodes: Ints, peers: Ints, less: Floats) -> Floats:
        """The reserved memory of C{nodes} when C{less} is taken from that for C{peers}."""
        rest = np.where(
            self.largest_peer[nodes] == peers, self.second_largest[nodes], self.state.reserved[nodes]
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
