"""
The best pair of nodes for instances of one size, on a cluster that is being filled with them.

Nodes with the same numbers make the same scores, so one pair stands for all pairs of their kinds.
Only the memory that is reserved for a primary node on its secondary is each pair's own: where more
is reserved the score is never better, so that a kind's score with the least is a lower bound, and
pairs are looked at one by one only where the bound is not above the best score. The answer is that
of looking at all pairs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ganeti.htools.newcomer import Code, Codes
from ganeti.htools.state import State
from ganeti.htools.tables import Floats, Ints
from ganeti.htools.vacancies import GROWING_IS_WORSE, Vacancies

EQUAL = 1e-11


class Pair(NamedTuple):
    """Two nodes and the score with them, less what is the same for all pairs."""

    score: float
    primary: int
    secondary: int


class Kinds:
    """Which nodes of a group are alike; kept up to date while it is filled."""

    def __init__(self, state: State, nodes: Ints) -> None:
        self._state = state
        table = state.nodes
        fixed = np.vstack(
            [
                table.inverse,
                table.memory,
                table.disk,
                table.cpus,
                table.max_cpus,
                table.max_spindles,
                table.min_disk,
                table.exclusive,
            ]
        )
        self._fixed = {int(node): fixed[:, node].tobytes() for node in nodes}
        self._key: dict[int, bytes] = {}
        self._members: dict[bytes, set[int]] = {}
        self.refresh([int(node) for node in nodes])

    def refresh(self, nodes: list[int]) -> None:
        """Take over what changed on these nodes."""
        for node in nodes:
            if node not in self._fixed:
                continue
            if node in self._key:
                self._leave(node)
            key = self._key[node] = self._numbers(node)
            self._members.setdefault(key, set()).add(node)

    def _leave(self, node: int) -> None:
        members = self._members[self._key[node]]
        members.remove(node)
        if not members:
            del self._members[self._key[node]]

    def _numbers(self, node: int) -> bytes:
        state = self._state
        counts = (state.reserved[node], state.primaries[node] + state.secondaries[node])
        own = np.array([*counts, state.slack[node]])
        return self._fixed[node] + state.resources[:, node].tobytes() + own.tobytes()

    def members(self) -> list[set[int]]:
        """The nodes of each kind."""
        return list(self._members.values())


class Pairs:
    """The pairs of nodes in one group."""

    def __init__(self, vacancies: Vacancies, nodes: Ints) -> None:
        self._vacancies, self._state = vacancies, vacancies.state
        self._alike = vacancies.field.count >= GROWING_IS_WORSE
        self._kinds = Kinds(vacancies.state, nodes)
        self._nodes = nodes

    def refresh(self, nodes: list[int]) -> None:
        """Take over what changed on these nodes."""
        if self._alike:
            self._kinds.refresh(nodes)

    def best(self, first: Codes, second: Codes) -> Pair | None:
        """
        The pair with the lowest score; of equal ones the last.

        @param first: by node of the cluster, why it cannot be primary; C{second}: secondary.
        """
        kinds = self._kinds.members() if self._alike else [{int(node)} for node in self._nodes]
        examples = np.array([next(iter(kind)) for kind in kinds], dtype=np.intp)
        ones = np.flatnonzero(first[examples] == Code.FITS)
        twos = np.flatnonzero(second[examples] == Code.FITS)
        if not len(ones) or not len(twos):
            return None
        own = [kinds[kind] for kind in ones]
        copies = [kinds[kind] for kind in twos]
        bounds, placing = self._bounds(examples[ones], examples[twos])
        return self._search(bounds, placing, own, copies)

    def _bounds(self, primary: Ints, secondary: Ints) -> tuple[Floats, Floats]:
        """[kind, kind]: the lowest score that a pair of them may have, and without the reserve."""
        vacancies = self._vacancies
        placing = vacancies.pair_scores(primary, secondary)
        least = vacancies.reserved_least(secondary)
        if not self._alike:
            return self._exact(placing, primary, secondary), placing
        reserve = vacancies.reserved_scores(secondary, least)
        bounds = placing + np.where(vacancies.newly_failing(secondary, least), np.inf, reserve)
        return bounds, placing

    def _exact(self, placing: Floats, primary: Ints, secondary: Ints) -> Floats:
        """The scores themselves, when each kind is one node."""
        vacancies = self._vacancies
        reserved = self._reserved(primary[:, None], secondary)
        reserve = vacancies.reserved_scores(secondary, reserved)
        refused = vacancies.newly_failing(secondary, reserved) | (primary[:, None] == secondary)
        scores: Floats = placing + np.where(refused, np.inf, reserve)
        return scores

    def _reserved(self, primary: Ints, secondary: Ints) -> Floats:
        """What is reserved on the secondary node then."""
        state = self._state
        grown = state.peers_of[primary, secondary] + self._vacancies.newcomer.needed
        reserved: Floats = np.maximum(grown, state.reserved[secondary])
        return reserved

    def _search(
        self, bounds: Floats, placing: Floats, own: list[set[int]], copies: list[set[int]]
    ) -> Pair | None:
        """Look at pairs of kinds from the lowest bound on."""
        found: list[Pair] = []
        best = np.inf
        while True:
            lowest = float(bounds.min())
            if not np.isfinite(lowest) or lowest > best + EQUAL:
                break
            for one, two in zip(*np.nonzero(bounds <= lowest + EQUAL), strict=True):
                bound, without = float(bounds[one, two]), float(placing[one, two])
                pair = self._settle(bound, without, own[one], copies[two])
                bounds[one, two] = np.inf
                if pair is not None:
                    found.append(pair)
                    best = min(best, pair.score)
        near = [pair for pair in found if pair.score <= best + EQUAL]
        return max(near, key=lambda pair: pair[1:]) if near else None

    def _settle(self, bound: float, placing: float, own: set[int], copies: set[int]) -> Pair | None:
        """The best pair of two kinds; None: there is none."""
        secondary = np.array(sorted(copies), dtype=np.intp)
        least = self._vacancies.reserved_least(secondary[:1])[0]
        more: Pair | None = None
        lowest = np.inf
        for primary in sorted(own, reverse=True):
            reserved = self._reserved(np.array(primary), secondary)
            reserved[secondary == primary] = np.inf
            smallest = float(reserved.min())
            if smallest < lowest:
                where = int(np.flatnonzero(reserved == smallest)[-1])
                more, lowest = Pair(bound, primary, int(secondary[where])), smallest
            if smallest <= least or not self._alike:
                break
        if more is None or lowest <= least or not self._alike:
            return more
        return self._with_reserve(more, placing, lowest)

    def _with_reserve(self, pair: Pair, placing: float, reserved: float) -> Pair | None:
        """A pair whose reserve is more than the least."""
        vacancies = self._vacancies
        nodes, amount = np.array([pair.secondary]), np.array([reserved])
        if vacancies.newly_failing(nodes, amount)[0]:
            return None
        return pair._replace(score=placing + float(vacancies.reserved_scores(nodes, amount)[0]))
