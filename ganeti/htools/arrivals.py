"""
What targets add to the score, for each kind of instance, weighed by L{Slopes}.

Instances of the same sizes and tags are one class.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np

from ganeti.htools.field import Field
from ganeti.htools.localities import Localities
from ganeti.htools.measures import WEIGHTS
from ganeti.htools.nplus1 import failing_there
from ganeti.htools.refusals import Columns, refuse_copy, refuse_running, refuse_size
from ganeti.htools.slopes import Slopes
from ganeti.htools.state import State
from ganeti.htools.tables import Flags, Floats, Ints

ALL = slice(None)
RUNS, COPY = 0, 1
STRICT, FORCED = 0, 1


class Added(NamedTuple):
    """What targets add that does not depend on slopes, [class, node]."""

    change: list[Floats]
    """By variant: what counts; infinite: refused."""
    reserved_sum: Floats | None
    """How the sum of reserved memory changes, and its squares."""
    reserved_squares: Floats | None


class Arrivals(ABC):
    """What nodes as targets add; the two ways to know it for all classes are below."""

    classes: Ints
    """By instance."""
    factors: Floats
    """[factor, node]: what amounts are multiplied with, for the slopes as they are."""

    def __init__(self, field: Field, classes: tuple[Ints, Ints]) -> None:
        self.field, self.state = field, field.state
        self.first, self.classes = classes
        self.every = np.arange(len(self.first))
        self.localities = Localities(field.state)
        table = field.state.instances
        self.counted = table.counted[self.first] * table.mirrored[self.first]
        """By class: what a location tag counts that both nodes have."""
        self.variants = (STRICT, FORCED) if holds_offline(field.state) else (STRICT,)
        amounts = [
            each[:, :, self.first].reshape(-1, len(self.first)) for each in field.stack.amounts
        ]
        both = [np.concatenate([each, each * each]).T for each in amounts]
        self.used = [np.flatnonzero(each.any(axis=0)) for each in both]
        """By role: the factors that matter."""
        self.amounts = [each[:, used] for each, used in zip(both, self.used, strict=True)]

    @abstractmethod
    def refresh(self, at: Columns) -> None:
        """Take over what changed on these nodes."""

    @abstractmethod
    def weigh(self, slopes: Slopes) -> None:
        """Take over the slopes."""

    @abstractmethod
    def lowest(self, role: int) -> list[Floats]:
        """[class, locality of the other node], by variant: no target adds less."""

    @abstractmethod
    def within(self, role: int, classes: Ints, forced: Flags, most: Floats) -> Ints:
        """
        The targets where one of the instances adds no more than it may.

        @param classes: those of the instances.
        @param forced: by instance: whether soft limits do not hold.
        @param most: by instance: what it may add.
        """

    def measure(self, role: int, classes: Ints, at: Columns) -> Added:
        """What does not depend on slopes."""
        field, first = self.field, self.first[classes]
        size, now = refuse_size(field, first, at), field.state.reserved[None, at]
        if role == RUNS:
            running = refuse_running(field, first, at)
            change = failing_there(field, first, at, now, runs=True) + self._tags(first, at)
            hard, soft = size.hard | running.hard, size.soft | running.soft
            return Added(self._variants(change, hard, soft), None, None)
        after = np.maximum(now, field.state.instances.reserved[first, None])
        change = failing_there(field, first, at, after, runs=False)
        soft = size.soft | refuse_copy(field, first, at, after)
        grown = (after - now) * field.state.nodes.reserved_inverse[at]
        squares = grown * (2.0 * field.reserved_values[at] + grown)
        return Added(self._variants(change, size.hard, soft), grown, squares)

    def _variants(self, change: Floats, hard: Flags, soft: Flags) -> list[Floats]:
        strict = np.where(hard | soft, np.inf, change)
        return [strict, np.where(hard, np.inf, change)][: len(self.variants)]

    def _tags(self, first: Ints, at: Columns) -> Floats:
        """[class, node]: what the tags of nodes change for those that run there."""
        state = self.state
        tags, counted = state.tags, state.instances.counted[first, None]
        change: Floats = np.zeros((1, 1))
        if tags.desired is not None and tags.desired_at is not None:
            change = change + tags.desired_at[:, at][tags.desired[first]].sum(axis=1) * counted
        if tags.exclusion is not None:
            there = state.tags_there(first, at).sum(axis=1)
            change = change + WEIGHTS["pri_tags_score"] * there
        if tags.exclusion is not None and tags.locations is not None:
            # At least: one of them may be the instance itself.
            there = (state.location_tags > 1).T[tags.exclusion[first]].sum(axis=1)
            weight = WEIGHTS["location_exclusion_score"]
            change = change + weight * counted * (there @ tags.locations[at].T)
        return change

    def set_factors(self, slopes: Slopes) -> None:
        """Make the factors those of the slopes."""
        stack, self.slopes = self.field.stack, slopes
        squares = np.array([slope.squares for slope in slopes.spreads])[:, None, None]
        sums = np.array([slope.sum for slope in slopes.spreads])[:, None, None]
        lines = stack.inverse * (2.0 * squares * stack.values[:, None] + sums)
        curves = stack.inverse * stack.inverse * squares
        self.factors = np.concatenate([lines, curves]).reshape(-1, self.state.nodes.count)

    def lines(self, role: int) -> Floats:
        """[factor, node]: those of one role."""
        return self.factors[self.used[role]]

    def weighed(self, role: int, classes: Ints | slice, at: Columns, added: Added) -> list[Floats]:
        """[class, node], by variant."""
        values: Floats = self.amounts[role][classes] @ self.lines(role)[:, at]
        if added.reserved_sum is not None and added.reserved_squares is not None:
            values += self.slopes.reserved.squares * added.reserved_squares
            values += self.slopes.reserved.sum * added.reserved_sum
        return [values + each for each in added.change]

    def lowest_of(self, role: int, classes: Ints | slice, values: list[Floats]) -> list[Floats]:
        """[class, locality of the other node], by variant."""
        weights = self.counted[classes]
        return [self.localities.lowest(each, weights, role == RUNS) for each in values]


def holds_offline(state: State) -> bool:
    """Whether an instance is on an offline node."""
    online = np.append(state.nodes.online, True)
    return not bool(online[state.primary].all() and online[state.secondary].all())


def instance_classes(state: State) -> tuple[Ints, Ints]:
    """The first instance of each class, and the class of each instance."""
    table = state.instances
    columns = [*table.as_primary, *table.as_secondary, table.memory, table.disk, table.cpus]
    columns += [table.spindle_use, table.spindles, table.reserved, table.counted]
    for tags in (state.tags.exclusion, state.tags.desired):
        if tags is not None:
            columns += list(tags.T)
    _rows, first, classes = np.unique(
        np.stack(columns, axis=1), axis=0, return_index=True, return_inverse=True
    )
    return first, classes.reshape(-1)
