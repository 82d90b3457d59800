"""Places for new instances, answers to requests, capacity, and why something fits nowhere."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace
from support.randomclusters import random_cluster
from support.thorough import examples
from twisted.trial.unittest import SynchronousTestCase

from ganeti.htools.allocation import AllocationOptions, Failure, allocate
from ganeti.htools.balance import BalanceOptions, balance
from ganeti.htools.capacity import CapacityOptions, fill, fill_tiered
from ganeti.htools.cluster import Cluster, prepare
from ganeti.htools.errors import InputError
from ganeti.htools.moves import commands, jobsets
from ganeti.htools.records import ClusterData, Disk, Group, Instance, Node, Spec
from ganeti.htools.requests import EvacuateRequest, RelocateRequest, parse_request
from ganeti.htools.score import optimum, score
from ganeti.htools.serving import serve
from ganeti.model.templates import DiskTemplate


def even_cluster(count: int = 4, memory: int = 16384) -> Cluster:
    """Equal nodes without instances."""
    nodes = tuple(
        Node(
            name=f"node{number}",
            group="uuid-1",
            total_memory=memory,
            node_memory=0,
            free_memory=memory,
            total_disk=100000,
            free_disk=100000,
            cpus=8,
        )
        for number in range(count)
    )
    return prepare(
        ClusterData(groups=(Group(name="default", uuid="uuid-1"),), nodes=nodes, instances=())
    )


def drbd(name: str, memory: int = 1024, disk: int = 10240) -> Instance:
    """A mirrored instance."""
    return Instance(
        name=name,
        memory=memory,
        disk=disk,
        vcpus=1,
        template=DiskTemplate.DRBD,
        disks=(Disk(size=disk),),
    )


class AllocationTest(SynchronousTestCase):
    """Where new instances go."""

    def test_spread(self) -> None:
        """Instances that come one after the other run on different nodes."""
        cluster = even_cluster()
        for number in range(4):
            cluster = allocate(cluster, drbd(f"inst{number}"), 2).cluster
        self.assertEqual(4, len({one.primary for one in cluster.instances}))

    def test_nowhere(self) -> None:
        """What fits nowhere is counted by reason."""
        big = drbd("big", memory=16384)
        found = allocate(even_cluster(), big, 2)
        self.assertEqual((), found.nodes)
        self.assertEqual({Failure.MEMORY: 12}, dict(found.failures))

    def test_restricted(self) -> None:
        """Only the nodes that are allowed are looked at."""
        options = AllocationOptions(restrict_to=("node1", "node3"))
        found = allocate(even_cluster(), drbd("new"), 2, options)
        self.assertEqual({"node1", "node3"}, set(found.nodes))


class BalanceTest(SynchronousTestCase):
    """Plans."""

    def test_plan(self) -> None:
        """Each step lowers the score; the last score is that of the cluster that comes out."""
        for seed in range(examples(12)):
            plan = balance(random_cluster(seed))
            scores = [plan.initial_score, *(step.score for step in plan.steps)]
            self.assertEqual(sorted(scores, reverse=True), scores)
            if plan.steps:
                self.assertLess(plan.final_score, plan.initial_score)
            if any(not node.offline for node in plan.cluster.nodes):
                self.assertGreaterEqual(plan.final_score, optimum(plan.cluster) - 1e-9)

    def test_nothing_there(self) -> None:
        """Where there are no instances nothing is moved."""
        cluster = random_cluster(1)
        plan = balance(prepare(replace(cluster.data(), instances=())))
        self.assertEqual((), plan.steps)

    def test_limits(self) -> None:
        """No more steps than asked; without disk moves nothing is replaced."""
        cluster = random_cluster(5, offline=False)
        self.assertLessEqual(len(balance(cluster, BalanceOptions(max_steps=2)).steps), 2)
        plan = balance(cluster, BalanceOptions(disk_moves=False))
        self.assertFalse(any("replace-disks" in "".join(commands(step)) for step in plan.steps))

    def test_jobsets(self) -> None:
        """Steps of a set share no nodes; all steps are in the sets, in order."""
        plan = balance(random_cluster(7, offline=False))
        sets = jobsets(plan.steps)
        self.assertEqual(list(plan.steps), [step for each in sets for step in each])


class CapacityTest(SynchronousTestCase):
    """Clusters that are filled."""

    def test_standard(self) -> None:
        """As many come as the disks hold, one always being left."""
        options = CapacityOptions(template=DiskTemplate.PLAIN, capacity_checks=False)
        capacity = fill(even_cluster(), Spec(memory=128, cpus=1, disk=20000), options)
        self.assertEqual(16, len(capacity.instances))
        self.assertEqual(Failure.DISK, capacity.reason)

    def test_tiered(self) -> None:
        """Smaller ones come when there is no more room for larger ones; none fails N+1."""
        options = CapacityOptions(template=DiskTemplate.DRBD)
        capacity = fill_tiered(even_cluster(), [Spec(memory=6000, cpus=1, disk=10240)], options)
        self.assertGreater(len(capacity.counts), 1)
        self.assertEqual(len(capacity.instances), sum(n for _spec, n in capacity.counts))
        self.assertAlmostEqual(score(capacity.cluster), score(prepare(capacity.cluster.data())))


class ServingTest(SynchronousTestCase):
    """Requests of other kinds."""

    def filled(self) -> Cluster:
        """A cluster with some instances."""
        cluster = even_cluster()
        for number in range(4):
            cluster = allocate(cluster, drbd(f"inst{number}"), 2).cluster
        return cluster

    def test_relocate(self) -> None:
        """Another secondary node is found, and only in place of the secondary."""
        cluster = self.filled()
        one = cluster.instances[0]
        request = RelocateRequest(name=one.name, node_count=1, relocate_from=(one.secondary,))
        answer, after = serve(cluster, request)
        self.assertTrue(answer.success, answer.info)
        self.assertEqual([after.instances[0].secondary], answer.result)
        wrong = msgspec.structs.replace(request, relocate_from=(one.primary,))
        self.assertFalse(serve(cluster, wrong)[0].success)

    def test_evacuate(self) -> None:
        """Nothing is left on the nodes that are left; each instance has its job."""
        cluster = self.filled()
        names = tuple(one.name for one in cluster.instances if one.primary == "node0")
        answer, after = serve(cluster, EvacuateRequest(instances=names, mode="primary-only"))
        moved, failed, jobs = msgspec.convert(answer.result, tuple[list, list, list])
        self.assertEqual((len(names), [], len(names)), (len(moved), failed, len(jobs)))
        self.assertFalse(any(one.primary == "node0" for one in after.instances))

    def test_bad_requests(self) -> None:
        """What is no request is refused with the key that is wrong."""
        for body, word in (
            (b"{", "Not JSON"),
            (b"[]", "not an object"),
            (b"{}", "nodes"),
            (b'{"nodes": {"a": 1}}', "node 'a'"),
        ):
            self.assertIn(word, str(self.assertRaises(InputError, parse_request, body)))
