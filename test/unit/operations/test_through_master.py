"""The units in the real job processor: what becomes of jobs, state, reservations and debts."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from support.masterrig import MasterRig
from support.samples import instance_uuid, make_config, node_uuid
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import HypervisorError, StorageError
from ganeti.model.instance import AdminState
from ganeti.model.job import JobStatus
from ganeti.model.live import NodeResources, OsInfo
from ganeti.model.tags import TagKind
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes.base import OpCode
from ganeti.opcodes.cluster import (
    OpClusterDestroy,
    OpClusterPostInit,
    OpClusterRedistConf,
    OpClusterSetParams,
)
from ganeti.opcodes.group import (
    OpGroupAdd,
    OpGroupAssignNodes,
    OpGroupRemove,
    OpGroupRename,
    OpGroupSetParams,
)
from ganeti.opcodes.instance import (
    CreateMode,
    OpInstanceCreate,
    OpInstanceQueryData,
    OpInstanceReboot,
    OpInstanceReinstall,
    OpInstanceRemove,
    OpInstanceRename,
    OpInstanceSetParams,
    OpInstanceShutdown,
    OpInstanceStartup,
    RebootType,
)
from ganeti.opcodes.modifications import LAST, Modification, ModificationAction
from ganeti.opcodes.node import OpNodeAdd, OpNodeRemove
from ganeti.opcodes.os import OpOsDiagnose
from ganeti.opcodes.tags import OpTagsDel, OpTagsGet, OpTagsSearch, OpTagsSet
from ganeti.opcodes.test import OpTestDelay
from ganeti.rpc.calls import (
    CheckFileStorage,
    CreateDisk,
    DiagnoseOs,
    EndRequest,
    GetInstance,
    GetNodeInfo,
    GetOs,
    LeaveCluster,
    ListDisks,
    ListInstances,
    NodeVersion,
    RemoveDisk,
    RenameDisk,
    RunOsCreate,
    RunOsRename,
    SetMemory,
    StartInstance,
    StopInstance,
    VersionInfo,
)
from ganeti.version import PROTOCOL_VERSION

OS = OsInfo(name="noop", path="/os/noop", valid=True, api_versions=(20,))
ANSWERS: dict[type, Any] = {
    GetOs: OS,
    DiagnoseOs: (OS,),
    GetNodeInfo: NodeResources(memory_free=4096),
    GetInstance: None,
    ListInstances: (),
    ListDisks: (),
    CheckFileStorage: "",
    CreateDisk: "/path",
    RemoveDisk: None,
    RenameDisk: None,
    RunOsCreate: None,
    RunOsRename: None,
    SetMemory: None,
    StartInstance: None,
    StopInstance: None,
    EndRequest: None,
    LeaveCluster: None,
    NodeVersion: VersionInfo(
        protocol=PROTOCOL_VERSION,
        release="4",
        name="new.example.com",
        uuid=node_uuid(9),
        term=0,
        certificate_digest="digest9",
    ),
}
CREATE = OpInstanceCreate(
    instance_name="web1",
    mode=CreateMode.CREATE,
    pnode="node2",
    os_type="noop",
    disk_template=DiskTemplate.FILE,
    disks=({"size": 1024},),
    nics=({},),
)


def with_certs(config: Any) -> Any:
    certs = {uuid: f"digest of {uuid}" for uuid in config.nodes}
    return config.with_cluster(replace(config.cluster, candidate_certs=certs))


class MasterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.start()

    def start(self, *, nodes: int = 3, instances: int = 1, offline: int = 0) -> None:
        config = with_certs(make_config(nodes=nodes, instances=instances))
        if offline:
            node = config.nodes[node_uuid(offline)]
            config = config.with_node(replace(node, offline=True, master_candidate=False))
            certs = dict(config.cluster.candidate_certs)
            del certs[node.uuid]
            config = config.with_cluster(replace(config.cluster, candidate_certs=certs))
        self.rig = MasterRig(dict(ANSWERS), config=config)

    @property
    def config(self) -> Any:
        return self.rig.master.store.committed.config

    def run_op(self, op: OpCode, status: JobStatus = JobStatus.SUCCESS) -> Any:
        """The result of a job with this one opcode; it leaves no locks and no recovery records."""
        job_id = self.rig.submit(op)
        self.rig.advance(10)
        job = self.rig.stored(job_id)
        self.assertEqual(self.rig.status(job_id), status, job.ops[0].result)
        self.assertEqual((job.recovery, job.locks, job.reservations), ((), (), ()))
        self.assertEqual(self.rig.master.locks.owners(), set())
        self.job_id = job_id
        return job.ops[0].result

    def nothing_reserved(self) -> None:
        self.assertEqual(self.rig.master.reservations.owners(), frozenset())

    def test_every_operation(self) -> None:
        """Each of them succeeds, gives the result of the table and leaves nothing reserved."""
        results: list[tuple[OpCode, Any]] = [
            (OpClusterPostInit(), True),
            (CREATE, ["node2.example.com"]),
            (OpInstanceShutdown(instance_name="web1"), None),
            (OpInstanceStartup(instance_name="web1"), None),
            (OpOsDiagnose(output_fields=("name",)), [["noop"]]),
            (OpTestDelay(duration=0.0), None),
            (OpInstanceRemove(instance_name="web1"), None),
            (OpNodeRemove(node_name="node3"), None),
        ]
        for op, result in results:
            self.assertEqual(self.run_op(op), result, op)
            self.nothing_reserved()
        found = self.run_op(OpInstanceQueryData())
        self.assertEqual(found[instance_uuid(1)]["name"], "inst1.example.com")

    def test_settings(self) -> None:
        """Those that change nothing but the configuration, and what they leave in it."""
        results: list[tuple[OpCode, Any]] = [
            (OpGroupAdd(group_name="rack2", ndparams={"spindle_count": 2}), None),
            (OpGroupAssignNodes(group_name="rack2", nodes=("node3",)), None),
            (OpGroupRename(group_name="rack2", new_name="cellar"), "cellar"),
            (
                OpGroupSetParams(group_name="cellar", ndparams={"spindle_count": 4}),
                [("ndparams", {"spindle_count": 4})],
            ),
            (OpTagsSet(kind=TagKind.NODEGROUP, name="cellar", tags=("cold", "dry")), None),
            (OpTagsDel(kind=TagKind.NODEGROUP, name="cellar", tags=("dry",)), None),
            (OpTagsSet(kind=TagKind.CLUSTER, tags=("cold",)), None),
            (OpTagsSearch(pattern="c.ld"), [("/cluster", "cold"), ("/nodegroup/cellar", "cold")]),
            (OpTagsGet(kind=TagKind.NODEGROUP, name="cellar"), ["cold"]),
            (OpClusterSetParams(beparams={"vcpus": 2}), None),
            (OpClusterRedistConf(), None),
            (OpGroupAssignNodes(group_name="default", nodes=("node3",)), None),
            (OpGroupRemove(group_name="cellar"), None),
        ]
        for op, result in results:
            self.assertEqual(self.run_op(op), result, op)
            self.nothing_reserved()
        self.assertEqual([group.name for group in self.config.groups.values()], ["default"])
        self.assertEqual(self.config.cluster.tags, ("cold",))
        self.assertEqual(self.config.cluster.beparams["default"].vcpus, 2)

    def test_changes_of_instances(self) -> None:
        """What they answer, what they leave in the configuration, and nothing else."""
        disk = Modification(
            what=ModificationAction.ADD, where=LAST, given={"size": 1024, "name": "data"}
        )
        removed = Modification(what=ModificationAction.REMOVE, where="data", given={})
        results: list[tuple[OpCode, Any]] = [
            (CREATE, ["node2.example.com"]),
            (OpInstanceReboot(instance_name="web1", reboot_type=RebootType.HARD), None),
            (OpInstanceShutdown(instance_name="web1"), None),
            (OpInstanceReinstall(instance_name="web1", os_type="noop"), None),
            (OpInstanceRename(instance_name="web1", new_name="web2"), "web2"),
            (
                OpInstanceSetParams(instance_name="web2", beparams={"vcpus": 2}, disks=(disk,)),
                [["be/vcpus", 2], ["disk/1", "add:size=1024,mode=rw"]],
            ),
            (
                OpInstanceSetParams(instance_name="web2", offline=True, disks=(removed,)),
                [["disk/1", "remove"], ["admin_state", "offline"]],
            ),
        ]
        for op, result in results:
            self.assertEqual(self.run_op(op), result, op)
            self.nothing_reserved()
        instance = self.config.find_instance("web2")
        self.assertEqual(instance.beparams.vcpus, 2)
        self.assertEqual(instance.admin_state, AdminState.OFFLINE)
        self.assertEqual(len(self.config.instance_disks(instance)), 1)

    def test_failed_change(self) -> None:
        """A disk that cannot be made takes the one made before with it; nothing changes."""
        before = self.config.instances[instance_uuid(1)]
        self.rig.transport.answers[CreateDisk] = StorageError("full")
        disk = Modification(what=ModificationAction.ADD, where=LAST, given={"size": 1024})
        op = OpInstanceSetParams(instance_name="inst1", beparams={"vcpus": 2}, disks=(disk, disk))
        error = self.run_op(op, JobStatus.ERROR)
        self.assertIn("full", error[1][0])
        self.assertEqual(self.config.instances[instance_uuid(1)], before)
        undone = [type(c) for _, c, _, undoes in self.rig.transport.sent if undoes is not None]
        self.assertEqual(undone, [RemoveDisk])
        self.nothing_reserved()

    def test_disk_that_cannot_be_removed(self) -> None:
        """Its instance is rid of it; the refusal is told, and nothing is owed for it."""
        self.run_op(OpInstanceShutdown(instance_name="inst1"))
        self.rig.transport.answers[RemoveDisk] = StorageError("busy")
        removed = Modification(what=ModificationAction.REMOVE, where=0, given={})
        self.run_op(OpInstanceSetParams(instance_name="inst1", disks=(removed,)))
        self.assertEqual(self.config.instances[instance_uuid(1)].disks, ())
        [line] = self.rig.log(self.job_id)
        self.assertIn("WARNING: Could not remove disk 0 of instance inst1.example.com", line)

    def test_node_add(self) -> None:
        """A new node is asked at its address before it is in the configuration."""
        self.rig.master.given.resolver.hosts["new.example.com"] = "192.0.2.9"
        self.run_op(OpNodeAdd(node_name="new.example.com"))
        self.assertTrue(self.config.nodes[node_uuid(9)].master_candidate)
        self.assertEqual(self.config.cluster.candidate_certs[node_uuid(9)], "digest9")
        self.assertEqual(self.rig.transport.sent[0][0], "new.example.com@192.0.2.9")
        self.nothing_reserved()

    def test_destroy(self) -> None:
        """The cluster's last operation names the master."""
        self.start(nodes=1, instances=0)
        self.assertEqual(self.run_op(OpClusterDestroy()), node_uuid(1))

    def test_failed_creation(self) -> None:
        """A creation whose start fails leaves neither an instance nor reservations nor debts."""
        self.rig.transport.answers[StartInstance] = HypervisorError("no room")
        error = self.run_op(CREATE, JobStatus.ERROR)
        self.assertEqual(error[0], "OpExecError")
        self.assertIn("Could not start instance 'web1'", error[1][0])
        self.assertNotIn("web1", self.config.instance_by_name)
        undone = [type(c) for _, c, _, undoes in self.rig.transport.sent if undoes is not None]
        self.assertEqual(undone, [StopInstance, RemoveDisk])
        self.nothing_reserved()
        self.assertEqual(len(self.rig.master.store.committed.debts), 0)

    def test_dry_run(self) -> None:
        """A dry run answers what the operation would, and changes nothing."""
        before = self.config
        self.assertEqual(self.run_op(replace(CREATE, dry_run=True)), ["node2.example.com"])
        self.assertIs(self.config, before)
        self.nothing_reserved()

    def test_removal_on_an_offline_node(self) -> None:
        """The instance is forgotten without a call; the node owes what it could not do."""
        self.start(offline=2, instances=2)
        self.run_op(OpInstanceRemove(instance_name="inst2"))
        self.assertNotIn(instance_uuid(2), self.config.instances)
        debts = self.rig.master.store.committed.debts.values()
        self.assertEqual({debt.node_uuid for debt in debts}, {node_uuid(2)})
        self.assertEqual(len(debts), 2)
        self.assertEqual(self.rig.transport.sent, [])
        self.assertEqual(self.rig.log(self.job_id), [])

    def test_failing_removal(self) -> None:
        """A disk that cannot be removed keeps the instance known."""
        self.rig.transport.answers[RemoveDisk] = StorageError("busy")
        error = self.run_op(OpInstanceRemove(instance_name="inst1"), JobStatus.ERROR)
        self.assertIn("Can't remove instance's disks", error[1][0])
        self.assertIn(instance_uuid(1), self.config.instances)

    def test_node_that_cannot_be_told(self) -> None:
        """A node that does not answer is forgotten, with a warning and without a debt."""
        del self.rig.transport.answers[LeaveCluster]
        self.run_op(OpNodeRemove(node_name="node3"))
        self.rig.advance(60)
        self.assertNotIn(node_uuid(3), self.config.nodes)
        self.assertEqual(len(self.rig.master.store.committed.debts), 0)
        [line] = self.rig.log(self.job_id)
        self.assertTrue(
            line.startswith(
                " - WARNING: Errors encountered on the remote node while leaving the cluster"
            )
        )

    def test_unreachable_at_shutdown(self) -> None:
        """An instance whose node is gone stays as it was."""
        del self.rig.transport.answers[StopInstance]
        error = self.run_op(OpInstanceShutdown(instance_name="inst1"), JobStatus.ERROR)
        self.assertIn("Could not shutdown instance 'inst1.example.com'", error[1][0])
        state = self.config.instances[instance_uuid(1)].admin_state
        self.assertEqual(state, AdminState.UP)

    def test_two_creations_of_a_name(self) -> None:
        """One of two jobs gets the name."""
        first, second = self.rig.submit_many([[CREATE], [CREATE]])
        self.rig.advance(5)
        self.assertEqual(self.rig.status(first), JobStatus.SUCCESS)
        self.assertEqual(self.rig.status(second), JobStatus.ERROR)
        self.assertEqual(
            self.rig.job(second).ops[0].result,
            ["OpPrereqError", ["Instance 'web1' is already in the cluster", "already_exists"]],
        )

    def test_create_and_remove_in_one_job(self) -> None:
        """A job may make, remove and make an instance again."""
        job_id = self.rig.submit(CREATE, OpInstanceRemove(instance_name="web1"), CREATE)
        self.rig.advance(5)
        self.assertEqual(self.rig.status(job_id), JobStatus.SUCCESS)
        self.assertIn("web1", self.config.instance_by_name)
        self.nothing_reserved()
