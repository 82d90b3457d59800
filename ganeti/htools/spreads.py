"""
Standard deviations that are known after a change in O(1).

For every metric that is a standard deviation the sum and the sum of squares over the online
nodes are kept, of values less a constant near their mean, so that nothing is lost in the
difference. A move changes at most three nodes. What the third one, the target, adds is, for all
instances and all targets at once, a product of two thin matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ganeti.htools.measures import SPREADS, WEIGHTS
from ganeti.htools.state import State
from ganeti.htools.tables import Flags, Floats, Ints

# Primary and secondary instances.
OWN, COPY = range(2)


@dataclass(eq=False, slots=True)
class Spread:
    """One standard deviation; those that always have the same value are one, with one weight."""

    weight: float
    rows: tuple[int, ...]
    """The resources it is of; no node counts two of them."""
    inverse: Floats
    """[row, node]."""
    as_primary: Floats
    """[row, instance]: what an instance adds, before scaling."""
    as_secondary: Floats
    shift: float
    values: Floats
    """By node, less the shift; 0 offline."""
    sum: float = 0.0
    squares: float = 0.0

    def refresh(self, state: State) -> None:
        """Take the values from the state."""
        scaled = state.resources[list(self.rows)] * self.inverse
        self.values = np.where(state.nodes.online, scaled.sum(axis=0) - self.shift, 0.0)
        self.sum = float(self.values.sum())
        self.squares = float(self.values @ self.values)


class Stack:
    """All standard deviations of a state together, for trying moves."""

    weights: Floats
    """[spread]"""
    inverse: Floats
    """[spread, slot, node]: a slot for each resource of a spread; 0 where it has fewer."""
    amounts: tuple[Floats, Floats]
    """Of primary and of secondary instances, [spread, slot, instance]."""
    values: Floats
    """[spread, node]"""
    sums: Floats
    """[spread]"""
    squares: Floats

    def __init__(self, spreads: Sequence[Spread]) -> None:
        slots = max(len(one.rows) for one in spreads)
        self.weights = np.array([one.weight for one in spreads])
        self.inverse = np.stack([padded(one.inverse, slots) for one in spreads])
        self.amounts = (
            np.stack([padded(one.as_primary, slots) for one in spreads]),
            np.stack([padded(one.as_secondary, slots) for one in spreads]),
        )
        self.counts: list[Flags] = [np.any(each, axis=(1, 2)) for each in self.amounts]
        """Primary and secondary instances: which spreads they change."""
        self.refresh(spreads)

    def refresh(self, spreads: Sequence[Spread]) -> None:
        """Take over the values."""
        self.values = np.stack([one.values for one in spreads])
        self.sums = np.array([one.sum for one in spreads])
        self.squares = np.array([one.squares for one in spreads])

    def arrive(self, role: int, instances: Ints, nodes: Ints) -> Floats:
        """[spread, instance]: how the value of its node grows when an instance comes."""
        grown: Floats = self.amounts[role][:, 0, instances] * self.inverse[:, 0, nodes]
        for slot in range(1, self.inverse.shape[1]):
            grown += self.amounts[role][:, slot, instances] * self.inverse[:, slot, nodes]
        return grown

    def target_factors(self, which: Flags, targets: Ints, count: int) -> Floats:
        """[spread, factor, target]: what L{instance_factors} is multiplied with."""
        inverse = self.inverse[which][:, :, targets]
        values = self.values[which][:, None, targets]
        parts = [
            np.ones((len(inverse), 1, len(targets))),
            (2.0 / count) * inverse * values,
            (-2.0 / count**2) * inverse,
            (1.0 / count - 1.0 / count**2) * inverse * inverse,
        ]
        return np.concatenate(parts, axis=1)

    def instance_factors(
        self, role: int, which: Flags, instances: Ints, sums: Floats, squares: Floats, count: int
    ) -> Floats:
        """
        [spread, instance, factor]: times L{target_factors} the variance with each target.

        @param sums: [spread, instance]: the sum after what happens on its other nodes.
        """
        sums, squares = sums[which], squares[which]
        amounts = self.amounts[role][which][:, :, instances]
        parts = [
            (squares / count - (sums / count) ** 2)[:, None],
            amounts,
            amounts * sums[:, None],
            amounts * amounts,
        ]
        return np.concatenate(parts, axis=1).transpose(0, 2, 1)


def padded(rows: Floats, slots: int) -> Floats:
    """So many rows; those that are missing are 0."""
    return np.concatenate([rows, np.zeros((slots - len(rows), rows.shape[1]))])


def make_spreads(state: State) -> list[Spread]:
    """The standard deviations that moves can change, equal ones put together."""
    found: dict[bytes, Spread] = {}
    table = state.instances
    for name, resources in SPREADS.items():
        rows = tuple(row for row in resources if state.nodes.inverse[row].any()) or resources[:1]
        index = list(rows)
        inverse = state.nodes.inverse[index]
        own, copy = table.as_primary[index], table.as_secondary[index]
        scaled = (state.resources[index] * inverse).sum(axis=0)
        key = scaled.tobytes() + inverse.tobytes() + own.tobytes() + copy.tobytes()
        if key in found:
            found[key].weight += WEIGHTS[name]
            continue
        online = scaled[state.nodes.online]
        found[key] = Spread(
            weight=WEIGHTS[name],
            rows=rows,
            inverse=inverse,
            as_primary=own,
            as_secondary=copy,
            shift=near(float(online.mean())) if len(online) else 0.0,
            values=scaled,
        )
    spreads = list(found.values())
    for spread in spreads:
        spread.refresh(state)
    return spreads


def near(value: float) -> float:
    """A number near it with few binary digits: small numbers stay exact when it is taken away."""
    return round(value * 256.0) / 256.0


def root(variance: Floats) -> Floats:
    """Standard deviations; rounding below 0 is 0."""
    np.maximum(variance, 0.0, out=variance)
    return np.sqrt(variance, out=variance)
