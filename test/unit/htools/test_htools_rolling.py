"""Reboot groups, colouring, squeezing, health and totals."""

from __future__ import annotations

from itertools import chain, combinations

from msgspec.structs import replace
from support.placement import make_cluster
from twisted.trial.unittest import SynchronousTestCase

from ganeti.htools.cluster import Cluster, prepare
from ganeti.htools.colouring import Graph, colourings, comparison
from ganeti.htools.errors import InputError
from ganeti.htools.health import check_group, total
from ganeti.htools.rolling import RollingOptions, plan_reboots
from ganeti.htools.squeezing import Action, has_room, plan_squeeze
from ganeti.htools.totals import count_all
from ganeti.model.templates import DiskTemplate


def cluster(nodes: int, template: DiskTemplate = DiskTemplate.DRBD, groups: int = 1) -> Cluster:
    return prepare(make_cluster(nodes, per_node=3, template=template, groups=groups))


class ColouringTest(SynchronousTestCase):
    """Neighbours never share a colour."""

    def ring(self, count: int) -> Graph:
        return [{(each - 1) % count: 1, (each + 1) % count: 1} for each in range(count)]

    def test_proper(self) -> None:
        """Whatever the order, each vertex has one colour, and no neighbour has it."""
        for graph in (self.ring(5), self.ring(6), [{}, {}, {}], [{1: 2, 2: 1}, {0: 2}, {0: 1}]):
            for _name, classes in colourings(graph):
                self.assertEqual(list(range(len(graph))), sorted(chain.from_iterable(classes)))
                for members in classes:
                    for one, other in combinations(members, 2):
                        self.assertNotIn(other, graph[one])

    def test_comparison(self) -> None:
        """Those with the fewest colours are told first."""
        self.assertEqual(
            "Dcolor: 1 (3) TIE Dsatur: 1 (3) TIE LF: 1 (3)", comparison(colourings([{}, {}, {}]))
        )


class RollingTest(SynchronousTestCase):
    """Nodes that can be rebooted together."""

    def test_mirrored(self) -> None:
        """No instance has both nodes in a group; the master is the last of all."""
        whole = cluster(8)
        groups = plan_reboots(whole, RollingOptions()).groups
        place = {name: number for number, group in enumerate(groups) for name in group.nodes}
        self.assertEqual({node.name for node in whole.nodes}, set(place))
        self.assertTrue(all(place[one.primary] != place[one.secondary] for one in whole.instances))
        self.assertEqual("node0000", groups[-1].nodes[-1])

    def test_own_group(self) -> None:
        """Instances go to nodes of their own group that are not rebooted."""
        whole = cluster(8, DiskTemplate.PLAIN, groups=2)
        group = {node.name: node.group for node in whole.nodes}
        where = {one.name: one.primary for one in whole.instances}
        for reboot in plan_reboots(whole, RollingOptions()).groups:
            for name, nodes in reboot.moves:
                self.assertNotIn(nodes[0], reboot.nodes)
                self.assertEqual(group[where[name]], group[nodes[0]])

    def test_nothing(self) -> None:
        """Tags that no node has leave nothing."""
        options = RollingOptions(tags=("none",))
        self.assertRaises(InputError, plan_reboots, cluster(3), options)


class SqueezingTest(SynchronousTestCase):
    """Nodes that can be powered off."""

    def test_little_to_do(self) -> None:
        """Nodes go, the rest has room, and all instances are on nodes that stay."""
        plan = plan_squeeze(cluster(5, DiskTemplate.RBD), minimal=2, target=2)
        self.assertIs(Action.OFFLINE, plan.action)
        self.assertTrue(has_room(plan.cluster, 2))
        self.assertFalse({one.primary for one in plan.cluster.instances} & set(plan.nodes))

    def test_too_little(self) -> None:
        """When what is on has too little, nodes come, whatever could go."""
        plan = plan_squeeze(cluster(3, DiskTemplate.RBD), minimal=10_000, target=2)
        self.assertIs(Action.ONLINE, plan.action)
        self.assertFalse(plan.enough)

    def test_tied(self) -> None:
        """Instances with disks of their own keep their nodes on."""
        plan = plan_squeeze(cluster(3, DiskTemplate.PLAIN), minimal=2, target=2)
        self.assertIs(Action.NOTHING, plan.action)


class HealthTest(SynchronousTestCase):
    """What is wrong is counted."""

    def test_offline(self) -> None:
        """Instances whose primary node is offline, and offline nodes."""
        data = make_cluster(4, per_node=3)
        gone = data.nodes[1].name
        off = [replace(node, offline=node.name == gone) for node in data.nodes]
        whole = prepare(replace(data, nodes=tuple(off)))
        health = check_group(whole, capacity_checks=True)
        first = sum(one.primary == gone for one in data.instances)
        self.assertEqual((first, 1), (health.health.offline_pri, health.health.offline_sec))
        self.assertFalse(health.health.healthy)
        self.assertEqual(health.health, total([health], capacity_checks=True))

    def test_healthy(self) -> None:
        """A cluster with room has nothing."""
        health = check_group(cluster(4), capacity_checks=False).health
        self.assertTrue(health.healthy)
        self.assertIsNone(health.gn1_fail)


class TotalsTest(SynchronousTestCase):
    """Sums fit together."""

    def test_sums(self) -> None:
        """All memory is free, of instances, or overhead."""
        whole = cluster(5)
        sums = count_all(whole)
        parts = sums.memory_free + sums.memory_instances + sums.memory_overhead
        self.assertEqual(sums.memory, parts)
        self.assertEqual(len(whole.instances), sums.instances)
        self.assertLessEqual(sums.memory_available, sums.memory_free)
