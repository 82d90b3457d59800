"""The two ways to know what targets add: a table for few classes, bounds for many."""

from __future__ import annotations

import numpy as np

from ganeti.htools.arrivals import (
    ALL,
    COPY,
    RUNS,
    Arrivals,
    instance_classes,
)
from ganeti.htools.field import Field
from ganeti.htools.refusals import Columns
from ganeti.htools.slopes import Slope, Slopes
from ganeti.htools.tables import Floats, Ints

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

    def values(self, role: int, classes: Ints) -> list[Floats]:
        return [each[classes] for each in self.table[role]]


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
        self.needed = field.state.instances.reserved[self.first]
        self.needed = self.needed * float(field.state.nodes.reserved_inverse.max(initial=0.0))
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
            for role in (RUNS, COPY):
                drift = self._drift(role, difference)
                if role == COPY:
                    drift += self._reserved_drift(old.reserved, slopes.reserved)
                self._sink(role, drift)
        self.changed[:] = False

    def _weigh_all(self) -> None:
        self.bounds = []
        for role in (RUNS, COPY):
            parts = []
            for start in range(0, len(self.first), FEW):
                classes = self.every[start : start + FEW]
                parts.append(self.lowest_of(role, classes, self._exact(role, classes)))
            self.bounds.append([np.concatenate(each) for each in zip(*parts, strict=True)])

    def _exact(self, role: int, classes: Ints) -> list[Floats]:
        return self.weighed(role, classes, ALL, self.measure(role, classes, ALL))

    def _drift(self, role: int, difference: Floats) -> Floats:
        """By class: at least by this a target changes what it adds, but for reserved memory."""
        rising = self.signs[role] >= 0
        steepest = np.where(rising, difference.min(axis=1), difference.max(axis=1))
        drift: Floats = self.amounts[role] @ steepest
        return drift

    def _reserved_drift(self, old: Slope, new: Slope) -> Floats:
        """The same of reserved memory."""
        values, needed = self.field.reserved_values[self.field.targets], self.needed
        low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
        grown = np.minimum(needed, -low)
        least, most = grown * (2.0 * low + grown), needed * (2.0 * high + needed)
        steeper = new.squares - old.squares
        return np.minimum(steeper * least, steeper * most) + np.minimum(
            0.0, (new.sum - old.sum) * needed
        )

    def _sink(self, role: int, drift: Floats) -> None:
        """Lower the bounds: by the drift, and to what the nodes add that changed."""
        for bounds in self.bounds[role]:
            bounds += drift[:, None]
        # One by one: arrays with few columns are slow.
        for node in np.flatnonzero(self.changed):
            at = np.array([node])
            here = self.weighed(role, ALL, at, self.measure(role, self.every, at))
            for bounds, values in zip(self.bounds[role], here, strict=True):
                np.minimum(bounds, values, out=bounds)

    def lowest(self, role: int) -> list[Floats]:
        return self.bounds[role]

    def values(self, role: int, classes: Ints) -> list[Floats]:
        wanted, where = np.unique(classes, return_inverse=True)
        values = self._exact(role, wanted)
        for variant, lowest in enumerate(self.lowest_of(role, wanted, values)):
            self.bounds[role][variant][wanted] = lowest
        return [each[where] for each in values]


def make_arrivals(field: Field, table: int = TABLE) -> Arrivals:
    """
    The way that fits the cluster.

    @param table: so many pairs of class and node are weighed at each step, at most.
    """
    classes = instance_classes(field.state)
    if len(classes[0]) * field.state.nodes.count <= table:
        return ArrivalTable(field, classes)
    return ArrivalBounds(field, classes)
