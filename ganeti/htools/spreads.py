"""
Standard deviations that are known after a change in O(1).

For every metric that is a standard deviation the sum and the sum of squares over the online
nodes are kept, of values less a constant near their mean, so that nothing is lost in the
difference. A move changes at most three nodes. What the third one, the target, adds is, for all
instances and all targets at once, a product of two thin matrices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ganeti.htools.measures import SPREADS, WEIGHTS
from ganeti.htools.state import State
from ganeti.htools.tables import Floats, Ints


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
    secondary_counts: bool = True

    def arrive(self, amounts: Floats, instances: Ints, nodes: Ints) -> Floats:
        """How much the value of a node grows when an instance comes, by pair of them."""
        grown: Floats = amounts[0, instances] * self.inverse[0, nodes]
        for row in range(1, len(self.rows)):
            grown = grown + amounts[row, instances] * self.inverse[row, nodes]
        return grown

    def refresh(self, state: State) -> None:
        """Take the values from the state."""
        scaled = state.resources[list(self.rows)] * self.inverse
        self.values = np.where(state.nodes.online, scaled.sum(axis=0) - self.shift, 0.0)
        self.sum = float(self.values.sum())
        self.squares = float(self.values @ self.values)

    def target_factors(self, count: int) -> Floats:
        """[factor, node]: what L{instance_factors} is multiplied with."""
        parts: list[Floats] = [np.ones(len(self.values))]
        for inverse in self.inverse:
            parts += [
                (2.0 / count) * inverse * self.values,
                (-2.0 / count**2) * inverse,
                (1.0 / count - 1.0 / count**2) * inverse * inverse,
            ]
        return np.stack(parts)

    def instance_factors(
        self, amounts: Floats, instances: Ints, sums: Floats, squares: Floats, count: int
    ) -> Floats:
        """
        [instance, factor]: times L{target_factors} it is the variance by instance and target.

        @param sums: by instance: the sum after what happens on its other nodes.
        """
        parts = [squares / count - (sums / count) ** 2]
        for row in amounts:
            amount = row[instances]
            parts += [amount, amount * sums, amount * amount]
        return np.stack(parts, axis=1)


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
            secondary_counts=bool(copy.any()),
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
