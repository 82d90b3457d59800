"""The best move of all: every instance, every kind of move, every target."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ganeti.htools.field import Field
from ganeti.htools.moves import Kind, Move
from ganeti.htools.tables import Flags, Ints
from ganeti.htools.trial import SHAPES, Trial

# So many pairs of instance and target are tried at once: what fits the processor's cache.
BATCH = 1 << 14


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
        """The best move there is; None: none is possible."""
        found: Found | None = None
        for kind in SHAPES:
            instances = np.flatnonzero(self.may_move(kind))
            if not len(instances):
                continue
            for each in self.best_of_kind(kind, instances):
                if found is None or each.score < found.score:
                    found = each
        return found

    def best_of_kind(self, kind: Kind, instances: Ints) -> list[Found]:
        trial = Trial(self.field, kind, instances)
        if kind is Kind.FAILOVER:
            scores = trial.scores_here()
            best = int(scores.argmin())
            if not np.isfinite(scores[best]):
                return []
            return [Found(float(scores[best]), Move(int(instances[best]), kind, -1))]
        found = []
        height = max(1, BATCH // self.state.nodes.count)
        for start in range(0, len(instances), height):
            scores = trial.scores(slice(start, start + height))
            where = int(scores.argmin())
            row, target = divmod(where, scores.shape[1])
            score = float(scores[row, target])
            if np.isfinite(score):
                found.append(Found(score, Move(int(instances[start + row]), kind, target)))
        return found

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
