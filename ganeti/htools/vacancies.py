"""
The scores of all places for instances of one size, on a cluster that is being filled with them.

What an instance adds to a node is always the same, so after a placement only the columns of its
nodes change. Instances have no tags.
"""

from __future__ import annotations

import numpy as np

from ganeti.htools.field import Field
from ganeti.htools.measures import SPREADS, WEIGHTS
from ganeti.htools.newcomer import Newcomer
from ganeti.htools.spreads import near, root
from ganeti.htools.tables import MEM, RESOURCES, Floats, Ints

RESERVED = WEIGHTS["reserved_mem_cv"]
RESERVED_TOTAL = WEIGHTS["reserved_mem_rtotal"]
# From so many online nodes on, more reserved memory on one of them is never better: it adds a
# quarter of itself to the sum, and takes at most sqrt(n-1)/n of itself from the deviation.
GROWING_IS_WORSE = 15
CHUNK = 1 << 18


class Vacancies:
    """
    The places for one size.

    @ivar values: [metric, node]: what is compared of the nodes, less the metric's shift.
    @ivar grown: [metric, node]: what a new instance adds as primary; C{copied}: as secondary.
    """

    def __init__(self, field: Field, row: int) -> None:
        self.newcomer = Newcomer(field, row)
        self.field, self.state = field, field.state
        self._choose_metrics(row)
        online = self.state.nodes.online
        self._online = online.astype(np.float64)
        scaled = self._scaled(np.arange(self.state.nodes.count))
        means = scaled[:, online].mean(axis=1) if online.any() else np.zeros(len(scaled))
        self._shifts = np.array([near(float(mean)) for mean in means])
        self.values = np.zeros_like(scaled)
        self.refresh(np.arange(self.state.nodes.count))

    def _choose_metrics(self, row: int) -> None:
        """The standard deviations that the instance changes; equal ones are one with their sum."""
        state, table = self.state, self.state.instances
        found: dict[bytes, tuple[float, Floats, Floats, Floats]] = {}
        for name, resources in SPREADS.items():
            rows = np.zeros(RESOURCES)
            rows[list(resources)] = 1.0
            grown = rows * table.as_primary[:, row] @ state.nodes.inverse
            copied = rows * table.as_secondary[:, row] @ state.nodes.inverse
            if grown.any() or copied.any():
                values = (rows[:, None] * state.nodes.inverse * state.resources).sum(axis=0)
                key = values.tobytes() + grown.tobytes() + copied.tobytes()
                weight = found[key][0] if key in found else 0.0
                found[key] = (weight + WEIGHTS[name], rows, grown, copied)
        count = state.nodes.count
        self.weights = np.array([each[0] for each in found.values()])
        self._rows = np.array([each[1] for each in found.values()]).reshape(-1, RESOURCES)
        self.grown = np.array([each[2] for each in found.values()]).reshape(-1, count)
        self.copied = np.array([each[3] for each in found.values()]).reshape(-1, count)

    def _scaled(self, nodes: Ints) -> Floats:
        state = self.state
        scaled: Floats = self._rows @ (state.resources[:, nodes] * state.nodes.inverse[:, nodes])
        return scaled

    def refresh(self, nodes: Ints) -> None:
        """Take over what changed on these nodes."""
        count = self.field.count
        self.values[:, nodes] = (self._scaled(nodes) - self._shifts[:, None]) * self._online[nodes]
        self._means = self.values.sum(axis=1) / count
        self._squares = np.einsum("ij,ij->i", self.values, self.values) / count

    # Single nodes.

    def scores(self, nodes: Ints) -> Floats:
        """By node: the score with an instance there, less what is the same for all places."""
        count, grown = self.field.count, self.grown[:, nodes]
        means = self._means[:, None] + grown / count
        squares = self._squares[:, None] + self._added(grown, nodes)
        found: Floats = self.weights @ root(squares - means * means)
        return found + self.failing_primary(nodes)

    def _added(self, grown: Floats, nodes: Ints) -> Floats:
        """[metric, node]: what is added to the mean of the squares."""
        added: Floats = grown * (2.0 * self.values[:, nodes] + grown) / self.field.count
        return added

    def failing_primary(self, nodes: Ints) -> Floats:
        """By node: what more the metric of N+1 counts there."""
        if not self.field.failing.any():
            return np.zeros(len(nodes))
        state, newcomer = self.state, self.newcomer
        left = state.resources[MEM, nodes] - newcomer.used
        return self._failing(nodes, left <= state.reserved[nodes])

    def _failing(self, nodes: Ints, fails: np.ndarray) -> Floats:
        before = (self.state.primaries + self.state.secondaries)[nodes]
        after = fails * (before + self.newcomer.counted)
        change: Floats = (after - self.field.failing[nodes] * before) * self._online[nodes]
        return change

    # Pairs.

    def pair_scores(self, primary: Ints, secondary: Ints) -> Floats:
        """[primary, secondary]: the same without what is reserved on the secondary."""
        height = max(1, CHUNK // max(1, len(secondary) * len(self.weights)))
        parts = [
            self._pair_scores(primary[start : start + height], secondary)
            for start in range(0, len(primary), height)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, len(secondary)))

    def _pair_scores(self, primary: Ints, secondary: Ints) -> Floats:
        count = self.field.count
        own, copy = self.grown[:, primary], self.copied[:, secondary]
        scores = np.zeros((len(primary), len(secondary)))
        squares = self._squares[:, None] + self._added(own, primary)
        means = self._means[:, None] + own / count
        more, shift = self._added(copy, secondary), copy / count
        for metric, weight in enumerate(self.weights):
            if copy[metric].any():
                mean = means[metric][:, None] + shift[metric]
                scores += weight * root(squares[metric][:, None] + more[metric] - mean * mean)
            else:
                mean = means[metric]
                scores += weight * root(squares[metric] - mean * mean)[:, None]
        return scores + self.failing_primary(primary)[:, None]

    def reserved_least(self, nodes: Ints) -> Floats:
        """By node: what is reserved there when nothing is yet for the primary node."""
        return np.maximum(self.state.reserved[nodes], self.newcomer.needed)

    def reserved_scores(self, nodes: Ints, reserved: Floats) -> Floats:
        """By secondary node: what that reserve adds to the score; the same shape as C{reserved}."""
        state, field = self.state, self.field
        grown = (reserved - state.reserved[nodes]) * state.nodes.reserved_inverse[nodes]
        values = field.reserved_values[nodes]
        mean = (field.reserved_sum + grown) / field.count
        square = (field.reserved_squares + grown * (2.0 * values + grown)) / field.count
        total = mean * field.count + field.count * field.reserved_shift
        scores = RESERVED * root(square - mean * mean) + RESERVED_TOTAL * total
        if field.failing.any():
            scores = scores + self._failing(nodes, state.resources[MEM, nodes] <= reserved)
        return scores

    def newly_failing(self, nodes: Ints, reserved: Floats) -> np.ndarray:
        """By secondary node: whether it would newly fail N+1."""
        free = self.state.resources[MEM, nodes]
        fails: np.ndarray = (free <= reserved) & ~self.field.failing[nodes]
        return fails
