"""The two ways to know what targets add: a table for few classes, bounds for many."""

from __future__ import annotations

import numpy as np

from ganeti.htools.arrivals import (
    ALL,
    COPY,
    FORCED,
    RUNS,
    STRICT,
    Arrivals,
    instance_classes,
)
from ganeti.htools.field import Field
from ganeti.htools.refusals import Columns
from ganeti.htools.sizes import fits, sizes
from ganeti.htools.slopes import Slope, Slopes
from ganeti.htools.tables import Flags, Floats, Ints

# So many pairs of class and node are weighed at each step.
TABLE = 1 << 18
# So many classes are weighed at once.
FEW = 256


class ArrivalTable(Arrivals):
    """Every class and every target, weighed anew at each step."""

    def __init__(self, field: Field, classes: tuple[Ints, Ints]) -> None:
        super().__init__(field, classes)
        self.added = [self.measure(role, self.every, ALL) for role in (RUNS, COPY)]

    def refresh(self, at: Columns) -> None:
        for role, whole in enumerate(self.added):
            part = self.measure(role, self.every, at)
            for each, new in zip(whole.change, part.change, strict=True):
                each[:, at] = new
            if whole.reserved_sum is not None and whole.reserved_squares is not None:
                whole.reserved_sum[:, at] = part.reserved_sum
                whole.reserved_squares[:, at] = part.reserved_squares

    def weigh(self, slopes: Slopes) -> None:
        self.set_factors(slopes)
        self.table = [self.weighed(role, ALL, ALL, added) for role, added in enumerate(self.added)]

    def lowest(self, role: int) -> list[Floats]:
        return self.lowest_of(role, ALL, self.table[role])

    def within(self, role: int, classes: Ints, forced: Flags, most: Floats) -> Ints:
        values = [each[classes] for each in self.table[role]]
        return np.flatnonzero(fitting(values, forced, most))


