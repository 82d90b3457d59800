"""Filling a cluster gives what placing one by one with the full search gives."""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace
from support.placement import make_cluster
from support.randomclusters import random_cluster
from support.thorough import examples
from twisted.trial.unittest import SynchronousTestCase

from ganeti.htools.capacity import CapacityOptions, fill, fill_tiered, lowered, new_instance
from ganeti.htools.cluster import Cluster, prepare
from ganeti.htools.errors import InputError
from ganeti.htools.failures import Failure
from ganeti.htools.field import Field
from ganeti.htools.loaders import Hints
from ganeti.htools.loaders.simulation import load
from ganeti.htools.newcomer import Newcomer
from ganeti.htools.places import pair_scores, single_scores
from ganeti.htools.records import Instance, Spec
from ganeti.htools.state import State
from ganeti.htools.tables import Floats
from ganeti.model.group import AllocPolicy
from ganeti.model.templates import DiskTemplate

SPEC = Spec(memory=1024, cpus=1, disk=5120)
TOLERANCE = 1e-9


def simulated(*groups: str) -> Cluster:
    return prepare(load(groups, Hints()))


def all_scores(cluster: Cluster, before: tuple[Instance, ...], one: Instance) -> Floats:
    """The full search on a cluster of one group: [primary, secondary], or by node."""
    placeless = [replace(each, primary="", secondary="") for each in (*before, one)]
    nodes = np.array([i for i, node in enumerate(cluster.nodes) if not node.offline])
    state = State(cluster.with_instances([*cluster.instances, *placeless]))
    where = {**cluster.node_index, "": -1}
    for row, each in enumerate(before, len(cluster.instances)):
        state.place(row, where[each.primary], where[each.secondary])
    newcomer = Newcomer(Field(state), len(cluster.instances) + len(before))
    paired = one.template is DiskTemplate.DRBD
    scores, _why = (pair_scores if paired else single_scores)(newcomer, nodes)
    whole = np.full((len(cluster.nodes),) * (2 if paired else 1), np.inf)
    whole[np.ix_(nodes, nodes) if paired else nodes] = scores
    return whole


class FillingTest(SynchronousTestCase):
    """Each new instance is where the full search would put it."""

    def check(self, cluster: Cluster, template: DiskTemplate, limit: int) -> None:
        options = CapacityOptions(
            template=template,
            max_instances=limit,
            capacity_checks=False,
            accept_existing_errors=True,
        )
        capacity = fill(cluster, SPEC, options)
        for number, one in enumerate(capacity.instances):
            scores = all_scores(cluster, capacity.instances[:number], one)
            chosen = [cluster.node_index[name] for name in (one.primary, one.secondary) if name]
            self.assertLess(scores[tuple(chosen)] - scores.min(), TOLERANCE)
        if len(capacity.instances) < limit:
            example = new_instance(cluster, SPEC, options)
            self.assertFalse(np.isfinite(all_scores(cluster, capacity.instances, example)).any())

    def test_equal_nodes(self) -> None:
        """Where many nodes are alike."""
        for template in (DiskTemplate.DRBD, DiskTemplate.PLAIN, DiskTemplate.RBD):
            self.check(simulated("p,17,60g,16g,4,4"), template, examples(60))

    def test_full(self) -> None:
        """Up to the last that fits."""
        self.check(simulated("p,15,12g,3g,2"), DiskTemplate.DRBD, 100)
        self.check(simulated("p,4,22g,5g,2"), DiskTemplate.PLAIN, 100)

    def test_used_nodes(self) -> None:
        """Where each node is another."""
        for nodes in (6, 18):
            data = make_cluster(nodes, per_node=3, memory=16384)
            for template in (DiskTemplate.DRBD, DiskTemplate.EXT):
                self.check(prepare(data), template, 25)

    def test_any_state(self) -> None:
        """On clusters in good and bad states, with few nodes."""
        for seed in range(examples(12)):
            cluster = random_cluster(seed, tags=False)
            if sum(not node.offline for node in cluster.nodes) > 1:
                template = DiskTemplate.DRBD if seed % 2 else DiskTemplate.PLAIN
                self.check(cluster, template, 12)


class TiersTest(SynchronousTestCase):
    """Sizes become smaller."""

    def tiers(self, cluster: Cluster, spec: Spec, template: DiskTemplate) -> list[tuple[Spec, int]]:
        return list(fill_tiered(cluster, [spec], CapacityOptions(template=template)).counts)

    def test_known(self) -> None:
        """These are the original's tiers."""
        cluster = simulated("p,4,100g,8g,4,1")
        self.assertEqual(
            [(replace(SPEC, memory=2048, disk=10240, cpus=2), 8),
             (replace(SPEC, memory=1984, disk=10240, cpus=2), 4)],
            self.tiers(cluster, replace(SPEC, memory=2048, disk=10240, cpus=2), DiskTemplate.DRBD),
        )  # fmt: skip

    def test_redundancy_is_not_bought_with_size(self) -> None:
        """When all that is in the way is that a node may fail, nothing smaller is tried."""
        size = replace(SPEC, memory=2048, disk=10240, cpus=2)
        tiers = self.tiers(simulated("p,5,100g,16g,4"), size, DiskTemplate.RBD)
        self.assertEqual([(size, 28)], tiers)

    def test_huge(self) -> None:
        """Sizes no node could take are passed over, whatever they are."""
        huge = Spec(memory=1 << 50, cpus=1 << 40, disk=1 << 60)
        tiers = self.tiers(simulated("p,3,100g,8g,4"), huge, DiskTemplate.PLAIN)
        self.assertEqual(8, tiers[0][0].cpus)
        self.assertLess(tiers[0][0].disk, 100 * 1024)

    def test_lowered(self) -> None:
        """Whole units are taken, one at least, and one is left at least."""
        self.assertEqual(936, lowered(1000, 2000, 64))
        self.assertEqual(1000 - 9 * 64, lowered(1000, 450, 64))
        self.assertEqual(232, lowered(1000, 0, 128))


class UsableTest(SynchronousTestCase):
    """Where nothing can be placed."""

    def test_no_nodes(self) -> None:
        """Too few nodes are told."""
        options = CapacityOptions(template=DiskTemplate.DRBD)
        lonely = simulated("p,1,100g,8g,4", "p,1,100g,8g,4")
        told = str(self.assertRaises(InputError, fill, lonely, SPEC, options))
        self.assertEqual("Not enough online nodes", told)
        nothing = simulated("u,3,100g,8g,4")
        self.assertIs(AllocPolicy.UNALLOCABLE, nothing.groups[0].alloc_policy)
        options = CapacityOptions(template=DiskTemplate.PLAIN)
        told = str(self.assertRaises(InputError, fill, nothing, SPEC, options))
        self.assertEqual("No online nodes", told)

    def test_template(self) -> None:
        """A disk template that policies do not have fits nowhere."""
        cluster = simulated("p,3,100g,8g,4")
        policy = replace(cluster.policy, templates=(DiskTemplate.PLAIN,))
        group = replace(cluster.groups[0], policy=policy)
        data = replace(cluster.data(), groups=(group,), policy=policy)
        capacity = fill(prepare(data), SPEC, CapacityOptions(template=DiskTemplate.RBD))
        self.assertEqual({Failure.DISK: 3}, dict(capacity.failures))
