"""What dry runs say that operations would do."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from msgspec.structs import replace
from support.fakejob import FakeJob, plan_unit
from support.samples import instance_uuid, make_config, make_disk, node_uuid
from support.specs import make_spec
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.model.instance import AdminState
from ganeti.model.live import InstanceRuntime, NodeResources, OsInfo, RunState
from ganeti.model.recovery import ForgetCertificate, InConfig, MarkInstance, OnNode, RemoveNode
from ganeti.model.secret import Secret
from ganeti.model.tags import TagKind
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes import OpCode
from ganeti.opcodes.instance import (
    CreateMode,
    OpInstanceCreate,
    OpInstanceRemove,
    OpInstanceShutdown,
    OpInstanceStartup,
)
from ganeti.opcodes.tags import OpTagsSet
from ganeti.opcodes.test import OpTestDelay
from ganeti.operations.describing import describe_actions, show_plan
from ganeti.operations.registry import UNITS
from ganeti.rpc.calls import (
    CheckFileStorage,
    GetInstance,
    GetNodeInfo,
    GetOs,
    LeaveCluster,
    RemoveDisk,
    RunOsCreate,
    StopInstance,
    encode_call,
)

ANSWERS: dict[type, Any] = {
    GetInstance: None,
    GetOs: OsInfo(name="noop", path="/os/noop", valid=True, api_versions=(10, 20)),
    GetNodeInfo: NodeResources(memory_free=4096),
    CheckFileStorage: "",
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


def on_node(call: Any) -> OnNode:
    return OnNode(node_uuid=node_uuid(2), call=msgspec.Raw(encode_call(call)))


class DescriptionTests(SynchronousTestCase):
    def described(self, op: OpCode, **answers: Any) -> list[str]:
        job = FakeJob(make_config(nodes=3, instances=2), {**ANSWERS, **answers})
        kind = UNITS[str(op.__struct_config__.tag)]
        plan = self.successResultOf(Deferred.fromCoroutine(plan_unit(kind, op, job)))
        json.dumps(show_plan(plan))
        return list(kind(op, job).describe(plan))

    def test_create(self) -> None:
        """Disks with size and place, the operating system, the configuration, the start."""
        disk, *others = self.described(CREATE)
        self.assertRegex(
            disk,
            r"^create disk of 1\.0G \(file\) at /srv/ganeti/file-storage/web1/\S+\.disk0"
            r" on node2\.example\.com$",
        )
        self.assertEqual(
            others,
            [
                "run the create script of noop on node2.example.com",
                "add instance web1 to the configuration",
                "start instance web1 on node2.example.com",
            ],
        )

    def test_create_less(self) -> None:
        """What is not done is not said."""
        op = replace(CREATE, disk_template=DiskTemplate.DISKLESS, disks=(), no_install=True)
        self.assertEqual(self.described(op), ["add instance web1 to the configuration"])

    def test_startup(self) -> None:
        """Started and marked."""
        self.assertEqual(
            self.described(OpInstanceStartup(instance_name="inst1")),
            [
                "start instance inst1.example.com on node1.example.com",
                "mark instance inst1.example.com as up",
            ],
        )

    def test_startup_of_a_running_one(self) -> None:
        """Marked only, or nothing at all."""
        runtime = InstanceRuntime(
            name="inst1.example.com", state=RunState.RUNNING, memory_mib=1, vcpus=1
        )
        job = FakeJob(make_config(instances=1), {**ANSWERS, GetInstance: runtime})
        for no_remember, count in ((False, 1), (True, 0)):
            op = OpInstanceStartup(instance_name="inst1", no_remember=no_remember)
            kind = UNITS["OP_INSTANCE_STARTUP"]
            plan = self.successResultOf(Deferred.fromCoroutine(plan_unit(kind, op, job)))
            self.assertEqual(len(kind(op, job).describe(plan)), count)

    def test_shutdown(self) -> None:
        """Node calls and marks of a finish have words."""
        self.assertEqual(
            self.described(OpInstanceShutdown(instance_name="inst1")),
            [
                "stop instance inst1.example.com on node1.example.com",
                "mark instance inst1.example.com as down",
            ],
        )

    def test_remove(self) -> None:
        """Disks are told with their uuid and size."""
        lines = self.described(OpInstanceRemove(instance_name="inst1"))
        self.assertRegex(lines[2], r"^remove disk [0-9a-f-]{36} \(\S+\) on node1\.example\.com$")
        self.assertEqual(lines[-1], "remove instance inst1.example.com from the configuration")

    def test_tags(self) -> None:
        """The object and the tags."""
        op = OpTagsSet(kind=TagKind.NODE, name="node2", tags=("a", "b"))
        self.assertEqual(self.described(op), ["add tags to node node2: a, b"])
        op = OpTagsSet(kind=TagKind.CLUSTER, name=None, tags=("a",))
        self.assertEqual(self.described(op), ["add tags to cluster: a"])

    def test_delay(self) -> None:
        """Nodes wait; the master's own waiting is no step."""
        op = OpTestDelay(duration=2.0, on_nodes=("node3",))
        self.assertEqual(self.described(op), ["wait 2.0 s on node3.example.com"])
        self.assertEqual(self.described(OpTestDelay(duration=2.0)), [])


class ActionTests(SynchronousTestCase):
    def test_words(self) -> None:
        """Each action has a line, whatever it is about, and whether or not it is still there."""
        gone = instance_uuid(77)
        mark = MarkInstance(uuid=gone, admin_state=AdminState.OFFLINE)
        actions = (
            on_node(LeaveCluster()),
            on_node(RemoveDisk(disk=make_disk(1))),
            InConfig(compensation=RemoveNode(uuid=node_uuid(3))),
            InConfig(compensation=mark),
            InConfig(compensation=ForgetCertificate(node_uuid=node_uuid(3))),
        )
        lines = describe_actions(make_config(nodes=3), actions)
        self.assertEqual(lines[0], "leave cluster on node2.example.com")
        self.assertRegex(lines[1], r"^remove disk \S+ \(\S+\) on node2\.example\.com$")
        self.assertEqual(lines[2], "remove node node3.example.com from the configuration")
        self.assertEqual(lines[3], f"mark instance {gone} as offline")
        self.assertEqual(lines[4], "forget certificate from the configuration")


class ShownTests(SynchronousTestCase):
    def test_calls_are_decoded(self) -> None:
        """Node calls are shown as what they are."""
        call = StopInstance(name="i", uuid="u", hypervisor="fake")  # type: ignore[arg-type]
        shown = show_plan({"actions": (on_node(call),)})
        self.assertEqual(shown["actions"][0]["call"]["call"], "stop_instance")
        self.assertEqual(shown["actions"][0]["call"]["name"], "i")

    def test_secrets(self) -> None:
        """Secrets are not, be they in a plan or in a call."""
        spec = make_spec(1)
        call = RunOsCreate(spec=spec, os_name="x", secret_osparams={"k": Secret("hush")})
        shown = json.dumps(show_plan({"a": Secret("hush"), "b": on_node(call)}))
        self.assertNotIn("hush", shown)
        self.assertIn("<redacted>", shown)

    def test_strange_values(self) -> None:
        """What is no plain value is shown as Python would."""
        self.assertEqual(show_plan({"a": 1j}), {"a": "1j"})
