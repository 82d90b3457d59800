"""The best move of all: every instance, every kind of move, every target."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ganeti.htools.field import Field
from ganeti.htools.moves import Kind, Move
from ganeti.htools.tables import Flags, Floats
from ganeti.htools.trial import SHAPES, Trial

# So many pairs of instance and target are tried at once: what fits the processor's cache.
BATCH = 1 << 14
# Scores that differ by less are equal: what rounding leaves.
EQUAL = 1e-11
ALL = slice(None)


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

    def best(self) -> Found | None:
        """The best move there is; of equal ones the first instance's. None: none is possible."""
        lowest = np.full(self.state.instances.count, np.inf)
        for kind in SHAPES:
            instances = np.flatnonzero(self.may_move(kind))
            if len(instances):
                scores = self.lowest_scores(Trial(self.field, kind, instances))
                lowest[instances] = np.minimum(lowest[instances], scores)
        if not len(lowest) or not np.isfinite(lowest.min()):
            return None
        limit = lowest.min() + EQUAL
        return self.first_move(int(np.argmax(lowest <= limit)), limit)

    def lowest_scores(self, trial: Trial) -> Floats:
        """By instance of the trial: the score of its best move."""
        if trial.kind is Kind.FAILOVER:
            return trial.scores_here()
        count = len(trial.instances)
        height = max(1, BATCH // self.state.nodes.count)
        parts = [slice(start, start + height) for start in range(0, count, height)]
        return np.concatenate([trial.scores(part).min(axis=1) for part in parts])

    def first_move(self, instance: int, limit: float) -> Found:
        """The first move of an instance that is as good as that."""
        chosen: tuple[int, int, Found] | None = None
        for order, kind in enumerate(SHAPES):
            if not self.may_move(kind)[instance]:
                continue
            trial = Trial(self.field, kind, np.array([instance]))
            scores = trial.scores_here() if kind is Kind.FAILOVER else trial.scores(ALL)[0]
            target = int(np.argmax(scores <= limit))
            if not scores[target] <= limit:
                continue
            found = Found(float(scores[target]), Move(instance, kind, target))
            if kind is Kind.FAILOVER:
                return Found(found.score, Move(instance, kind, -1))
            if chosen is None or (target, order) < chosen[:2]:
                chosen = (target, order, found)
        assert chosen is not None, "the instance has such a move"
        return chosen[2]

    def moved(self, nodes: set[int]) -> None:
        """Instances came to these nodes, or left them."""

    def may_move(self, kind: Kind) -> Flags:
        """By instance: whether such moves are tried."""
        table, online = self.state.instances, self.state.nodes.online
        first, second = self.state.primary, self.state.secondary
        may: Flags = table.movable & (first >= 0)
        balanced = np.array([one.auto_balance for one in self.state.cluster.instances], dtype=bool)
        may = may & balanced
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
