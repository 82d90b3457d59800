"""Node groups: made, changed, renamed, removed, and filled with nodes."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from support.fakejob import FakeJob, plan_unit, run_unit
from support.samples import (
    GROUP_UUID,
    disk_uuid,
    instance_uuid,
    make_config,
    make_disk,
    make_instance,
    node_uuid,
    uuid_of,
)
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import ErrorCode, GanetiError, OpPrereqError, TypeEnforcementError
from ganeti.model.config import Configuration
from ganeti.model.group import AllocPolicy, NodeGroup
from ganeti.model.locks import Level, exclusive
from ganeti.model.parameters import PartialNdParams
from ganeti.model.policy import PartialPolicy
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes.base import OpCode, op_id
from ganeti.opcodes.group import (
    OpGroupAdd,
    OpGroupAssignNodes,
    OpGroupRemove,
    OpGroupRename,
    OpGroupSetParams,
)
from ganeti.operations.registry import UNITS

OTHER = NodeGroup(uuid=uuid_of(1, 2), name="other")
SIZES = {
    "cpu-count": 1,
    "disk-count": 1,
    "disk-size": 1024,
    "memory-size": 128,
    "nic-count": 1,
    "spindle-use": 1,
}


def bounds(**low: int) -> list[dict[str, dict[str, int]]]:
    """One pair of bounds, of which only the lower one matters."""
    changed = {name.replace("_", "-"): value for name, value in low.items()}
    return [{"min": SIZES | changed, "max": dict.fromkeys(SIZES, 100_000)}]


class GroupTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.set_config(make_config(nodes=3, instances=3).with_group(OTHER))

    def set_config(self, config: Configuration) -> None:
        self.job = FakeJob(config)

    def run_op(self, op: OpCode) -> Any:
        running = run_unit(UNITS[op_id(op)], op, self.job)
        return self.successResultOf(Deferred.fromCoroutine(running))

    def refused(self, op: OpCode, text: str, code: ErrorCode | None = None) -> None:
        """Planning ends in an error and has changed nothing."""
        index = self.job.state.index
        planning = Deferred.fromCoroutine(plan_unit(UNITS[op_id(op)], op, self.job))
        error = self.failureResultOf(planning, GanetiError).value
        self.assertEqual(str(error), text)
        if code is None:
            self.assertIsInstance(error, TypeEnforcementError)
        else:
            self.assertIsInstance(error, OpPrereqError)
            self.assertEqual(error.code, code)
        self.assertEqual(self.job.state.index, index)

    def locks(self, op: OpCode) -> Any:
        return UNITS[op_id(op)](op, self.job).locks(self.job.state)

    def group(self, name: str) -> NodeGroup:
        return self.job.config.find_group(name)


class DescriptionTests(GroupTests):
    def test_words(self) -> None:
        """What a dry run tells."""
        self.run_op(OpGroupSetParams(group_name="other", ndparams={"ovs": True}))
        drbd = {DiskTemplate.DRBD: {"metavg": "x"}}
        wanted: list[tuple[OpCode, tuple[str, ...]]] = [
            (
                OpGroupAdd(group_name="new", diskparams=drbd),
                (
                    "add node group new",
                    "set diskparams/drbd/metavg of node group new to x",
                ),
            ),
            (
                OpGroupSetParams(
                    group_name="other", ndparams={"ovs": None, "ssh_port": 23}, diskparams=drbd
                ),
                (
                    "unset ndparams/ovs of node group other",
                    "set ndparams/ssh_port of node group other to 23",
                    "set diskparams/drbd/metavg of node group other to x",
                ),
            ),
            (
                OpGroupRename(group_name="other", new_name="new"),
                ("rename node group other to new",),
            ),
            (OpGroupRemove(group_name="other"), ("remove node group other",)),
            (
                OpGroupAssignNodes(group_name="other", nodes=("node3",)),
                ("move node node3.example.com to node group other",),
            ),
            (OpGroupAssignNodes(group_name="default", nodes=("node3",)), ("change nothing",)),
            (
                OpGroupSetParams(group_name="other", alloc_policy=AllocPolicy.PREFERRED),
                ("change nothing",),
            ),
        ]
        for op, lines in wanted:
            kind = UNITS[op_id(op)]
            plan = self.successResultOf(Deferred.fromCoroutine(plan_unit(kind, op, self.job)))
            self.assertEqual(kind(op, self.job).describe(plan), lines)


class AddTests(GroupTests):
    def test_defaults(self) -> None:
        """A new group is empty, and inherits everything."""
        self.assertIsNone(self.run_op(OpGroupAdd(group_name="new group")))
        group = self.group("new group")
        self.assertEqual(self.job.config.group_nodes(group.uuid), [])
        self.assertEqual(group, replace(group, **inherited()))

    def test_settings(self) -> None:
        """It is made with settings of its own."""
        self.run_op(
            OpGroupAdd(
                group_name="new",
                alloc_policy=AllocPolicy.LAST_RESORT,
                ndparams={"spindle_count": "2", "exclusive_storage": "true"},
                diskparams={DiskTemplate.DRBD: {"metavg": "vg2", "resync-rate": "1000"}},
                ipolicy={"vcpu-ratio": 2.0, "minmax": bounds()},
                hv_state={"fake": {"cpu_node": 2}},
                disk_state={"plain": {"vg": {"disk_reserved": 5}}},
            )
        )
        group = self.group("new")
        self.assertEqual(group.alloc_policy, AllocPolicy.LAST_RESORT)
        self.assertEqual(group.ndparams, PartialNdParams(spindle_count=2, exclusive_storage=True))
        self.assertEqual(
            group.diskparams, {DiskTemplate.DRBD: {"metavg": "vg2", "resync-rate": 1000}}
        )
        self.assertEqual(group.ipolicy.vcpu_ratio, 2)
        self.assertEqual(group.hv_state_static, {"fake": {"cpu_node": 2}})
        self.assertEqual(group.disk_state_static, {"plain": {"vg": {"disk_reserved": 5}}})

    def test_name(self) -> None:
        """The name is free and well-formed."""
        for name in ("other", OTHER.uuid):
            self.refused(
                OpGroupAdd(group_name=name),
                f"Desired group name '{name}' already exists as a node group (UUID: {OTHER.uuid})",
                ErrorCode.EXISTS,
            )
        for name in (uuid_of(1, 9), "a\nb", " x"):
            self.refused(
                OpGroupAdd(group_name=name),
                f"Invalid node group name '{name}'",
                ErrorCode.WRONG_INPUT,
            )

    def test_name_taken_meanwhile(self) -> None:
        """Of two that are planned at the same time one is refused."""
        op = OpGroupAdd(group_name="new")
        unit = UNITS["OP_GROUP_ADD"](op, self.job)
        plan = self.successResultOf(Deferred.fromCoroutine(unit.plan()))
        self.run_op(op)
        self.failureResultOf(Deferred.fromCoroutine(unit.execute(plan)), OpPrereqError)

    def test_locks(self) -> None:
        """The new name is taken."""
        self.assertEqual(
            self.locks(OpGroupAdd(group_name="new")), exclusive(Level.NODEGROUP, "new")
        )

    def test_wrong_values(self) -> None:
        """Values are checked by name, type and range."""
        wrong: list[tuple[dict[str, Any], str, ErrorCode | None]] = [
            ({"ndparams": {"nosuch": 1}}, "Unknown parameter 'nosuch'", None),
            (
                {"ndparams": {"ssh_port": "x"}},
                "'ssh_port' (value x) is not a valid integer",
                None,
            ),
            (
                {"ndparams": {"ssh_port": 70000}},
                "'ssh_port' (value 70000) is not valid: expected `int` <= 65535",
                None,
            ),
            ({"diskparams": {DiskTemplate.FILE: {"x": 1}}}, "Unknown parameter 'x'", None),
            (
                {"diskparams": {DiskTemplate.RBD: {"access": "x"}}},
                "Disk parameter 'rbd:access' is one of kernelspace, userspace",
                ErrorCode.WRONG_INPUT,
            ),
            (
                {"diskparams": {DiskTemplate.PLAIN: {"stripes": 0}}},
                "Disk parameter 'plain:stripes': value '0' is out of range",
                ErrorCode.WRONG_INPUT,
            ),
            (
                {"diskparams": {DiskTemplate.DRBD: {"protocol": "D"}}},
                "Disk parameter 'drbd:protocol' is one of A, B, C",
                ErrorCode.WRONG_INPUT,
            ),
            (
                {"hv_state": {"cow": {}}},
                "Invalid hypervisor(s) in hypervisor state: cow",
                ErrorCode.WRONG_INPUT,
            ),
            (
                {"ipolicy": {"std": SIZES}},
                "The std specs of the instance policy can be set for the whole cluster only",
                ErrorCode.WRONG_INPUT,
            ),
        ]
        for settings, text, code in wrong:
            self.refused(OpGroupAdd(group_name="new", **settings), text, code)
            self.refused(OpGroupSetParams(group_name="other", **settings), text, code)


def inherited() -> dict[str, Any]:
    """Settings of a group that sets nothing."""
    return {
        "alloc_policy": AllocPolicy.PREFERRED,
        "ndparams": PartialNdParams(),
        "diskparams": {},
        "ipolicy": PartialPolicy(),
        "hv_state_static": {},
        "disk_state_static": {},
    }


class ModifyTests(GroupTests):
    def modify(self, **settings: Any) -> Any:
        return self.run_op(OpGroupSetParams(group_name="default", **settings))

    def test_nothing(self) -> None:
        """Without a setting nothing changes."""
        serial_no = self.group("default").serial_no
        self.assertEqual(self.modify(), [])
        self.assertEqual(self.group("default").serial_no, serial_no)

    def test_merge(self) -> None:
        """What is not named stays; the result has the group's own values of what was named."""
        self.assertEqual(
            self.modify(ndparams={"spindle_count": 2}), [("ndparams", {"spindle_count": 2})]
        )
        self.assertEqual(
            self.modify(ndparams={"ssh_port": 2222}, diskparams={DiskTemplate.RBD: {"pool": "x"}}),
            [
                ("ndparams", {"spindle_count": 2, "ssh_port": 2222}),
                ("diskparams", {"rbd": {"pool": "x"}}),
            ],
        )
        self.modify(diskparams={DiskTemplate.PLAIN: {"stripes": 3}})
        self.assertEqual(
            self.group("default").diskparams,
            {DiskTemplate.RBD: {"pool": "x"}, DiskTemplate.PLAIN: {"stripes": 3}},
        )

    def test_inherit_again(self) -> None:
        """C{default} takes an own value back."""
        self.modify(
            ndparams={"spindle_count": 2, "ovs": True},
            diskparams={DiskTemplate.RBD: {"pool": "x"}},
            ipolicy={"vcpu-ratio": 2, "disk-templates": ["file"], "minmax": bounds()},
        )
        self.modify(
            ndparams={"spindle_count": "default", "ovs": None},
            diskparams={DiskTemplate.RBD: {"pool": "default"}},
            ipolicy={
                "vcpu-ratio": "default",
                "disk-templates": "default",
                "minmax": "default",
            },
        )
        group = self.group("default")
        self.assertEqual(group, replace(group, **inherited()))

    def test_states(self) -> None:
        """Static states are merged key by key."""
        self.modify(hv_state={"fake": {"cpu_node": 2}, "kvm": {"mem_node": 1}})
        self.modify(hv_state={"fake": {"cpu_total": 8}})
        self.assertEqual(
            self.group("default").hv_state_static,
            {"fake": {"cpu_node": 2, "cpu_total": 8}, "kvm": {"mem_node": 1}},
        )

    def test_alloc_policy(self) -> None:
        """The policy of allocation is set, and no part of the result."""
        self.assertEqual(self.modify(alloc_policy=AllocPolicy.UNALLOCABLE), [])
        self.assertEqual(self.group("default").alloc_policy, AllocPolicy.UNALLOCABLE)

    def test_meanwhile(self) -> None:
        """What others change between plan and execution stays."""
        op = OpGroupSetParams(group_name="default", ndparams={"spindle_count": 2})
        unit = UNITS["OP_GROUP_SET_PARAMS"](op, self.job)
        plan = self.successResultOf(Deferred.fromCoroutine(unit.plan()))
        self.modify(ndparams={"ssh_port": 2222})
        self.successResultOf(Deferred.fromCoroutine(unit.execute(plan)))
        self.assertEqual(
            self.group("default").ndparams, PartialNdParams(spindle_count=2, ssh_port=2222)
        )

    def test_violations(self) -> None:
        """Instances that the new policy would not take are named, and stay."""
        self.modify(ipolicy={"minmax": bounds(memory_size=256)})
        violation = "memory-size value 128 is not in range [256, 100000]"
        names = ", ".join(f"inst{n}.example.com ({violation})" for n in (1, 2, 3))
        self.assertEqual(
            self.job.lines,
            [f" - WARNING: After the ipolicy change the following instances violate it: {names}"],
        )
        self.job.lines.clear()
        self.modify(ipolicy={"vcpu-ratio": 1})  # they did before
        self.assertEqual(self.job.lines, [])

    def test_policy(self) -> None:
        """A policy must not contradict itself."""
        self.refused(
            OpGroupSetParams(group_name="default", ipolicy={"minmax": bounds(disk_size=200_000)}),
            "Invalid specification of min/max values for disk-size/0: 200000/100000",
            ErrorCode.WRONG_INPUT,
        )

    def test_exclusive_storage(self) -> None:
        """It cannot be switched on under disks that cannot live with it."""
        lv = make_disk(9, dev_type=DiskTemplate.PLAIN, logical_id=("vg", "lv"))
        drbd = make_disk(
            1,
            dev_type=DiskTemplate.DRBD,
            logical_id=(node_uuid(1), node_uuid(2), 11000, 0, 0, "s"),
            children=(lv, lv),
        )
        self.set_config(self.job.config.with_disk(drbd))
        op = OpGroupSetParams(group_name="default", ndparams={"exclusive_storage": True})
        self.refused(
            op,
            "Exclusive storage cannot be switched on: instance inst1.example.com has disks of"
            " template drbd on node node1.example.com",
            ErrorCode.WRONG_STATE,
        )

    def test_locks(self) -> None:
        """The group is held."""
        self.assertEqual(
            self.locks(OpGroupSetParams(group_name="default")),
            exclusive(Level.NODEGROUP, GROUP_UUID),
        )

    def test_unknown(self) -> None:
        """The group exists."""
        for op in (
            OpGroupSetParams(group_name="nosuch"),
            OpGroupRemove(group_name="nosuch"),
            OpGroupRename(group_name="nosuch", new_name="x"),
            OpGroupAssignNodes(group_name="nosuch", nodes=("node1",)),
        ):
            self.refused(op, "Node group 'nosuch' not found", ErrorCode.NOT_FOUND)


