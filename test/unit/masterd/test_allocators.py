"""New instances placed by the built-in allocator, in the real job processor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace
from support.masterrig import MasterRig
from support.samples import make_config, node_uuid
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import NodeUnreachable, StorageError
from ganeti.model.config import Configuration
from ganeti.model.job import JobStatus
from ganeti.model.live import InstanceRuntime, NodeResources, OsInfo
from ganeti.model.locks import Level, LockMode
from ganeti.model.parameters import PartialBeParams
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes.instance import CreateMode, OpInstanceCreate, OpInstanceMultiAlloc
from ganeti.rpc.calls import (
    CheckFileStorage,
    CreateDisk,
    EndRequest,
    GetNodeInfo,
    GetOs,
    ListInstances,
    RemoveDisk,
    RunOsCreate,
    StartInstance,
    StopInstance,
)
from ganeti.store.thread import InPlace

RESOURCES = NodeResources(memory_total=1024, memory_free=1024, memory_dom0=0, cpus=16, cpu_dom0=0)
ANSWERS: dict[type, Any] = {
    GetOs: OsInfo(name="noop", path="/os/noop", valid=True, api_versions=(20,)),
    GetNodeInfo: RESOURCES,
    ListInstances: (),
    CheckFileStorage: "",
    CreateDisk: "/path",
    RemoveDisk: None,
    RunOsCreate: None,
    StartInstance: None,
    StopInstance: None,
    EndRequest: None,
}


def create(name: str, **settings: Any) -> OpInstanceCreate:
    """An instance of 600 MiB: a node holds one."""
    values: dict[str, Any] = {
        "instance_name": name,
        "mode": CreateMode.CREATE,
        "os_type": "noop",
        "disk_template": DiskTemplate.FILE,
        "disks": ({"size": 1024},),
        "nics": ({},),
        "beparams": {"memory": 600},
    }
    return OpInstanceCreate(**values | settings)


class HeldComputing:
    """Computes when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[], Any], Deferred[Any]]] = []

    def run(self, function: Any, /, *args: Any, **kwargs: Any) -> Deferred[Any]:
        result: Deferred[Any] = Deferred()
        self.waiting.append((lambda: function(*args, **kwargs), result))
        return result

    def go_on(self) -> None:
        """Compute what waits longest."""
        function, result = self.waiting.pop(0)
        try:
            outcome = function()
        except Exception:
            outcome = Failure()
        if not result.called:
            result.callback(outcome)


class PlacedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.computing: HeldComputing | None = None
        self.start()

    def start(self, config: Configuration | None = None, **cluster: Any) -> None:
        config = make_config(nodes=3) if config is None else config
        settings = {
            "default_iallocator": "hail",
            "default_iallocator_params": {"no-capacity-checks": True},
        } | cluster
        config = config.with_cluster(replace(config.cluster, **settings))
        self.rig = MasterRig(dict(ANSWERS), config=config, computing=self.computing)

    @property
    def config(self) -> Configuration:
        return self.rig.master.store.committed.config

    def place(self, *names: str, **settings: Any) -> list[int]:
        """Jobs that make these instances, all at once."""
        jobs = [self.rig.submit(create(name, **settings)) for name in names]
        self.rig.advance(5)
        return jobs

    def node_of(self, name: str) -> str:
        return self.config.nodes[self.config.find_instance(name).primary_node].name

    def error_of(self, job_id: int) -> Any:
        """What it failed with; others may run beside it."""
        self.assertEqual(self.rig.status(job_id), JobStatus.ERROR)
        self.assertNotIn(job_id, self.rig.master.locks.owners())
        return self.rig.stored(job_id).ops[0].result

    # -- choosing

    def test_placed(self) -> None:
        """The default allocator chooses, the log says so, and nothing stays reserved or locked."""
        [job] = self.place("web1")
        self.assertEqual(self.rig.status(job), JobStatus.SUCCESS)
        node = self.node_of("web1")
        self.assertEqual(self.rig.stored(job).ops[0].result, [node])
        said = f" - INFO: Selected nodes for instance web1 via iallocator hail: {node}"
        self.assertIn(said, self.rig.log(job))
        self.assertEqual(self.rig.master.reservations.owners(), frozenset())
        self.assertEqual(self.rig.master.locks.owners(), set())

    def test_spread(self) -> None:
        """Named or as the cluster's default, one after another: each on the emptiest node."""
        for name, allocator in (("web1", "hail"), ("web2", "."), ("web3", None)):
            [job] = self.place(name, iallocator=allocator)
            self.assertEqual(self.rig.status(job), JobStatus.SUCCESS)
        self.assertEqual(len({self.node_of(f"web{number}") for number in (1, 2, 3)}), 3)

    def test_unusable_nodes(self) -> None:
        """Offline, drained and not vm_capable nodes are never chosen, and silent ones are not."""
        config = make_config(nodes=5)
        for number, flag in ((2, "offline"), (3, "drained"), (4, "vm_capable")):
            node = replace(config.nodes[node_uuid(number)], **{flag: flag != "vm_capable"})
            config = config.with_node(replace(node, master_candidate=False))
        self.start(config)
        silent = NodeUnreachable("node5.example.com", "connection refused")
        self.rig.transport.answers[GetNodeInfo] = lambda node, _: (
            silent if node == node_uuid(5) else RESOURCES
        )
        jobs = self.place("web1", "web2")
        self.assertEqual(self.node_of("web1"), "node1.example.com")
        [text] = self.error_of(jobs[1])[1][:1]
        self.assertTrue(
            text.startswith("Can't compute nodes using iallocator 'hail': Request failed: "), text
        )
        self.assertIn("node5.example.com (connection refused)", text)

    def test_group(self) -> None:
        """Only nodes of the group that is named are chosen."""
        config = make_config(nodes=3)
        rack = replace(next(iter(config.groups.values())), uuid=node_uuid(77), name="rack2")
        config = config.with_group(rack).with_node(
            replace(config.nodes[node_uuid(2)], group=rack.uuid)
        )
        self.start(config)
        jobs = self.place("web1", "web2", group_name="rack2")
        self.assertEqual(self.node_of("web1"), "node2.example.com")
        self.assertEqual(self.error_of(jobs[1])[1][1], "insufficient_resources")

    def test_diskless_and_stopped(self) -> None:
        """Instances without disks are placed, too; stopped ones need their memory some day."""
        [job] = self.place("web1", disk_template=DiskTemplate.DISKLESS, disks=(), start=False)
        self.assertEqual(self.rig.status(job), JobStatus.SUCCESS)
        jobs = self.place("web2", "web3", "web4", start=False)
        self.assertEqual(len({self.node_of(f"web{number}") for number in (1, 2, 3)}), 3)
        self.assertEqual(self.error_of(jobs[2])[1][1], "insufficient_resources")

    # -- keeping the room

    def hold(self, kind: type) -> list[Deferred[Any]]:
        """Calls of this kind are answered later."""
        held: list[Deferred[Any]] = []

        def answer(_node: str, _call: Any) -> Deferred[Any]:
            held.append(Deferred())
            return held[-1]

        self.rig.transport.answers[kind] = answer
        return held

    def test_side_by_side(self) -> None:
        """Instances that are being made have their room already: no node is chosen twice."""
        held = self.hold(CreateDisk)
        jobs = self.place("web1", "web2", "web3", "web4")
        self.assertEqual(len(held), 3)
        self.assertEqual(self.error_of(jobs[3])[1][1], "insufficient_resources")
        for waiting in held:
            waiting.callback("/path")
        self.rig.advance(5)
        self.assertEqual([self.rig.status(job) for job in jobs[:3]], [JobStatus.SUCCESS] * 3)
        self.assertEqual(len({self.node_of(f"web{number}") for number in (1, 2, 3)}), 3)

    def test_processors_side_by_side(self) -> None:
        """Of those that are being made the processors count as well, not only the memory."""
        settings = {"beparams": {"memory": 128, "vcpus": 8}}
        config = make_config(nodes=2)
        policy = replace(config.cluster.ipolicy, vcpu_ratio=1)
        self.start(config, ipolicy=policy)
        held = self.hold(CreateDisk)
        jobs = self.place(*(f"web{number}" for number in range(1, 6)), **settings)
        self.assertEqual(len(held), 4)
        self.assertEqual(self.error_of(jobs[4])[1][1], "insufficient_resources")

    def test_room_after_failure(self) -> None:
        """What a failed job had reserved is free for the next one, and its locks are."""
        self.rig.transport.answers[CreateDisk] = StorageError("disk full")
        jobs = self.place("web1", "web2", "web3", "web4", "web5")
        for job in jobs:
            self.error_of(job)
        self.assertEqual(self.rig.master.reservations.owners(), frozenset())
        self.rig.transport.answers[CreateDisk] = "/path"
        for job in self.place("web1", "web2", "web3"):
            self.assertEqual(self.rig.status(job), JobStatus.SUCCESS)

    def test_room_after_crash(self) -> None:
        """A crashed master keeps the room while it undoes, and frees it then."""
        self.hold(CreateDisk)
        jobs = self.place("web1", "web2", "web3")
        undone = self.hold(RemoveDisk)
        self.rig.restart()
        self.rig.transport.answers[CreateDisk] = "/path"
        late = self.place("web4")
        self.assertEqual(self.error_of(late[0])[1][1], "insufficient_resources")
        for waiting in undone:
            waiting.callback(None)
        self.rig.advance(10)
        for job in jobs:
            self.error_of(job)
        [job] = self.place("web5")
        self.assertEqual(self.rig.status(job), JobStatus.SUCCESS)

    def test_batch_keeps_its_places(self) -> None:
        """Places of a batch are kept until the jobs that make its instances have ended."""
        plain = {
            "mode": "create",
            "os_type": "noop",
            "disk_template": "file",
            "disks": [{"size": 1024}],
            "nics": [{}],
            "beparams": {"memory": 600},
        }
        names = ("web1", "WEB2")
        batch = tuple({"instance_name": name, **plain} for name in names)
        others = {(Level.INSTANCE, "web2"): LockMode.EXCLUSIVE}
        self.rig.now(self.rig.master.locks.acquire(99, others, 0))
        self.rig.submit(OpInstanceMultiAlloc(instances=batch))
        self.rig.advance(5)
        self.assertEqual(self.rig.status(3), JobStatus.WAITING)
        jobs = self.place("web3", "web4")
        self.assertEqual(len({self.node_of(name) for name in ("web1", "web3")}), 2)
        self.assertEqual(self.error_of(jobs[1])[1][1], "insufficient_resources")
        self.rig.now(self.rig.master.control.cancel(3, kill=False))
        [job] = self.place("web5")
        self.assertEqual(self.rig.status(job), JobStatus.SUCCESS)

    def test_named_nodes_count(self) -> None:
        """An instance whose node was named keeps its memory from allocations, too."""
        held = self.hold(CreateDisk)
        self.place("web1", pnode="node1")
        self.place("web2", pnode="node2")
        self.place("web3")
        self.assertEqual(len(held), 3)
        for waiting in held:
            waiting.callback("/path")
        self.rig.advance(5)
        self.assertEqual(self.node_of("web3"), "node3.example.com")

    def test_memory_about_to_be_used(self) -> None:
        """Memory that a running instance may take, or a dead one will again, is not free."""
        config = make_config(nodes=3, instances=2)
        for instance in config.instances.values():
            bounds = PartialBeParams(minmem=64, maxmem=600)
            config = config.with_instance(replace(instance, beparams=bounds))
        self.start(config)
        ballooned = InstanceRuntime(name="inst1.example.com", memory_mib=64, vcpus=1)
        self.rig.transport.answers[ListInstances] = lambda node, _: (
            (ballooned,) if node == node_uuid(1) else ()
        )
        jobs = self.place("web1", "web2")
        self.assertEqual(self.node_of("web1"), "node3.example.com")
        self.assertEqual(self.error_of(jobs[1])[1][1], "insufficient_resources")

    # -- locks

    def test_locks(self) -> None:
        """While it chooses all candidates are locked, afterwards the chosen one alone."""
        self.computing = HeldComputing()
        self.start()
        self.hold(CreateDisk)
        [job] = self.place("web1")
        held = self.rig.master.locks.held(job)
        self.assertEqual(sum(level == "node" for level, _ in held), 3)
        self.computing.go_on()
        self.rig.advance(5)
        node = self.config.node_by_name[self.rig.log(job)[0].rpartition(" ")[2]]
        names = {name for level, name in self.rig.master.locks.held(job) if level == "node"}
        self.assertEqual(names, {node})

    def test_only_free_nodes(self) -> None:
        """Opportunistic: nodes that other jobs hold, or wait for, are left out, not waited for."""
        locks = self.rig.master.locks
        taken = {(Level.NODE, node_uuid(1)): LockMode.EXCLUSIVE}
        self.rig.now(locks.acquire(98, taken, 0))
        wanted = {**taken, (Level.NODE, node_uuid(2)): LockMode.EXCLUSIVE}
        waiting = self.rig.begin(locks.acquire(99, wanted, 0))
        [job] = self.place("web1", opportunistic_locking=True)
        self.assertEqual(self.rig.status(job), JobStatus.SUCCESS)
        self.assertEqual(self.node_of("web1"), "node3.example.com")
        [patient] = self.place("web2")
        self.assertEqual(self.rig.status(patient), JobStatus.WAITING)
        for owner in (98, 99):
            locks.release(owner)
        self.rig.result_of(waiting)
        self.rig.advance(5)
        self.assertEqual(self.rig.status(patient), JobStatus.SUCCESS)

    # -- the computing thread

    def test_turns(self) -> None:
        """Requests queue; a job that is cancelled leaves the queue at once, and the answer."""
        self.computing = HeldComputing()
        self.start()
        jobs = self.place("web1", "web2", "web3")
        self.assertEqual(len(self.computing.waiting), 1)
        for job in jobs[:2]:
            self.rig.now(self.rig.master.control.cancel(job, kill=False))
        self.rig.advance(1)
        for job in jobs[:2]:
            self.assertEqual(self.rig.status(job), JobStatus.CANCELED)
        self.assertEqual(self.rig.master.reservations.owners(), frozenset())
        while self.computing.waiting:
            self.computing.go_on()
        self.rig.advance(5)
        self.assertEqual(self.rig.status(jobs[2]), JobStatus.SUCCESS)

    def test_stop(self) -> None:
        """A computation does not hold up the end of the daemon; the job runs at the next start."""
        self.computing = HeldComputing()
        self.start()
        [job] = self.place("web1")
        self.rig.result_of(self.rig.begin(self.rig.master.stop()))
        self.rig.computing = InPlace()
        self.rig.restart()
        self.rig.advance(5)
        self.assertEqual(self.rig.status(job), JobStatus.SUCCESS)

    def test_too_slow(self) -> None:
        """An answer that does not come ends the job with an error."""
        self.computing = HeldComputing()
        self.start()
        [job] = self.place("web1")
        self.rig.advance(600, step=10)
        self.assertEqual(self.error_of(job)[1], ["Choosing nodes took longer than 600 s"])

    def test_defect(self) -> None:
        """A computation that breaks ends the job with a clear text; the next request is served."""
        self.computing = HeldComputing()
        self.start()
        jobs = self.place("web1", "web2")
        _, result = self.computing.waiting.pop(0)
        result.errback(Failure(ZeroDivisionError("division by zero")))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.computing.go_on()
        self.rig.advance(5)
        [text] = self.error_of(jobs[0])[1]
        self.assertTrue(
            text.startswith(
                "Choosing nodes failed, which is a defect: ZeroDivisionError: division by zero"
            )
        )
        self.assertEqual(self.rig.status(jobs[1]), JobStatus.SUCCESS)

    # -- refusals

    def test_refusals(self) -> None:
        """Allocators that are not there, and parameters that the built-in one does not have."""
        [job] = self.place("web1", iallocator="nosuch")
        self.assertIn("'nosuch'", self.error_of(job)[1][0])
        self.start(default_iallocator_params={"speed": "high"})
        [job] = self.place("web1")
        self.assertEqual(
            self.error_of(job)[1],
            [
                "Unknown parameter 'speed' of the iallocator hail; it has ignore-soft-errors,"
                " no-capacity-checks, restrict-allocation-to, static-kvm-node-memory",
                "wrong_input",
            ],
        )

    def test_parameters(self) -> None:
        """The cluster's parameters of the built-in allocator hold."""
        self.start(default_iallocator_params={"restrict-allocation-to": "node3"})
        self.place("web1")
        self.assertEqual(self.node_of("web1"), "node3.example.com")
        self.start(default_iallocator_params={"restrict-allocation-to": "node3,node9"})
        [job] = self.place("web1")
        self.assertEqual(self.error_of(job)[1], ["Node 'node9' not known", "unknown_entity"])
