"""A master and 20 virtual nodes inside one reactor run 100 instances, in memory, on a Clock."""

from __future__ import annotations

from msgspec.structs import replace
from support.manynodes import ManyNodes
from twisted.trial.unittest import SynchronousTestCase

from ganeti.model.instance import AdminState
from ganeti.model.job import JobStatus
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes import OpCode
from ganeti.opcodes.instance import (
    CreateMode,
    OpInstanceCreate,
    OpInstanceRemove,
    OpInstanceShutdown,
    OpInstanceStartup,
)

NODES = 20
INSTANCES = 100
SUCCESS = {JobStatus.SUCCESS}


def name(number: int) -> str:
    return f"inst{number}.example.com"


def create(number: int) -> OpInstanceCreate:
    """Spread over the nodes; every third has no disk."""
    diskless = number % 3 == 0
    return OpInstanceCreate(
        instance_name=name(number),
        mode=CreateMode.CREATE,
        pnode=f"node{1 + number % NODES}.example.com",
        os_type="noop",
        disk_template=DiskTemplate.DISKLESS if diskless else DiskTemplate.FILE,
        disks=() if diskless else ({"size": 1024},),
        nics=({},),
        start=True,
        ignore_ipolicy=True,
    )


class ManyNodesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = ManyNodes(NODES)

    def run_all(self, jobs: list[OpCode]) -> None:
        """Run them side by side; all succeed, and the cluster is sound afterwards."""
        ended = self.cluster.run([[op] for op in jobs])
        failed = [job.ops[0].result for job in ended if self.cluster.statuses([job]) != SUCCESS]
        self.assertEqual(failed, [])
        self.cluster.advance(10)
        self.assertEqual(self.cluster.audit(), [])

    def states(self) -> set[AdminState]:
        instances = self.cluster.master.store.committed.config.instances.values()
        return {instance.admin_state for instance in instances}

    def test_hundred_instances(self) -> None:
        """Created, stopped, started and removed: after each the cluster is as it should be."""
        numbers = range(1, INSTANCES + 1)
        self.run_all([create(number) for number in numbers])
        self.assertEqual(len(self.cluster.master.store.committed.config.instances), INSTANCES)
        self.run_all([OpInstanceShutdown(instance_name=name(number)) for number in numbers])
        self.assertEqual(self.states(), {AdminState.DOWN})
        self.run_all([OpInstanceStartup(instance_name=name(number)) for number in numbers])
        self.assertEqual(self.states(), {AdminState.UP})
        self.run_all([OpInstanceRemove(instance_name=name(number)) for number in numbers])
        self.assertEqual(self.states(), set())
        self.assertEqual(self.cluster.fatal, [])

    def test_same_seed_same_history(self) -> None:
        """The same seed gives the same log, bit for bit."""
        digests = []
        for _ in range(2):
            cluster = ManyNodes(5, seed=7)
            cluster.run([[create(number)] for number in range(1, 4)])
            cluster.advance(10)
            digests.append(cluster.master.store.position.digest)
        self.assertEqual(digests[0], digests[1])

    def test_placed(self) -> None:
        """hail places as many instances at once as there are nodes: each gets one."""
        placed = {"pnode": None, "iallocator": "hail", "ignore_ipolicy": False}
        numbers = range(1, NODES + 1)
        self.run_all([replace(create(number), **placed) for number in numbers])
        config = self.cluster.master.store.committed.config
        nodes = {instance.primary_node for instance in config.instances.values()}
        self.assertEqual(len(nodes), NODES)
