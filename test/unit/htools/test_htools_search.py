"""The search that tries few moves finds what a search that tries all of them finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.placement import make_cluster
from support.randomclusters import random_cluster
from support.thorough import examples
from twisted.trial.unittest import SynchronousTestCase

from ganeti.htools import ties
from ganeti.htools.arrivalbounds import TABLE
from ganeti.htools.balance import BalanceOptions, make_move, worth_it
from ganeti.htools.cluster import Cluster, prepare
from ganeti.htools.field import Field
from ganeti.htools.moves import Kind, Move
from ganeti.htools.search import EQUAL, Search
from ganeti.htools.shapes import SHAPES
from ganeti.htools.state import State
from ganeti.htools.trial import Trial
from ganeti.model.templates import DiskTemplate

SEEDS = st.integers(min_value=0, max_value=1 << 30)


def best_of_all(search: Search, equal: float) -> list[Move]:
    """The moves with the lowest score of all, the first instance's first."""
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
    return [Move(each[0], list(SHAPES)[each[2]], each[1]) for each in best]


class SearchTest(SynchronousTestCase):
    """Step after step, on clusters of every kind."""

    def check(
        self, cluster: Cluster, options: BalanceOptions, equal: float, table: int = TABLE
    ) -> int:
        """
        Compare each step with all moves there were before it; how many steps.

        @param equal: scores that differ by no more are. A root is that inexact near 0: the
            standard deviation of one online node, say.
        """
        state = State(cluster)
        field = Field(state, strict=not options.ignore_soft_errors)
        search = Search(
            field,
            disk_moves=options.disk_moves,
            instance_moves=options.instance_moves,
            evacuate=options.evacuate,
            restricted=options.restricted_migration,
            table=table,
        )
        number = 0
        while number != options.max_steps:
            found, moves = search.best(), best_of_all(search, equal)
            if found is None or not worth_it(field.score, found.score, options):
                break
            if equal == EQUAL:
                moves = [ties.lowest(field, moves)]
            self.assertIn(found.move, moves, found)
            touched = make_move(state, found.move)
            field.refresh(touched)
            search.moved(found.move.instance, touched)
            number += 1
        return number

    @settings(max_examples=examples(20), deadline=None)
    @given(
        seed=SEEDS,
        tags=st.booleans(),
        ignore_soft_errors=st.booleans(),
        restricted_migration=st.booleans(),
        evacuate=st.booleans(),
        table=st.sampled_from([0, TABLE]),
    )
    def test_every_kind(
        self,
        seed: int,
        tags: bool,
        ignore_soft_errors: bool,
        restricted_migration: bool,
        evacuate: bool,
        table: int,
    ) -> None:
        """Small clusters with everything there is."""
        options = BalanceOptions(
            max_steps=6,
            ignore_soft_errors=ignore_soft_errors,
            restricted_migration=restricted_migration,
            evacuate=evacuate,
        )
        self.check(random_cluster(seed, tags=tags), options, 1e-7, table)

    @pytest.mark.slow
    def test_to_the_end(self) -> None:
        """Larger ones, until nothing is left to be gained."""
        for template in (DiskTemplate.DRBD, DiskTemplate.RBD):
            cluster = prepare(make_cluster(11, per_node=7, template=template, seed=7))
            for table in (0, TABLE):
                self.assertGreater(self.check(cluster, BalanceOptions(), EQUAL, table), 15)

    def test_tight(self) -> None:
        """All sizes are different, and hardly anything fits."""
        data = make_cluster(12, per_node=7, memory=26000, disk=500000, seed=4, alike=False)
        self.assertGreater(self.check(prepare(data), BalanceOptions(), EQUAL, 0), 15)
