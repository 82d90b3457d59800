"""Trying instance allocators out: what is asked, and what is shown."""

from __future__ import annotations

import json
from typing import Any

from msgspec.structs import replace
from support.fakejob import FakeJob, run_unit
from support.samples import (
    GROUP_UUID,
    disk_uuid,
    make_config,
    make_disk,
    make_instance,
    node_uuid,
)
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import ErrorCode, OpExecError, OpPrereqError
from ganeti.htools.requests import Answer
from ganeti.model.config import Configuration
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes.allocator import (
    AllocatorDirection,
    AllocatorMode,
    EvacuationMode,
    OpTestAllocator,
)
from ganeti.opcodes.instance import NicKey
from ganeti.operations.test.allocator import TestAllocator

NEW: dict[str, Any] = {
    "mode": AllocatorMode.ALLOCATE,
    "name": "new",
    "memory": 256,
    "vcpus": 2,
    "spindle_use": 3,
    "disks": ({"size": 1024, "mode": "rw"}, {"size": 512}),
    "disk_template": DiskTemplate.FILE,
    "os": "busybox",
    "tags": ("a",),
    "nics": ({NicKey.MAC: "aa:00:00:00:00:01", NicKey.IP: None},),
}


def mirrored() -> Configuration:
    """Two nodes, and an instance with a DRBD disk on both."""
    config = make_config(nodes=2)
    secret = (node_uuid(1), node_uuid(2), 11000, 0, 0, "secret")
    disk = make_disk(1, dev_type=DiskTemplate.DRBD, logical_id=secret)
    return Configuration.build(
        cluster=config.cluster,
        groups=config.groups.values(),
        nodes=config.nodes.values(),
        instances=[make_instance(1, disks=(disk_uuid(1),))],
        disks=[disk],
        ctime=1.0,
        mtime=1.0,
    )


class AllocatorTestTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.job = FakeJob(make_config(nodes=3, instances=2))

    def start(self, **settings: Any) -> Any:
        values = {
            "direction": AllocatorDirection.IN,
            "mode": AllocatorMode.RELOCATE,
            "name": "inst1.example.com",
            **settings,
        }
        return Deferred.fromCoroutine(run_unit(TestAllocator, OpTestAllocator(**values), self.job))

    def run_test(self, **settings: Any) -> Any:
        return self.successResultOf(self.start(**settings))

    def request(self, **settings: Any) -> Any:
        """What an allocator would be asked."""
        return json.loads(self.run_test(**settings))["request"]

    def refused(self, text: str, **settings: Any) -> None:
        error = self.failureResultOf(self.start(**settings), OpPrereqError).value
        self.assertEqual((str(error), error.code), (text, ErrorCode.WRONG_INPUT))

    # -- what is asked

    def test_new_instance(self) -> None:
        """All that was said of it; its disks are summed up for the allocator."""
        asked = self.request(**NEW)
        self.assertEqual(
            asked,
            {
                "type": "allocate",
                "name": "new",
                "memory": 256,
                "vcpus": 2,
                "spindle_use": 3,
                "disks": [
                    {"size": 1024, "mode": "rw", "dev_type": "file", "spindles": None},
                    {"size": 512, "mode": "rw", "dev_type": "file", "spindles": None},
                ],
                "disk_space_total": 1536,
                "disk_template": "file",
                "hypervisor": "fake",
                "nics": [{"mac": "aa:00:00:00:00:01", "ip": None}],
                "os": "busybox",
                "tags": ["a"],
                "required_nodes": 1,
                "group_name": None,
            },
        )

    def test_mirrored(self) -> None:
        """A mirrored one needs two nodes, and room for what DRBD notes."""
        asked = self.request(**NEW | {"disk_template": DiskTemplate.DRBD, "group_name": "default"})
        self.assertEqual((asked["required_nodes"], asked["disk_space_total"]), (2, 1536 + 256))
        self.assertEqual(asked["group_name"], "default")

    def test_several(self) -> None:
        """As many as asked, numbered."""
        asked = self.request(**NEW | {"mode": AllocatorMode.MULTI_ALLOCATE, "count": 3})
        self.assertEqual([each["name"] for each in asked["instances"]], ["new0", "new1", "new2"])

    def test_relocation(self) -> None:
        """Away from the secondary node; from none where there is none."""
        asked = self.request()
        self.assertEqual((asked["type"], asked["relocate_from"]), ("relocate", []))
        self.job = FakeJob(mirrored())
        asked = self.request(name="inst1")
        self.assertEqual(asked["name"], "inst1.example.com")
        self.assertEqual(asked["relocate_from"], ["node2.example.com"])

    def test_others(self) -> None:
        """The other requests name what there is in full."""
        asked = self.request(mode=AllocatorMode.ALLOCATE_SECONDARY, name="inst2")
        self.assertEqual(asked, {"type": "allocate-secondary", "name": "inst2.example.com"})
        moved = {"instances": ("inst1", "inst2")}
        asked = self.request(
            mode=AllocatorMode.NODE_EVACUATE, evac_mode=EvacuationMode.ALL, **moved
        )
        self.assertEqual(asked["instances"], ["inst1.example.com", "inst2.example.com"])
        self.assertEqual((asked["type"], asked["evac_mode"]), ("node-evacuate", "all"))
        asked = self.request(mode=AllocatorMode.CHANGE_GROUP, target_groups=("default",), **moved)
        self.assertEqual((asked["type"], asked["target_groups"]), ("change-group", [GROUP_UUID]))

    def test_refused(self) -> None:
        """What is missing, or makes no sense."""
        for field in ("memory", "disks", "disk_template", "os", "nics", "vcpus"):
            text = f"Missing attribute '{field}' on opcode input"
            self.refused(text, **{key: value for key, value in NEW.items() if key != field})
        self.refused(
            "Missing attribute 'evac_mode' on opcode input",
            mode=AllocatorMode.NODE_EVACUATE,
            instances=("inst1",),
        )
        self.refused(
            "Missing attribute 'instances' on opcode input", mode=AllocatorMode.CHANGE_GROUP
        )
        self.refused(
            "Invalid contents of the 'disks' parameter, disk 1: Object contains unknown field `x`",
            **NEW | {"disks": ({"size": 1}, {"size": 1, "x": 1})},
        )
        self.refused(
            "At most 10000 instances can be asked for, not 10001",
            **NEW | {"mode": AllocatorMode.MULTI_ALLOCATE, "count": 10001},
        )

    def test_unknown(self) -> None:
        """Names of new instances must be free, those of others there."""
        for settings in ({"name": "nosuch"}, NEW | {"name": "inst1.example.com"}):
            self.failureResultOf(self.start(**settings), OpPrereqError)

    # -- what is shown

    def test_answer(self) -> None:
        """What an allocator prints, as text that does nothing to a terminal."""
        self.job.iallocator.answers["hail"] = Answer(success=False, info="\x1b[2J", result=[])
        shown = self.run_test(direction=AllocatorDirection.OUT, iallocator="hail")
        self.assertEqual(json.loads(shown)["success"], False)
        self.assertTrue(shown.endswith("}\n"))
        self.assertNotIn("\x1b", shown)

    def test_which(self) -> None:
        """The cluster's default one, when none is named, or a dot."""
        self.refused(
            "Missing allocator name, and the cluster has no default allocator",
            direction=AllocatorDirection.OUT,
        )
        config = self.job.config
        cluster = replace(config.cluster, default_iallocator="mine")
        for given in (None, "."):
            self.job = FakeJob(config.with_cluster(cluster))
            self.job.iallocator.answers["mine"] = ["node1.example.com"]
            self.run_test(direction=AllocatorDirection.OUT, iallocator=given)
            self.assertEqual([name for name, _ in self.job.iallocator.asked], ["mine"])

    def test_failure(self) -> None:
        """What went wrong is the job's error."""
        self.job.iallocator.answers["mine"] = OpExecError("died of signal 9")
        running = self.start(direction=AllocatorDirection.OUT, iallocator="mine")
        self.failureResultOf(running, OpExecError)
