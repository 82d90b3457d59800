"""New instances whose nodes an allocator chooses: what it is asked, and what becomes of answers."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from support.fakejob import FakeJob, plan_unit, run_unit
from support.samples import GROUP_UUID, make_config, node_uuid, uuid_of
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import ErrorCode, OpExecError, OpPrereqError
from ganeti.htools.requests import Answer
from ganeti.model.config import Configuration
from ganeti.model.live import NodeResources, OsInfo
from ganeti.model.locks import Level, exclusive, shared
from ganeti.model.reservation import ReservationKind
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes.instance import CreateMode, NicKey, OpInstanceCreate
from ganeti.operations.allocators.requests import Allocate, DiskRequest
from ganeti.operations.instance.create import InstanceCreate
from ganeti.operations.instance.create_request import read_request
from ganeti.operations.instance.placement import build_allocation, choose_nodes
from ganeti.operations.unit import NeedLocks
from ganeti.rpc.calls import (
    CheckFileStorage,
    CreateDisk,
    GetNodeInfo,
    GetOs,
    RunOsCreate,
    StartInstance,
)
from ganeti.store.reservations import job_owner

ANSWERS: dict[type, Any] = {
    GetOs: OsInfo(name="noop", path="/os/noop", valid=True, api_versions=(20,)),
    GetNodeInfo: NodeResources(memory_free=4096),
    CheckFileStorage: "",
    CreateDisk: "/path",
    RunOsCreate: None,
    StartInstance: None,
}
SECOND, THIRD = "node2.example.com", "node3.example.com"


def make_op(**settings: Any) -> OpInstanceCreate:
    values: dict[str, Any] = {
        "instance_name": "web1",
        "mode": CreateMode.CREATE,
        "os_type": "noop",
        "disk_template": DiskTemplate.FILE,
        "disks": ({"size": 1024}, {"size": 2048, "mode": "ro"}),
        "nics": ({}, {NicKey.MODE: "routed", NicKey.LINK: "rt", NicKey.IP: "192.0.2.99"}),
        "beparams": {"maxmem": 512, "minmem": 128, "vcpus": 2, "spindle_use": 3},
        "tags": ("web",),
    }
    return OpInstanceCreate(**values | settings)


class PlacementTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.set_config(make_config(nodes=3))

    def set_config(self, config: Configuration, **cluster: Any) -> None:
        settings = {"default_iallocator": "mine"} | cluster
        config = config.with_cluster(replace(config.cluster, **settings))
        self.job = FakeJob(config, dict(ANSWERS))
        self.answer([SECOND])

    def answer(self, answer: Any) -> None:
        """What both allocators say."""
        self.job.iallocator.answers = {"mine": answer, "hail": answer}

    def create(self, **settings: Any) -> Any:
        running = run_unit(InstanceCreate, make_op(**settings), self.job)
        return self.successResultOf(Deferred.fromCoroutine(running))

    def refused(self, text: str, code: ErrorCode, **settings: Any) -> None:
        running = run_unit(InstanceCreate, make_op(**settings), self.job)
        error: Any = self.failureResultOf(Deferred.fromCoroutine(running), OpPrereqError).value
        self.assertEqual((str(error), error.code), (text, code))
        self.assertEqual(self.job.steps, [])

    # -- asking

    def test_question(self) -> None:
        """All that is known of the instance, in the words of the interface."""
        self.create(group_name=GROUP_UUID)
        [(allocator, asked)] = self.job.iallocator.asked
        nic = {"mac": "auto", "ip": None, "mode": "bridged", "network": None}
        self.assertEqual(allocator, "mine")
        self.assertEqual(
            asked,
            Allocate(
                name="web1",
                memory=512,
                vcpus=2,
                spindle_use=3,
                disks=(
                    DiskRequest(size=1024, dev_type=DiskTemplate.FILE),
                    DiskRequest(size=2048, mode="ro", dev_type=DiskTemplate.FILE),
                ),
                disk_space_total=3072,
                disk_template=DiskTemplate.FILE,
                hypervisor="fake",
                nics=(
                    {**nic, "link": "xen-br0", "bridge": "xen-br0"},
                    {**nic, "mode": "routed", "link": "rt", "ip": "192.0.2.99"},
                ),
                os="noop",
                tags=("web",),
                required_nodes=1,
                group_name="default",
            ),
        )

    def test_who_is_asked(self) -> None:
        """The one that is named; a dot, or nothing, is the cluster's default."""
        for given, asked in (("hail", "hail"), (".", "mine"), (None, "mine")):
            self.set_config(make_config(nodes=3))
            self.assertEqual(self.create(iallocator=given), [SECOND])
            self.assertEqual([name for name, _ in self.job.iallocator.asked], [asked])
            said = f" - INFO: Selected nodes for instance web1 via iallocator {asked}: {SECOND}"
            self.assertIn(said, self.job.lines)

    def test_named_node(self) -> None:
        """A node that is named is taken; no allocator is asked."""
        self.assertEqual(self.create(pnode="node3"), [THIRD])
        self.assertEqual(self.job.iallocator.asked, [])

    # -- locks

    def test_locks(self) -> None:
        """All nodes that may be chosen, shared; afterwards the chosen one."""
        config = make_config(nodes=6)
        for number, flag in ((2, "offline"), (3, "drained"), (4, "vm_capable")):
            node = config.nodes[node_uuid(number)]
            config = config.with_node(replace(node, **{flag: flag != "vm_capable"}))
        rack = replace(config.groups[GROUP_UUID], uuid=uuid_of(1, 2), name="rack2")
        config = config.with_group(rack).with_node(
            replace(config.nodes[node_uuid(6)], group=rack.uuid)
        )
        self.set_config(config)
        name = exclusive(Level.INSTANCE, "web1")
        for group, numbers in ((None, (1, 5, 6)), ("default", (1, 5)), ("rack2", (6,))):
            locks = InstanceCreate(make_op(group_name=group), self.job).locks(self.job.state)
            wanted = shared(Level.NODE, *(node_uuid(number) for number in numbers))
            self.assertEqual(locks, (*name, *wanted))
        self.answer(["node5.example.com"])
        self.create()
        self.assertEqual(self.job.locks_held, (*name, *shared(Level.NODE, node_uuid(5))))

    def test_node_that_came_meanwhile(self) -> None:
        """A chosen node whose lock is not held is locked first; then all is asked anew."""
        unit = InstanceCreate(make_op(), self.job)
        self.job.locks_held = shared(Level.NODE, node_uuid(1))
        planning = Deferred.fromCoroutine(unit.plan())
        need = self.failureResultOf(planning, NeedLocks).value
        self.assertEqual(need.more, shared(Level.NODE, node_uuid(2)))
        self.assertEqual(self.job.reservations.owners(), frozenset())

    def test_only_free_nodes(self) -> None:
        """Opportunistic: those that are free are locked, and they alone may be chosen."""
        op = make_op(opportunistic_locking=True)
        name = exclusive(Level.INSTANCE, "web1")
        self.assertEqual(InstanceCreate(op, self.job).locks(self.job.state), name)
        self.job.busy = {node_uuid(1)}
        planning = plan_unit(InstanceCreate, op, self.job)
        need = self.failureResultOf(Deferred.fromCoroutine(planning), NeedLocks).value
        self.assertEqual(need.more, shared(Level.NODE, node_uuid(2), node_uuid(3)))
        self.job.locks_held = (*name, *need.more)
        self.successResultOf(Deferred.fromCoroutine(InstanceCreate(op, self.job).plan()))
        self.assertEqual(self.job.iallocator.asked[0][1].restrict_to_nodes, (SECOND, THIRD))

    def test_no_free_nodes(self) -> None:
        """Nothing is waited for."""
        self.job.busy = set(self.job.config.nodes)
        self.refused(
            "Other jobs hold all nodes that could be chosen; try again later, or wait for them"
            " by leaving out --opportunistic-locking",
            ErrorCode.TEMP_NO_RESOURCES,
            opportunistic_locking=True,
        )

    # -- what is kept

    def test_reservations(self) -> None:
        """Name and memory are kept in the step that chooses; memory only of what is started."""
        planning = plan_unit(InstanceCreate, make_op(), self.job)
        self.successResultOf(Deferred.fromCoroutine(planning))
        kept = self.job.reservations.held(job_owner(self.job.id))
        self.assertEqual(kept[0].kind, ReservationKind.NAME)
        memory = [one for one in kept if one.kind is ReservationKind.NODE_MEMORY]
        self.assertEqual([(one.node_uuid, one.amount) for one in memory], [(node_uuid(2), 512)])
        self.set_config(make_config(nodes=3))
        planning = plan_unit(InstanceCreate, make_op(start=False), self.job)
        self.successResultOf(Deferred.fromCoroutine(planning))
        amount = self.job.reservations.amount(ReservationKind.NODE_MEMORY, node_uuid(2))
        self.assertEqual(amount, 0)

    def test_two_nodes(self) -> None:
        """Mirrored disks need two nodes, and have their room, metadata included, kept on both."""
        config, op = self.job.config, make_op()
        self.job.locks_held = shared(Level.NODE, *config.nodes)
        request = read_request(config, op)
        request = type(request)(**{**vars(request), "template": DiskTemplate.DRBD})
        asked = build_allocation(config, op, request)
        self.assertEqual((asked.required_nodes, asked.disk_space_total), (2, 1024 + 2048 + 2 * 128))
        self.answer([THIRD, SECOND])
        choosing = Deferred.fromCoroutine(choose_nodes(self.job, op, request))
        self.assertEqual([node.name for node in self.successResultOf(choosing)], [THIRD, SECOND])
        for number, memory, disk in ((2, 0, 3328), (3, 512, 3328)):
            table = self.job.reservations
            self.assertEqual(
                (
                    table.amount(ReservationKind.NODE_MEMORY, node_uuid(number)),
                    table.amount(ReservationKind.NODE_DISK, node_uuid(number)),
                ),
                (memory, disk),
            )

    # -- refusals

    def test_nothing_to_ask(self) -> None:
        """Neither a node nor an allocator."""
        self.set_config(make_config(nodes=3), default_iallocator="")
        text = (
            "No iallocator or node given and no cluster-wide default iallocator found;"
            " please specify either an iallocator or a node, or set a cluster-wide default"
            " iallocator"
        )
        for given in (None, "."):
            self.refused(text, ErrorCode.WRONG_INPUT, iallocator=given)

    def test_fits_nowhere(self) -> None:
        """The allocator's own words; another code where not all nodes were looked at."""
        self.answer(Answer(success=False, info="Request failed: too large", result=[]))
        text = "Can't compute nodes using iallocator 'hail': Request failed: too large"
        self.refused(text, ErrorCode.NO_RESOURCES, iallocator="hail")
        op = make_op(iallocator="hail", opportunistic_locking=True)
        self.job.locks_held = shared(Level.NODE, node_uuid(2))
        error: Any = self.failureResultOf(
            Deferred.fromCoroutine(InstanceCreate(op, self.job).plan()), OpPrereqError
        ).value
        self.assertEqual((str(error), error.code), (text, ErrorCode.TEMP_NO_RESOURCES))

    def test_senseless_answers(self) -> None:
        """Nodes that are too many, too few, unknown, or take no instances."""
        config = make_config(nodes=3)
        self.set_config(config.with_node(replace(config.nodes[node_uuid(3)], drained=True)))
        count = "iallocator 'mine' returned invalid number of nodes ({}), required 1"
        for nodes, text in (
            ([], count.format(0)),
            ([SECOND, THIRD], count.format(2)),
            (["nosuch"], "iallocator 'mine' chose node 'nosuch', which is not known"),
            (
                [THIRD],
                f"iallocator 'mine' chose node {THIRD}, which takes no instances:"
                " it is offline, drained or not vm_capable",
            ),
        ):
            self.answer(nodes)
            self.refused(text, ErrorCode.ENVIRONMENT)
            self.assertEqual(self.job.reservations.owners(), frozenset())

    def test_failing_allocator(self) -> None:
        """What keeps it from answering is the job's error."""
        self.answer(OpExecError("the program died"))
        running = run_unit(InstanceCreate, make_op(), self.job)
        error = self.failureResultOf(Deferred.fromCoroutine(running), OpExecError).value
        self.assertEqual(str(error), "the program died")

    def test_unknown_group(self) -> None:
        """The group must be there."""
        self.refused("Node group 'rack9' not found", ErrorCode.NOT_FOUND, group_name="rack9")
