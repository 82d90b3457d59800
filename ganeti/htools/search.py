"""
The best move of all: every instance, every kind of move, every target.

What each move brings at most is weighed for all of them at each step (L{Slopes}), and only those
moves are tried that may be the best: the result is that of trying them all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ganeti.htools import ties
from ganeti.htools.arrivalbounds import TABLE, make_arrivals
from ganeti.htools.arrivals import COPY, RUNS
from ganeti.htools.field import Field
from ganeti.htools.moves import Kind, Move
from ganeti.htools.origins import Origins
from ganeti.htools.shapes import SHAPES
from ganeti.htools.slopes import reserved_reach, slopes, spread_reach
from ganeti.htools.tables import Flags, Floats, Ints
from ganeti.htools.trial import Trial

# So many instances are tried before it is looked again which others may be as good.
FEW = 128
# Scores that differ by less are equal: what rounding leaves.
EQUAL = 1e-11
ALL = slice(None)
NOWHERE = np.array([-1])


class Found(NamedTuple):
    """A move, and the score after it."""

    score: float
    move: Move


class Tried(NamedTuple):
    """Scores of moves of one kind."""

    kind: Kind
    instances: Ints
    targets: Ints
    scores: Floats
    """[instance, target]"""

    @property
    def lowest(self) -> float:
        """The score of the best one."""
        return float(self.scores.min())


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
        table: int = TABLE,
    ) -> None:
        """
        @param table: see L{make_arrivals}.
        """
        self.field, self.state = field, field.state
        self.disk_moves, self.instance_moves = disk_moves, instance_moves
        self.evacuate, self.restricted = evacuate, restricted
        instances = self.state.cluster.instances
        self.balanced = np.array([one.auto_balance for one in instances], dtype=bool)
        self.reaches = [*(spread_reach(field, one) for one in field.spreads), reserved_reach(field)]
        self.arrivals = make_arrivals(field, table)
        every = np.arange(len(instances))
        self.origins = {
            kind: Origins(field, kind) for kind in SHAPES if self.may(kind, every).any()
        }
        self._refresh(every)

    def best(self) -> Found | None:
        """The best move there is; of equal ones the first instance's. None: none is possible."""
        if not self.origins:
            return None
        lines = slopes(self.field, self.reaches)
        below = lines.score - lines.loss - EQUAL
        self.arrivals.weigh(lines)
        parts = {kind: origins.weigh(lines) + below for kind, origins in self.origins.items()}
        bounds = self._bounds(parts)
        return self._made(self._try_all(parts, bounds))

    def _made(self, tried: list[Tried]) -> Found | None:
        """The best move; of equal ones the one that rounding makes the best, or the first."""
        limit = min((each.lowest for each in tried), default=np.inf) + EQUAL
        if not np.isfinite(limit):
            return None
        count = sum(int((each.scores <= limit).sum()) for each in tried)
        if count == 1 or not ties.computable(self.field, count):
            return first_of(tried, limit)
        found = equals(tried, limit)
        move = ties.lowest(self.field, list(found))
        return Found(found[move], move)

    def _bounds(self, parts: dict[Kind, Floats]) -> dict[Kind, Floats]:
        """By instance: no move of the kind has a lower score."""
        lowest = [self.arrivals.lowest(role) for role in (RUNS, COPY)]
        bounds = {}
        for kind, part in parts.items():
            bounds[kind] = part
            if kind is not Kind.FAILOVER:
                role = RUNS if SHAPES[kind].primary == "t" else COPY
                bounds[kind] = part + self._at(kind, lowest[role])
        return bounds

    def _at(self, kind: Kind, lowest: list[Floats]) -> Floats:
        """By instance: what its best target adds."""
        origins, classes = self.origins[kind], self.arrivals.classes
        if self.arrivals.localities.count == 1:
            found = [each[:, 0][classes] for each in lowest]
        else:
            other = self.arrivals.localities.group[origins.other]
            found = [each[classes, other] for each in lowest]
        return found[0] if len(found) == 1 else np.where(origins.forced, found[1], found[0])

    def _try_all(self, parts: dict[Kind, Floats], bounds: dict[Kind, Floats]) -> list[Tried]:
        """All moves that may be the best; the one that seems so comes first."""
        kinds = sorted(bounds, key=lambda kind: float(bounds[kind].min()))
        first = bounds[kinds[0]].argmin()
        if not np.isfinite(bounds[kinds[0]][first]):
            return []
        done = [self._try(kinds[0], np.array([first]), parts[kinds[0]], np.inf)]
        lowest = done[0].lowest
        for kind in kinds:
            mine = bounds[kind]
            waiting = np.flatnonzero((mine <= lowest + EQUAL) & (mine < np.inf))
            waiting = waiting[mine[waiting].argsort()]
            while len(waiting):
                done.append(self._try(kind, waiting[:FEW], parts[kind], lowest + EQUAL))
                lowest = min(lowest, done[-1].lowest)
                waiting = waiting[FEW:]
                waiting = waiting[mine[waiting] <= lowest + EQUAL]
        return done

    def _try(self, kind: Kind, instances: Ints, part: Floats, limit: float) -> Tried:
        """Score moves of these instances: to the targets where one may be as good as the limit."""
        if kind is Kind.FAILOVER:
            scores = Trial(self.field, kind, instances).scores_here()[:, None]
            return Tried(kind, instances, NOWHERE, scores)
        role = RUNS if SHAPES[kind].primary == "t" else COPY
        targets = self.arrivals.within(
            role,
            self.arrivals.classes[instances],
            self.origins[kind].forced[instances],
            limit - part[instances],
        )
        if not len(targets):
            return Tried(kind, instances, targets, np.full((len(instances), 1), np.inf))
        return Tried(
            kind, instances, targets, Trial(self.field, kind, instances, targets).scores(ALL)
        )

    def moved(self, instance: int, touched: Ints) -> None:
        """An instance came to some of the touched nodes, and left the others."""
        state, tags = self.state, self.state.tags
        places = tags.locations is not None and tags.exclusion is not None
        self.arrivals.refresh(ALL if places else touched)
        flags = np.zeros(state.nodes.count + 1, dtype=bool)
        flags[touched] = True
        near = flags[state.primary] | flags[state.secondary]
        if places and tags.exclusion is not None:
            mine = [tag for tag in tags.exclusion[instance] if tag < tags.exclusion_count]
            near |= np.isin(tags.exclusion, mine).any(axis=1)
        self._refresh(np.flatnonzero(near))

    def _refresh(self, instances: Ints) -> None:
        for kind, origins in self.origins.items():
            origins.refresh(instances, self.may(kind, instances))

    def may(self, kind: Kind, instances: Ints) -> Flags:
        """By instance: whether such moves are tried."""
        table, online = self.state.instances, self.state.nodes.online
        first, second = self.state.primary[instances], self.state.secondary[instances]
        may: Flags = table.movable[instances] & (first >= 0) & self.balanced[instances]
        if kind is Kind.FAILOVER_TO:
            may = may & table.external[instances] & (second < 0) & self.instance_moves
        else:
            may = may & table.mirrored[instances] & (second >= 0)
        off_primary = ~online[first]
        if self.evacuate:
            may = may & (off_primary | ((second >= 0) & ~online[second]))
        if kind is Kind.FAILOVER:
            may = may & self.instance_moves
        elif kind is not Kind.FAILOVER_TO:
            may = may & self.disk_moves
            if kind is not Kind.REPLACE_SECONDARY:
                may = may & self.instance_moves
                if self.restricted:
                    may = may & off_primary & (kind is not Kind.REPLACE_PRIMARY)
        return may


def first_of(tried: list[Tried], limit: float) -> Found:
    """Of moves with no higher score that of the first instance, to the first target."""
    order = list(SHAPES)
    best = []
    for kind, instances, targets, scores in tried:
        rows, columns = np.nonzero(scores <= limit)
        if len(rows):
            row = rows[instances[rows].argmin()]
            column = columns[rows == row].min()
            key = (int(instances[row]), int(targets[column]), order.index(kind))
            best.append((key, float(scores[row, column])))
    (instance, target, number), score = min(best)
    return Found(score, Move(instance, order[number], target))


def equals(tried: list[Tried], limit: float) -> dict[Move, float]:
    """All moves with no higher score, by instance, target and kind."""
    order = list(SHAPES)
    found = {
        Move(int(instances[row]), kind, int(targets[column])): float(scores[row, column])
        for kind, instances, targets, scores in tried
        for row, column in zip(*np.nonzero(scores <= limit), strict=True)
    }
    moves = sorted(found, key=lambda move: (move.instance, move.target, order.index(move.kind)))
    return {move: found[move] for move in moves}
