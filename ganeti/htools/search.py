"""The best move of all: every instance, every kind of move, every target."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ganeti.htools.drift import drift, levels
from ganeti.htools.field import Field
from ganeti.htools.moves import Kind, Move
from ganeti.htools.shapes import SHAPES
from ganeti.htools.tables import Flags, Floats
from ganeti.htools.trial import Trial

# So many pairs of instance and target are tried at once: what fits the processor's cache.
BATCH = 1 << 14
# Scores that differ by less are equal: what rounding leaves.
EQUAL = 1e-11
ALL = slice(None)
# So many instances are scored before their bounds are looked at again.
FEW = 256


class Found(NamedTuple):
    """A move, and the score after it."""

    score: float
    move: Move


class Search:
    """Finds the move with the lowest score."""

    def __init__(
        self,
        field: Field,
        *,
        disk_moves: bool = True,
        instance_moves: bool = True,
        evacuate: bool = False,
        restricted: bool = False,
    ) -> None:
        self.field, self.state = field, field.state
        self.disk_moves, self.instance_moves = disk_moves, instance_moves
        self.evacuate, self.restricted = evacuate, restricted
        instances = self.state.cluster.instances
        self.balanced = np.array([one.auto_balance for one in instances], dtype=bool)
        self.bounds = {kind: np.full(len(instances), -np.inf) for kind in SHAPES}
        """By instance: no move of the kind has a lower score, when C{offset} is added."""
        self.offset = 0.0
        self.levels = levels(field)

    def best(self) -> Found | None:
        """The best move there is; of equal ones the first instance's. None: none is possible."""
        exact = {kind: np.full(self.state.instances.count, np.inf) for kind in SHAPES}
        waiting = {kind: self.may_move(kind) for kind in SHAPES}
        lowest = np.inf
        # First those that nothing is known of, then those that may be as good.
        for kind in SHAPES:
            lowest = min(lowest, self._look(kind, waiting[kind], exact[kind], -np.inf))
        for kind in SHAPES:
            lowest = min(lowest, self._look(kind, waiting[kind], exact[kind], lowest + EQUAL))
        found = np.min(list(exact.values()), axis=0)
        if not len(found) or not np.isfinite(lowest):
            return None
        limit = lowest + EQUAL
        return self.first_move(int(np.argmax(found <= limit)), limit)

    def _look(self, kind: Kind, waiting: Flags, exact: Floats, limit: float) -> float:
        """Score the moves of those that may be as good as C{limit}; the lowest score."""
        lowest = np.inf
        while True:
            bounds = self.bounds[kind] + self.offset
            instances = np.flatnonzero(waiting & (bounds <= limit))
            if not len(instances):
                return lowest
            if len(instances) > FEW and np.isfinite(limit):
                instances = instances[np.argsort(bounds[instances])[:FEW]]
            scores = self.lowest_scores(Trial(self.field, kind, instances))
            exact[instances] = scores
            self.bounds[kind][instances] = scores - self.offset
            waiting[instances] = False
            lowest = min(lowest, float(scores.min()))
            limit = min(limit, lowest + EQUAL) if np.isfinite(limit) else limit

    def lowest_scores(self, trial: Trial) -> Floats:
        """By instance of the trial: the score of its best move."""
        if trial.kind is Kind.FAILOVER:
            return trial.scores_here()
        count = len(trial.instances)
        height = max(1, BATCH // len(trial.targets))
        parts = [slice(start, start + height) for start in range(0, count, height)]
        return np.concatenate([trial.scores(part).min(axis=1) for part in parts])

    def first_move(self, instance: int, limit: float) -> Found:
        """The first move of an instance that is as good as that, or as its best."""
        tried: list[tuple[int, Kind, Floats]] = []
        for order, kind in enumerate(SHAPES):
            if self.may_move(kind)[instance]:
                trial = Trial(self.field, kind, np.array([instance]))
                scores = trial.scores_here() if kind is Kind.FAILOVER else trial.scores(ALL)[0]
                tried.append((order, kind, scores))
        # One instance by itself may be rounded otherwise than among many.
        limit = max(limit, min(float(scores.min()) for _order, _kind, scores in tried) + EQUAL)
        found = [
            (-1 if kind is Kind.FAILOVER else int(target), order, kind, float(scores[target]))
            for order, kind, scores in tried
            for target in np.flatnonzero(scores <= limit)[:1]
        ]
        target, _order, kind, score = min(found, key=lambda each: each[:2])
        return Found(score, Move(instance, kind, target))

    def moved(self, nodes: set[int]) -> None:
        """
        Instances came to these nodes, or left them: bounds are kept where they hold.

        Moves of instances on these nodes are unknown again, moves to them are scored anew, and
        all others sink by no more than the drift.
        """
        before, self.levels = self.levels, levels(self.field)
        if self.state.tags.locations is not None and self.state.tags.exclusion is not None:
            for bounds in self.bounds.values():
                bounds[:] = -np.inf
            return
        self.offset += drift(before, self.levels, self.field.count) - EQUAL
        touched = np.array(sorted(nodes))
        near = np.isin(self.state.primary, touched) | np.isin(self.state.secondary, touched)
        for kind, bounds in self.bounds.items():
            bounds[near] = -np.inf
            far = np.flatnonzero(self.may_move(kind) & ~near)
            if len(far) and kind is not Kind.FAILOVER:
                scores = self.lowest_scores(Trial(self.field, kind, far, touched))
                bounds[far] = np.minimum(bounds[far], scores - self.offset)

    def may_move(self, kind: Kind) -> Flags:
        """By instance: whether such moves are tried."""
        table, online = self.state.instances, self.state.nodes.online
        first, second = self.state.primary, self.state.secondary
        may: Flags = table.movable & (first >= 0)
        may = may & self.balanced
        if kind is Kind.FAILOVER_TO:
            may = may & table.external & (second < 0)
            may = may & self.instance_moves
        else:
            may = may & table.mirrored & (second >= 0)
        off_primary = ~online[first]
        off = off_primary | ((second >= 0) & ~online[second])
        if self.evacuate:
            may = may & off
        if kind is Kind.FAILOVER:
            may = may & self.instance_moves
        elif kind is not Kind.FAILOVER_TO:
            may = may & self.disk_moves
            if kind is not Kind.REPLACE_SECONDARY:
                may = may & self.instance_moves
                if self.restricted:
                    may = may & off_primary & (kind is not Kind.REPLACE_PRIMARY)
        return may