class ArrivalBounds(Arrivals):
    """
    By class only what its best target adds, as a bound.

    A step changes the bounds by what the slopes' change makes of any target that it left alone,
    and by what the targets add that it did not. What is weighed for being tried is exact again.
    """

    bounds: list[list[Floats]]
    """[role][variant]"""

    def __init__(self, field: Field, classes: tuple[Ints, Ints]) -> None:
        super().__init__(field, classes)
        self.signs = [np.sign(amounts.sum(axis=0)) for amounts in self.amounts]
        self.turned = [np.ascontiguousarray(amounts.T) for amounts in self.amounts]
        """By role, [factor, class]."""
        self.sizes = sizes(field.state, self.first)
        self.needed = field.state.instances.reserved[self.first]
        self.changed = np.ones(field.state.nodes.count, dtype=bool)

    def refresh(self, at: Columns) -> None:
        self.changed[at] = True

    def weigh(self, slopes: Slopes) -> None:
        if self.changed.all():
            self.set_factors(slopes)
            self._weigh_all()
        else:
            before, old = self.factors, self.slopes
            self.set_factors(slopes)
            difference = (self.factors - before)[:, ~self.changed]
            extremes = difference.min(axis=1), difference.max(axis=1)
            for role in (RUNS, COPY):
                self._sink(role, self._steepest(role, *extremes), old.reserved)
        self.changed[:] = False

    def _weigh_all(self) -> None:
        self.bounds = []
        for role in (RUNS, COPY):
            parts = []
            for start in range(0, len(self.first), FEW):
                classes = self.every[start : start + FEW]
                parts.append(self.lowest_of(role, classes, self._exact(role, classes, ALL)))
            self.bounds.append([np.concatenate(each) for each in zip(*parts, strict=True)])

    def _exact(self, role: int, classes: Ints, at: Columns) -> list[Floats]:
        return self.weighed(role, classes, at, self.measure(role, classes, at))

    def _steepest(self, role: int, least: Floats, most: Floats) -> Floats:
        """By factor: how an untouched target changes what it adds, where that is least."""
        used = self.used[role]
        steepest: Floats = np.where(self.signs[role] >= 0, least[used], most[used])
        return steepest

    def _reserved_drift(self, old: Slope, new: Slope) -> Floats:
        """By class: how what reserved memory adds to an untouched target changes, at least."""
        values = self.field.reserved_values[self.field.targets]
        needed = self.needed * float(self.state.nodes.reserved_inverse.max(initial=0.0))
        low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
        grown = np.minimum(needed, -low)
        least, most = grown * (2.0 * low + grown), needed * (2.0 * high + needed)
        steeper = new.squares - old.squares
        return np.minimum(steeper * least, steeper * most) + np.minimum(
            0.0, (new.sum - old.sum) * needed
        )

    def _sink(self, role: int, steepest: Floats, reserved: Slope) -> None:
        """Lower the bounds: by the drift, and to what the nodes add that changed."""
        nodes = np.flatnonzero(self.changed)
        lines = np.concatenate([steepest[None], self.lines(role)[:, nodes].T])
        drift, *floors = lines @ self.turned[role]
        if role == COPY:
            drift += self._reserved_drift(reserved, self.slopes.reserved)
        for bounds in self.bounds[role]:
            bounds += drift[:, None]
        soft, least = len(self.variants) == 1, self._least(role)[nodes]
        for node, floor, more in zip(nodes.tolist(), floors, least, strict=True):
            may = floor + more < highest(self.bounds[role][STRICT])
            may &= fits(self.field, self.sizes, node, runs=role == RUNS, soft=soft)
            classes = np.flatnonzero(may)
            if len(classes):
                self._sink_to(role, classes, np.array([node]))

    def _sink_to(self, role: int, classes: Ints, node: Ints) -> None:
        """Lower the bounds of these classes to what the node adds."""
        here = self._exact(role, classes, node)
        for bounds, values in zip(self.bounds[role], here, strict=True):
            bounds[classes] = np.minimum(bounds[classes], values)

    def _least(self, role: int) -> Floats:
        """By node: what counts, and reserved memory, change by at least; infinite: offline."""
        field, state = self.field, self.state
        # A node that fails N+1 may do so no longer.
        least = -1.0 * field.failing * (state.primaries + state.secondaries)
        if role == COPY:
            more = np.maximum(0.0, self.needed.max(initial=0.0) - state.reserved)
            most = more * state.nodes.reserved_inverse
            least += lowest_growth(self.slopes.reserved, field.reserved_values, most)
        return np.where(state.nodes.online, least, np.inf)

    def lowest(self, role: int) -> list[Floats]:
        return self.bounds[role]

    def within(self, role: int, classes: Ints, forced: Flags, most: Floats) -> Ints:
        values = self.amounts[role][classes] @ self.lines(role)
        values += self._least(role)
        targets = np.flatnonzero(fitting([values], forced, most))
        exact = self._exact(role, classes, targets)
        for variant, each in enumerate(exact):
            values[:, targets] = each
            lowest = self.lowest_of(role, classes, [values])[0]
            bounds = self.bounds[role][variant]
            bounds[classes] = np.maximum(bounds[classes], lowest)
        return targets[fitting(exact, forced, most)]


def fitting(values: list[Floats], forced: Flags, most: Floats) -> Flags:
    """
    By target: whether it adds no more to one of the instances than it may.

    @param values: by variant, [instance, target]
    """
    adds = values[STRICT]
    if len(values) > FORCED:
        adds = np.where(forced[:, None], values[FORCED], adds)
    found: Flags = np.any((adds <= most[:, None]) & (adds < np.inf), axis=0)
    return found


def highest(bounds: Floats) -> Floats:
    """By class, of all localities."""
    return bounds[:, 0] if bounds.shape[1] == 1 else bounds.max(axis=1)


def lowest_growth(line: Slope, values: Floats, most: Floats) -> Floats:
    """By node: the least that reserved memory weighs when it grows by no more than C{most}."""
    steep = 2.0 * line.squares * values + line.sum
    grown = np.where(steep < 0.0, most, 0.0)
    if line.squares > 0.0:
        grown = np.minimum(grown, np.maximum(0.0, -steep / (2.0 * line.squares)))
    least: Floats = grown * (steep + line.squares * grown)
    return least


def make_arrivals(field: Field, table: int = TABLE) -> Arrivals:
    """
    The way that fits the cluster.

    @param table: so many pairs of class and node are weighed at each step, at most.
    """
    classes = instance_classes(field.state)
    if len(classes[0]) * field.state.nodes.count <= table:
        return ArrivalTable(field, classes)
    return ArrivalBounds(field, classes)
