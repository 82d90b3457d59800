"""The search that tries few moves finds what a search that tries all of them finds."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from support.placement import make_cluster
from support.randomclusters import random_cluster
from twisted.trial.unittest import SynchronousTestCase

from ganeti.htools.balance import BalanceOptions, search_steps
from ganeti.htools.cluster import Cluster, prepare
from ganeti.htools.field import Field
from ganeti.htools.moves import Kind, Move, Step
from ganeti.htools.search import EQUAL, Search
from ganeti.htools.shapes import SHAPES
from ganeti.htools.state import State
from ganeti.htools.trial import Trial
from ganeti.model.templates import DiskTemplate

SEEDS = st.integers(min_value=0, max_value=1 << 30)


def best_of_all(search: Search, equal: float) -> tuple[float, list[Move]]:
    """The lowest score of all moves, and the moves that have it, the wanted one first."""
    state, strict = search.state, search.field.strict
    field = Field(state, strict=strict)
    found: list[tuple[int, int, int, float]] = []
    for order, kind in enumerate(SHAPES):
        rows = np.flatnonzero(search.may(kind, np.arange(state.instances.count)))
        if len(rows):
            trial = Trial(field, kind, rows)
            here = kind is Kind.FAILOVER
            scores = trial.scores_here()[:, None] if here else trial.scores(slice(None))
            for row, target in zip(*np.nonzero(np.isfinite(scores)), strict=True):
                score = float(scores[row, target])
                found.append((int(rows[row]), -1 if here else int(target), order, score))
    lowest = min((each[3] for each in found), default=np.inf)
    best = sorted(each for each in found if each[3] <= lowest + equal)
    return lowest, [Move(each[0], list(SHAPES)[each[2]], each[1]) for each in best]


class SearchTest(SynchronousTestCase):
    """Step after step, on clusters of every kind."""

    def check(self, cluster: Cluster, options: BalanceOptions, equal: float) -> list[Step]:
        """
        Compare each step with all moves there were before it.

        @param equal: scores that differ by no more are. A root is that inexact near 0: the
            standard deviation of one online node, say.
        """
        state, beside = State(cluster), State(cluster)
        strict = not options.ignore_soft_errors
        field = Field(state, strict=strict)
        search = Search(
            Field(beside, strict=strict),
            disk_moves=options.disk_moves,
            instance_moves=options.instance_moves,
            evacuate=options.evacuate,
            restricted=options.restricted_migration,
        )
        lowest, moves = best_of_all(search, equal)
        steps = []
        for step in search_steps(state, field, options):
            steps.append(step)
            self.assertIn(step.move, moves[:1] if equal == EQUAL else moves, (step, lowest))
            moved = step.move.instance
            beside.place(moved, int(state.primary[moved]), int(state.secondary[moved]))
            lowest, moves = best_of_all(search, equal)
        return steps

    @settings(max_examples=20, deadline=None)
    @given(
        seed=SEEDS,
        tags=st.booleans(),
        ignore_soft_errors=st.booleans(),
        restricted_migration=st.booleans(),
        evacuate=st.booleans(),
    )
    def test_every_kind(
        self,
        seed: int,
        tags: bool,
        ignore_soft_errors: bool,
        restricted_migration: bool,
        evacuate: bool,
    ) -> None:
        """Small clusters with everything there is."""
        options = BalanceOptions(
            max_steps=6,
            ignore_soft_errors=ignore_soft_errors,
            restricted_migration=restricted_migration,
            evacuate=evacuate,
        )
        self.check(random_cluster(seed, tags=tags), options, 1e-7)

    def test_to_the_end(self) -> None:
        """Larger ones, until nothing is left to be gained."""
        for template in (DiskTemplate.DRBD, DiskTemplate.RBD):
            data = make_cluster(14, per_node=8, template=template, seed=7)
            steps = self.check(prepare(data), BalanceOptions(), EQUAL)
            self.assertGreater(len(steps), 15)