class RenameTests(GroupTests):
    def test_rename(self) -> None:
        """The group keeps its uuid and nodes."""
        result = self.run_op(OpGroupRename(group_name="default", new_name="main"))
        self.assertEqual(result, "main")
        self.assertEqual(self.group("main").uuid, GROUP_UUID)
        self.assertIsNone(self.job.config.lookup_group("default"))

    def test_clash(self) -> None:
        """The new name is free and well-formed."""
        self.refused(
            OpGroupRename(group_name="default", new_name="other"),
            f"Desired new name 'other' clashes with existing node group (UUID: {OTHER.uuid})",
            ErrorCode.EXISTS,
        )
        self.refused(
            OpGroupRename(group_name="default", new_name=uuid_of(1, 9)),
            f"Invalid node group name '{uuid_of(1, 9)}'",
            ErrorCode.WRONG_INPUT,
        )

    def test_locks(self) -> None:
        """Group and new name are held."""
        self.assertEqual(
            self.locks(OpGroupRename(group_name="default", new_name="main")),
            exclusive(Level.NODEGROUP, GROUP_UUID, "main"),
        )


class RemoveTests(GroupTests):
    def test_remove(self) -> None:
        """An empty group goes."""
        self.assertIsNone(self.run_op(OpGroupRemove(group_name="other")))
        self.assertNotIn(OTHER.uuid, self.job.config.groups)

    def test_not_empty(self) -> None:
        """A group with nodes stays."""
        nodes = ", ".join(node_uuid(number) for number in (1, 2, 3))
        self.refused(
            OpGroupRemove(group_name="default"),
            f"Group 'default' not empty, has the following nodes: {nodes}",
            ErrorCode.WRONG_STATE,
        )

    def test_filled_meanwhile(self) -> None:
        """A group that got a node between plan and execution stays."""
        unit = UNITS["OP_GROUP_REMOVE"](OpGroupRemove(group_name="other"), self.job)
        plan = self.successResultOf(Deferred.fromCoroutine(unit.plan()))
        self.run_op(OpGroupAssignNodes(group_name="other", nodes=("node3",)))
        self.failureResultOf(Deferred.fromCoroutine(unit.execute(plan)), OpPrereqError)

    def test_locks(self) -> None:
        """The group is held."""
        self.assertEqual(
            self.locks(OpGroupRemove(group_name="other")), exclusive(Level.NODEGROUP, OTHER.uuid)
        )


