"""Nodes that location and migration tags treat alike, and what they keep two of them from."""

from __future__ import annotations

import numpy as np

from ganeti.htools.state import State
from ganeti.htools.tables import Floats, Ints

# With more of them it is not worth looking at pairs.
MANY = 64


class Localities:
    """Groups of nodes, and what a target of one adds when the other node is in another."""

    group: Ints
    """By node."""
    count: int

    def __init__(self, state: State) -> None:
        self.group, first = locality_of(state)
        self.count = len(first)
        if self.count > MANY:
            self.group, self.count = np.zeros_like(self.group), 1
        self._order = np.argsort(self.group, kind="stable")
        self._starts = np.searchsorted(self.group[self._order], np.arange(self.count))
        pairs = (self.count, self.count)
        self.shared, self.barred = np.zeros(pairs), np.zeros(pairs)
        """[target, other]: location tags that both have; infinite: no migration there."""
        if self.count == 1:
            return
        if state.tags.shared is not None:
            self.shared = state.tags.shared[np.ix_(first, first)]
        if state.tags.migration is not None:
            may = state.tags.migration[np.ix_(first, first)].T
            self.barred = np.where(may, 0.0, np.inf)
        self.online = state.nodes.online[first]

    def lowest(self, values: Floats, weights: Floats, runs: bool) -> Floats:
        """
        [class, locality of the other node]: the lowest of the values of all targets.

        @param values: [class, node]
        @param weights: by class: what a shared location tag counts.
        @param runs: the instances run on the target, and are no copies.
        """
        if self.count == 1:
            alone: Floats = values.min(axis=1)[:, None]
            return alone
        grouped = np.minimum.reduceat(values[:, self._order], self._starts, axis=1)
        between = self.barred if runs else np.zeros_like(self.barred)
        shared = self.shared if runs else self.shared * self.online
        return np.stack(
            [
                (grouped + between[:, other] + weights[:, None] * shared[:, other]).min(axis=1)
                for other in range(self.count)
            ],
            axis=1,
        )


def locality_of(state: State) -> tuple[Ints, Ints]:
    """The locality of each node, and the first node of each."""
    columns: list[Floats] = [state.nodes.online.astype(np.float64)]
    if state.tags.locations is not None:
        columns += list(state.tags.locations.T)
    if state.tags.migration is not None:
        columns += list(state.tags.migration.astype(np.float64))
        columns += list(state.tags.migration.T.astype(np.float64))
    if len(columns) == 1:
        return np.zeros(state.nodes.count, dtype=np.intp), np.zeros(1, dtype=np.intp)
    _rows, first, group = np.unique(
        np.stack(columns, axis=1), axis=0, return_index=True, return_inverse=True
    )
    return group.reshape(-1), first
