"""
Moves tried without making them: scores and refusals of many at once.

A L{Trial} is of one kind of move and of many instances: what happens on the nodes they
are on is computed for each instance once (L{Leaving}); L{Trial.scores} adds the targets.
"""

from __future__ import annotations

import numpy as np

from ganeti.htools.field import Field
from ganeti.htools.leaving import Leaving
from ganeti.htools.measures import WEIGHTS
from ganeti.htools.moves import Kind
from ganeti.htools.nplus1 import failing_here, failing_there
from ganeti.htools.refusals import Columns, refuse_copy, refuse_running, refuse_size
from ganeti.htools.spreads import COPY, OWN, root
from ganeti.htools.tables import Flags, Floats, Ints

ALL = slice(None)
RESERVED_WEIGHT = WEIGHTS["reserved_mem_cv"]
RESERVED_TOTAL_WEIGHT = WEIGHTS["reserved_mem_rtotal"]


class Trial(Leaving):
    """Moves of one kind, of these instances, to any target."""

    def __init__(
        self, field: Field, kind: Kind, instances: Ints, targets: Ints | None = None
    ) -> None:
        """
        @param targets: the nodes to try; None: all of them.
        """
        super().__init__(field, kind, instances)
        self.columns: Columns = ALL if targets is None else targets
        self.targets = np.arange(field.state.nodes.count) if targets is None else targets
        self.fixed = field.counts + self.counts
        self._add_factors()
        self.count_n1 = bool(
            field.values["n1_cnt"] > 0
            or field.believed
            or not field.strict
            or (self.forced & ~self.refused).any()
        )

    def _add_factors(self) -> None:
        """The standard deviations; those the target changes too are kept as factors."""
        stack, count, shape = self.field.stack, self.field.count, self.shape
        sums = self.grown_sums + stack.sums[:, None]
        squares = self.grown_squares + stack.squares[:, None]
        role = OWN if shape.primary == "t" else COPY
        moved: Flags = stack.counts[role].copy()
        if "t" not in (shape.primary, shape.secondary):
            moved[:] = False
        rest = root(squares[~moved] / count - (sums[~moved] / count) ** 2)
        self.fixed += stack.weights[~moved] @ rest
        self.weights = stack.weights[moved]
        self.mine = stack.instance_factors(role, moved, self.instances, sums, squares, count)
        self.theirs = stack.target_factors(moved, self.targets, count)

    def scores_here(self) -> Floats:
        """By instance, of a move without target: the score afterwards; infinite: refused."""
        scores = self.fixed + self._reserved_score(self.sum, self.squares)
        if self.count_n1:
            scores = scores + failing_here(self, ALL, self.on_p[:, None])[:, 0]
        return np.where(self.refused, np.inf, scores)

    def _reserved_score(self, sums: Floats, squares: Floats) -> Floats:
        field, count = self.field, self.field.count
        sums, squares = sums + field.reserved_sum, squares + field.reserved_squares
        score = RESERVED_WEIGHT * root(squares / count - (sums / count) ** 2)
        score += RESERVED_TOTAL_WEIGHT * (sums + count * field.reserved_shift)
        return score

    def scores(self, part: slice) -> Floats:
        """[instance, target] of these instances: the score afterwards; infinite: refused."""
        scores: Floats = np.repeat(self.fixed[part, None], len(self.targets), axis=1)
        for weight, mine, theirs in zip(self.weights, self.mine, self.theirs, strict=True):
            spread = root(mine[part] @ theirs)
            spread *= weight
            scores += spread
        changed = self._reserved_at(part)
        scores += self._reserved_with(part, changed)
        if self.count_n1:
            scores += self._n1_at(part, changed)
        scores += self._tags_at(part)
        refused = self._refused_at(part, changed)
        scores[refused] = np.inf
        return scores

    def _rows(self, matrix: Floats, rows: Ints) -> Floats:
        """[row, target] of a matrix that has a column for each node."""
        if isinstance(self.columns, slice):
            return matrix[rows]
        return matrix[rows[:, None], self.columns]

    def _reserved_at(self, part: slice) -> Floats:
        """[instance, target]: reserved memory where the target changes it: there, on p or on s."""
        needed, peers = self.needed[part, None], self.state.peers
        if self.shape.secondary == "t":
            other = self.p if self.shape.primary == "p" else self.s
            grown = self._rows(self.state.peers_of, other[part]) + needed
            return np.maximum(grown, self.state.reserved[self.columns], out=grown)
        if self.shape.secondary == "s":
            grown = self._rows(peers, self.s[part]) + needed
            return np.maximum(grown, self.left[part, None], out=grown)
        if self.shape.secondary == "p":
            grown = self._rows(peers, self.p[part]) + needed
            return np.maximum(grown, self.on_p[part, None], out=grown)
        return np.zeros((1, 1))

    def _reserved_with(self, part: slice, after: Floats) -> Floats:
        field, scale = self.field, self.state.nodes.reserved_inverse
        sums, squares = self.sum[part, None], self.squares[part, None]
        if not self.shape.secondary:
            return self._reserved_score(sums, squares)
        if self.shape.secondary == "t":
            at = self.columns
            now, scales, values = self.state.reserved[at], scale[at], field.reserved_values[at]
        else:
            nodes = (self.s if self.shape.secondary == "s" else self.p)[part, None]
            now, scales = self.state.reserved[nodes], scale[nodes]
            values = field.reserved_values[nodes]
        grown = (after - now) * scales
        squares = squares + grown * (2.0 * values + grown)
        grown += sums
        return self._reserved_score(grown, squares)

    def _tags_at(self, part: slice) -> Floats:
        """What the target's tags change."""
        tags, field = self.state.tags, self.field
        instances = self.instances[part]
        counted = self.state.instances.counted[instances, None]
        change: Floats = np.zeros((1, 1))
        at = self.columns
        primary_online = field.online[at] if self.shape.primary == "t" else np.ones(1)
        if tags.shared is not None and self.shape.secondary:
            other = {"p": self.p, "s": self.s}[self.shape.other]
            known = field.online[other[part], None] if self.shape.secondary == "t" else 1.0
            change = self._rows(tags.shared, other[part]) * counted * known * primary_online
        if self.shape.primary != "t":
            return change
        if tags.desired is not None and tags.desired_at is not None:
            change = change + tags.desired_at[:, at][tags.desired[instances]].sum(axis=1) * counted
        if tags.exclusion is not None:
            there = self.state.tags_there(instances, at).sum(axis=1)
            change = change + WEIGHTS["pri_tags_score"] * there
        if tags.exclusion is not None and tags.locations is not None:
            weight = WEIGHTS["location_exclusion_score"]
            change = change + weight * counted * (self.places[part] @ tags.locations[at].T)
        return change

    def _n1_at(self, part: slice, changed: Floats) -> Floats:
        """What nodes that fail N+1 change; only while there are some, or could be."""
        field, at, shape = self.field, self.columns, self.shape
        reserved = changed if shape.secondary == "t" else field.state.reserved[None, at]
        there = failing_there(field, self.instances[part], at, reserved, shape.primary == "t")
        return failing_here(self, part, changed) + there

    def _refused_at(self, part: slice, reserved: Floats) -> Flags:
        """[instance, target]: whether it cannot be."""
        instances, at, forced = self.instances[part], self.columns, self.forced[part, None]
        refused, soft = refuse_size(self.field, instances, at)
        if self.shape.primary == "t":
            running = refuse_running(self.field, instances, at)
            refused |= running.hard
            soft |= running.soft
            refused |= self._cannot_migrate(part)
        if self.kind is Kind.REPLACE_AND_FAILOVER:
            # It comes to the target before anything is forced.
            refused |= soft
        if self.shape.secondary == "t":
            soft |= refuse_copy(self.field, instances, at, reserved)
        elif self.shape.secondary:
            soft |= self.refuses_copy_here(part, reserved)
        refused |= soft & ~forced
        refused[self.refused[part]] = True
        refused |= self.p[part, None] == self.targets
        if self.shape.secondary:
            refused |= self.s[part, None] == self.targets
        return refused

    def _cannot_migrate(self, part: slice) -> Flags:
        """[instance or 1, target]: whether migration tags are against it."""
        flags = self.state.tags.migration
        if flags is None:
            return np.zeros((1, 1), dtype=bool)
        start = {"p": self.p, "s": self.s}[self.shape.other]
        refused: Flags = ~flags[start[part]][:, self.columns]
        return refused