class AssignTests(GroupTests):
    def assign(self, *nodes: str, **settings: Any) -> None:
        op = OpGroupAssignNodes(group_name="other", nodes=nodes, **settings)
        self.assertIsNone(self.run_op(op))

    def members(self, name: str) -> list[str]:
        return [n.name[:5] for n in self.job.config.group_nodes(self.group(name).uuid)]

    def test_assign(self) -> None:
        """Nodes move; those that are there already stay."""
        self.assign("node2")
        self.assign("node2.example.com", "node3", "node3")
        self.assertEqual(self.members("other"), ["node2", "node3"])
        self.assertEqual(self.members("default"), ["node1"])

    def test_none(self) -> None:
        """Without nodes nothing changes."""
        index = self.job.state.config.serial_no
        self.assign()
        self.assertEqual(self.job.state.config.serial_no, index)

    def test_uuids(self) -> None:
        """Uuids go before names."""
        self.assign("nosuch", node_uuids=(node_uuid(2),))
        self.assertEqual(self.members("other"), ["node2"])

    def test_unknown_node(self) -> None:
        """The nodes exist."""
        self.refused(
            OpGroupAssignNodes(group_name="other", nodes=("node1", "nosuch")),
            "Node 'nosuch' not known",
            ErrorCode.NOT_FOUND,
        )

    def mirror(self, *, first: int, second: int) -> None:
        """Give inst1 a disk on two nodes."""
        disk = make_disk(1, nodes=(node_uuid(first), node_uuid(second)))
        config = self.job.config.with_disk(disk)
        self.set_config(config.with_instance(make_instance(1, node=first)))

    def test_split(self) -> None:
        """Instances are not torn apart, unless that is wished."""
        self.mirror(first=1, second=2)
        self.refused(
            OpGroupAssignNodes(group_name="other", nodes=("node2",)),
            "The following instances get split by this change and --force was not given:"
            " inst1.example.com",
            ErrorCode.WRONG_STATE,
        )
        self.assign("node2", force=True)
        self.assertEqual(
            self.job.lines,
            [
                " - WARNING: This operation splits the following instances: inst1.example.com",
            ],
        )

    def test_together(self) -> None:
        """An instance that moves as a whole is not torn apart."""
        self.mirror(first=1, second=2)
        self.assign("node1", "node2")
        self.assertEqual(self.job.lines, [])

    def test_split_before(self) -> None:
        """One that was torn apart already is no reason to stop."""
        self.mirror(first=1, second=2)
        self.assign("node2", force=True)
        third = NodeGroup(uuid=uuid_of(1, 3), name="third")
        self.set_config(self.job.config.with_group(third))
        self.run_op(OpGroupAssignNodes(group_name="third", nodes=("node2",)))
        self.assertEqual(
            self.job.lines,
            [
                " - WARNING: The following instances were split between groups before, and"
                " still are: inst1.example.com"
            ],
        )

    def test_policy(self) -> None:
        """Instances that the new group's policy would not take are named."""
        self.run_op(OpGroupSetParams(group_name="other", ipolicy={"minmax": bounds(nic_count=2)}))
        self.assign("node2")
        self.assertEqual(
            self.job.lines,
            [
                " - WARNING: In their new group the following instances violate the instance"
                " policy: inst2.example.com (nic-count value 1 is not in range [2, 100000])"
            ],
        )

    def test_locks(self) -> None:
        """The nodes are held, and all groups concerned."""
        self.assertEqual(
            self.locks(OpGroupAssignNodes(group_name="other", nodes=("node2", "node3"))),
            (
                *exclusive(Level.NODEGROUP, OTHER.uuid, GROUP_UUID),
                *exclusive(Level.NODE, node_uuid(2), node_uuid(3)),
            ),
        )

    def test_mixed_templates(self) -> None:
        """An instance with disks of several templates is judged by each."""
        instance = replace(make_instance(1), disks=(disk_uuid(1), disk_uuid(1, 1)))
        shared = make_disk(1, 1, dev_type=DiskTemplate.SHAREDFILE)
        self.set_config(self.job.config.with_disk(shared).with_instance(instance))
        self.assertIn(instance_uuid(1), self.job.config.instances)
        self.run_op(OpGroupSetParams(group_name="other", ipolicy={"disk-templates": ["file"]}))
        self.assign("node1")
        self.assertIn("Disk template sharedfile is not allowed", self.job.lines[0])
