"""
What targets add to the score, for each kind of instance, weighed by L{Slopes}.

Instances of the same sizes and tags are one class: a cluster has few.
"""

from __future__ import annotations

import numpy as np

from ganeti.htools.field import Field
from ganeti.htools.measures import WEIGHTS
from ganeti.htools.nplus1 import failing_there
from ganeti.htools.refusals import Columns, refuse_copy, refuse_running, refuse_size
from ganeti.htools.slopes import Slopes
from ganeti.htools.state import State
from ganeti.htools.tables import Flags, Floats, Ints

ALL = slice(None)
RUNS, COPY = 0, 1
STRICT, FORCED = 0, 1


class Arrivals:
    """What every node as target adds, for all classes."""

    classes: Ints
    """By instance."""
    values: list[list[Floats]]
    """[RUNS or COPY][STRICT or FORCED][class, node]: infinite: refused."""

    def __init__(self, field: Field) -> None:
        self.field, self.state = field, field.state
        self.first, self.classes = instance_classes(field.state)
        shape = (len(self.first), field.state.nodes.count)
        self.variants = (STRICT, FORCED) if holds_offline(field.state) else (STRICT,)
        table = field.state.instances
        self.counted = table.counted[self.first] * table.mirrored[self.first]
        """By class: what a location tag counts that both nodes have."""
        self.extra = [[np.zeros(shape) for _variant in self.variants] for _role in (RUNS, COPY)]
        self.reserved_sum, self.reserved_squares = np.zeros(shape), np.zeros(shape)
        self.amounts = []
        for amounts in field.stack.amounts:
            each = amounts[:, :, self.first].reshape(-1, len(self.first)).T
            self.amounts.append(np.hstack([each, each * each]))
        self.refresh(ALL)

    def refresh(self, at: Columns) -> None:
        """Take over what changed on these nodes."""
        field, first = self.field, self.first
        if field.state.tags.locations is not None and field.state.tags.exclusion is not None:
            at = ALL
        size, running = refuse_size(field, first, at), refuse_running(field, first, at)
        now = field.state.reserved[None, at]
        change = failing_there(field, first, at, now, runs=True) + self._tags(at)
        hard, soft = size.hard | running.hard, size.soft | running.soft
        self._put(RUNS, at, change, hard, soft)
        after = np.maximum(now, field.state.instances.reserved[first, None])
        change = failing_there(field, first, at, after, runs=False)
        self._put(COPY, at, change, size.hard, size.soft | refuse_copy(field, first, at, after))
        grown = (after - now) * field.state.nodes.reserved_inverse[at]
        self.reserved_sum[:, at] = grown
        self.reserved_squares[:, at] = grown * (2.0 * field.reserved_values[at] + grown)

    def _put(self, role: int, at: Columns, change: Floats, hard: Flags, soft: Flags) -> None:
        self.extra[role][STRICT][:, at] = np.where(hard | soft, np.inf, change)
        if FORCED in self.variants:
            self.extra[role][FORCED][:, at] = np.where(hard, np.inf, change)

    def _tags(self, at: Columns) -> Floats:
        """[class, node]: what the tags of nodes change for those that run there."""
        state, first = self.state, self.first
        tags, counted = state.tags, state.instances.counted[first, None]
        change: Floats = np.zeros((1, 1))
        if tags.desired is not None and tags.desired_at is not None:
            change = change + tags.desired_at[:, at][tags.desired[first]].sum(axis=1) * counted
        if tags.exclusion is not None:
            there = state.tag_counts[:, at][tags.exclusion[first]] > 0
            change = change + WEIGHTS["pri_tags_score"] * there.sum(axis=1)
        if tags.exclusion is not None and tags.locations is not None:
            # At least: one of them may be the instance itself.
            there = (state.location_tags > 1).T[tags.exclusion[first]].sum(axis=1)
            weight = WEIGHTS["location_exclusion_score"]
            change = change + weight * counted * (there @ tags.locations[at].T)
        return change

    def weigh(self, slopes: Slopes) -> None:
        """Make L{values} those of the score as it is now."""
        stack = self.field.stack
        squares = np.array([slope.squares for slope in slopes.spreads])[:, None, None]
        sums = np.array([slope.sum for slope in slopes.spreads])[:, None, None]
        lines = stack.inverse * (2.0 * squares * stack.values[:, None] + sums)
        curves = stack.inverse * stack.inverse * squares
        factors = np.concatenate([lines, curves]).reshape(-1, self.state.nodes.count)
        runs, copy = (amounts @ factors for amounts in self.amounts)
        copy += slopes.reserved.squares * self.reserved_squares
        copy += slopes.reserved.sum * self.reserved_sum
        self.values = [
            [each + extra for extra in self.extra[role]] for role, each in enumerate((runs, copy))
        ]


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
