"""Trying a move tells what making it and computing anew would."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from support.randomclusters import random_cluster
from support.thorough import examples
from twisted.trial.unittest import SynchronousTestCase

from ganeti.htools.balance import BalanceOptions, apply_steps, balance_steps
from ganeti.htools.field import Field
from ganeti.htools.measures import measure, total
from ganeti.htools.moves import Kind, placed
from ganeti.htools.newcomer import Newcomer
from ganeti.htools.records import Disk, Instance
from ganeti.htools.score import score
from ganeti.htools.search import Search
from ganeti.htools.shapes import SHAPES
from ganeti.htools.state import State
from ganeti.htools.trial import Trial
from ganeti.model.templates import DiskTemplate

SEEDS = st.integers(min_value=0, max_value=1 << 30)


def applicable(state: State, kind: Kind, instance: int) -> bool:
    """Whether an instance can have such moves at all."""
    if kind is Kind.FAILOVER_TO:
        return bool(state.instances.external[instance])
    return int(state.secondary[instance]) >= 0


class TrialTest(SynchronousTestCase):
    """Every kind of move, on clusters of every kind."""

    @settings(max_examples=examples(15), deadline=None)
    @given(seed=SEEDS, strict=st.booleans())
    def test_scores(self, seed: int, strict: bool) -> None:
        """The score of a move that is allowed is that of the cluster after it."""
        state = State(random_cluster(seed))
        field = Field(state, strict=strict)
        for kind in SHAPES:
            for instance in range(state.instances.count):
                if applicable(state, kind, instance):
                    self.check(state, field, kind, instance)

    def check(self, state: State, field: Field, kind: Kind, instance: int) -> None:
        """Compare all targets of one instance."""
        trial = Trial(field, kind, np.array([instance]))
        if kind is Kind.FAILOVER:
            scores = {-1: float(trial.scores_here()[0])}
        else:
            scores = dict(enumerate(trial.scores(slice(None))[0].tolist()))
        before = int(state.primary[instance]), int(state.secondary[instance])
        slack = state.slack.copy()
        for target, found in scores.items():
            if np.isfinite(found):
                state.place(instance, *placed(kind, *before, target))
                expected = total(measure(state))
                state.place(instance, *before)
                state.slack[:] = slack
                self.assertAlmostEqual(found, expected, places=6, msg=f"{kind} to {target}")

    @settings(max_examples=examples(12), deadline=None)
    @given(seed=SEEDS)
    def test_records(self, seed: int) -> None:
        """After many moves the arrays are those of the records that come out."""
        state = State(random_cluster(seed, offline=False))
        nodes = state.nodes.count
        for instance in range(state.instances.count):
            primary = (int(state.primary[instance]) + instance) % nodes
            mirrored = state.instances.mirrored[instance]
            state.place(instance, primary, (primary + 1) % nodes if mirrored else -1)
        state.slack[:] = State(state.result()).slack
        self.assertAlmostEqual(total(measure(state)), score(state.result()), places=6)

    @settings(max_examples=examples(12), deadline=None)
    @given(seed=SEEDS, pair=st.booleans())
    def test_newcomer(self, seed: int, pair: bool) -> None:
        """The scores of a new instance are those of the cluster with it."""
        cluster = random_cluster(seed)
        template = DiskTemplate.DRBD if pair else DiskTemplate.PLAIN
        new = Instance(
            name="new",
            memory=512,
            disk=1024,
            vcpus=2,
            template=template,
            disks=(Disk(size=1024, spindles=1),),
            tags=("service:a", "power:x"),
        )
        state = State(cluster.with_instances([*cluster.instances, new]))
        row = len(cluster.instances)
        newcomer = Newcomer(Field(state), row)
        slack = state.slack.copy()
        every = np.arange(state.nodes.count)
        online = np.flatnonzero(state.nodes.online)
        found = newcomer.pair_scores(every[:, None], every) if pair else newcomer.scores()[:, None]
        failing = newcomer.pair_n1(every[:, None], every) if pair else None
        for one in online:
            for two in online if pair else [-1]:
                # What rules refuse is not scored exactly.
                if one == two or (failing is not None and failing[one, two]):
                    continue
                if newcomer.primary_codes()[one] or (pair and newcomer.secondary_codes()[two]):
                    continue
                state.place(row, int(one), int(two))
                expected = total(measure(state))
                state.place(row, -1, -1)
                state.slack[:] = slack
                self.assertAlmostEqual(float(found[one, two if pair else 0]), expected, places=6)


class SearchTest(SynchronousTestCase):
    """The search that remembers finds what a search from scratch finds."""

    @settings(max_examples=examples(12), deadline=None)
    @given(seed=SEEDS)
    def test_same_steps(self, seed: int) -> None:
        """Each step is as good as the best of a new search."""
        cluster = random_cluster(seed)
        for step in balance_steps(cluster, BalanceOptions(max_steps=8)):
            best = Search(Field(State(cluster))).best()
            assert best is not None
            self.assertAlmostEqual(best.score, step.score, places=6)
            cluster = apply_steps(cluster, (step,))
