"""Parameters of instances that are inherited: which value holds, and whose it is said to be."""

from __future__ import annotations

from typing import Any, cast

from msgspec.structs import replace
from support.fakejob import FakeJob, run_unit
from support.samples import (
    GROUP_UUID,
    instance_uuid,
    make_config,
    make_disk,
    make_instance,
    node_uuid,
)
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import GanetiError, HypervisorError, OpPrereqError
from ganeti.model.cluster import Cluster
from ganeti.model.group import NodeGroup
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.instance import AdminState, Instance
from ganeti.model.live import InstanceRuntime, NodeResources, OsInfo
from ganeti.model.node import Node
from ganeti.model.parameters import NicMode, PartialBeParams
from ganeti.model.policy import PartialPolicy
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes.instance import OpInstanceSetParams
from ganeti.opcodes.modifications import LAST, Modification, ModificationAction
from ganeti.operations.instance.modify.unit import InstanceSetParams
from ganeti.rpc.calls import CheckFileStorage, GetInstance, GetNodeInfo, GetOs, SetMemory

UUID = instance_uuid(1)
ANSWERS: dict[type, Any] = {
    GetInstance: None,
    GetNodeInfo: NodeResources(memory_free=4096),
    GetOs: OsInfo(name="busybox", path="/os", valid=True, api_versions=(20,)),
    CheckFileStorage: "",
    SetMemory: None,
}


def add(**values: Any) -> Modification[Any]:
    return Modification(what=ModificationAction.ADD, where=LAST, given=values)


def modify(**values: Any) -> Modification[Any]:
    return Modification(what=ModificationAction.MODIFY, where=0, given=values)


class LevelTests(SynchronousTestCase):
    """Each kind of parameters, from the cluster to the request."""

    def setUp(self) -> None:
        self.config = make_config(nodes=1, instances=1)
        self.answers = dict(ANSWERS)
        self.set_instance(admin_state=AdminState.DOWN)

    @property
    def instance(self) -> Instance:
        return self.config.instances[UUID]

    def set_cluster(self, **settings: Any) -> None:
        self.config = self.config.with_cluster(
            cast(Cluster, replace(self.config.cluster, **settings))
        )

    def set_group(self, **settings: Any) -> None:
        group = cast(NodeGroup, replace(self.config.groups[GROUP_UUID], **settings))
        self.config = self.config.with_group(group)

    def set_node(self, **settings: Any) -> None:
        node = cast(Node, replace(self.config.nodes[node_uuid(1)], **settings))
        self.config = self.config.with_node(node)

    def set_instance(self, **settings: Any) -> None:
        self.config = self.config.with_instance(make_instance(1, **settings))

    def modify(self, **settings: Any) -> Any:
        self.job = FakeJob(self.config, self.answers)
        op = OpInstanceSetParams(instance_name="inst1.example.com", **settings)
        return Deferred.fromCoroutine(run_unit(InstanceSetParams, op, self.job))

    def changed(self, **settings: Any) -> Any:
        result = self.successResultOf(self.modify(**settings))
        self.config = self.job.config
        return result

    def refused(self, error: type[GanetiError] = OpPrereqError, **settings: Any) -> str:
        return str(self.failureResultOf(self.modify(**settings), error).value)

    def test_backend(self) -> None:
        """Bounds of memory from the cluster, the instance and the request."""
        of_cluster = self.config.cluster.beparams["default"]
        self.set_cluster(beparams={"default": replace(of_cluster, minmem=256, maxmem=512)})
        text = "Value of minmem ({}) must be lower or equal to the value of maxmem ({})"
        self.assertEqual(
            self.refused(beparams={"minmem": 600}),
            text.format("600, from this request", "512, from cluster defaults"),
        )
        self.changed(beparams={"minmem": 400})
        self.assertEqual(
            self.refused(beparams={"maxmem": 300}),
            text.format("400, from the instance", "300, from this request"),
        )
        self.assertEqual(
            self.refused(beparams={"memory": 0}).partition(" violates ")[2],
            "policy: memory-size value 0 is not in range [128, 32768]",
        )
        self.changed(beparams={"minmem": "default"})
        self.assertEqual(self.instance.beparams, PartialBeParams())
        self.assertEqual(self.config.filled_beparams(self.instance).minmem, 256)

    def test_hypervisor(self) -> None:
        """Values of the cluster, the OS, the instance and the request."""
        self.set_instance(admin_state=AdminState.DOWN, hypervisor=HypervisorName.KVM, os="busybox")
        for level, words in (
            ("cluster", "from cluster defaults"),
            ("os", "from cluster defaults for the OS"),
            ("instance", "from the instance"),
            ("request", "from this request"),
        ):
            self.give(level, "cpu_cores", -1)
            request = {"cpu_cores": -1} if level == "request" else {"acpi": False}
            error = self.refused(HypervisorError, hvparams=request)
            self.assertTrue(error.endswith(f"(current value: '-1', {words})"), error)
            self.give(level, "cpu_cores", 0)
        self.changed(hvparams={"cpu_cores": 3})
        self.assertEqual(self.config.filled_hvparams(self.instance)["cpu_cores"], 3)
        self.give("os", "cpu_cores", 2)
        self.changed(hvparams={"cpu_cores": "default"})
        self.assertEqual(self.config.filled_hvparams(self.instance)["cpu_cores"], 2)

    def give(self, level: str, name: str, value: Any) -> None:
        """Set a hypervisor parameter at a level."""
        kvm = HypervisorName.KVM
        if level == "cluster":
            known = self.config.cluster.hvparams
            self.set_cluster(hvparams={**known, kvm: {**known.get(kvm, {}), name: value}})
        elif level == "os":
            self.set_cluster(os_hvp={"busybox": {kvm: {name: value}}})
        elif level == "instance":
            changed = replace(self.instance, hvparams={name: value})
            self.config = self.config.with_instance(changed)

    def test_interfaces(self) -> None:
        """The cluster's mode holds where an interface has none of its own."""
        defaults = self.config.cluster.nicparams["default"]
        routed = replace(defaults, mode=NicMode.ROUTED, link="main")
        self.set_cluster(nicparams={"default": routed})
        no_address = "Cannot set the NIC IP address to None on a routed NIC"
        self.assertIn(no_address, self.refused(nics=(add(),)))
        self.changed(nics=(add(mode="bridged", link="br1"),))
        self.assertIn(no_address, self.refused(nics=(modify(mode="default", ip="none"),)))
        result = dict(self.changed(nics=(modify(mode="default", ip="192.0.2.9"),)))
        self.assertEqual((result["nic.mode/0"], result["nic.link/0"]), ("routed", "main"))

    def test_policy(self) -> None:
        """The cluster's limits hold until the group has its own."""
        text = "cpu-count value 5 is not in range"
        group = "(limits from the node group)"
        self.set_cluster(ipolicy=self.limited(4))
        self.assertTrue(self.refused(beparams={"vcpus": 5}).endswith(f"{text} [1, 4]"))
        self.set_group(ipolicy=PartialPolicy(minmax=self.limited(5).minmax))
        self.changed(beparams={"vcpus": 5})
        self.changed(beparams={"vcpus": 1})
        self.set_group(ipolicy=PartialPolicy(minmax=self.limited(3).minmax))
        self.assertTrue(self.refused(beparams={"vcpus": 5}).endswith(f"{text} [1, 3] {group}"))
        self.changed(beparams={"vcpus": 5}, ignore_ipolicy=True)
        self.assertIn(f"WARNING: Instance allocation to group {GROUP_UUID}", self.job.lines[0])

    def limited(self, cpus: int) -> Any:
        """The cluster's policy with at most so many CPUs."""
        policy = self.config.cluster.ipolicy
        (bounds,) = policy.minmax
        largest = replace(bounds.max, cpu_count=cpus)
        return replace(policy, minmax=(replace(bounds, max=largest),))

    def test_templates_of_group(self) -> None:
        """A group may allow fewer disk templates than the cluster."""
        self.set_group(ipolicy=PartialPolicy(disk_templates=(DiskTemplate.DISKLESS,)))
        self.set_instance(admin_state=AdminState.DOWN, disks=())
        error = self.refused(disks=(add(size=1024, dev_type="file"),))
        self.assertTrue(error.endswith("(limits from the node group)"), error)

    def test_disk_parameters(self) -> None:
        """Those of a template are the cluster's until the group has its own."""
        template = DiskTemplate.PLAIN
        self.set_cluster(diskparams={template: {"stripes": 2}})
        group = self.config.groups[GROUP_UUID]
        self.assertEqual(self.config.group_diskparams(group, template), {"stripes": 2})
        self.set_group(diskparams={template: {"stripes": 3}})
        group = self.config.groups[GROUP_UUID]
        self.assertEqual(self.config.group_diskparams(group, template), {"stripes": 3})

    def test_spindles(self) -> None:
        """Exclusive storage is the group's matter, whatever the node says."""
        disk = make_disk(1, dev_type=DiskTemplate.PLAIN, logical_id=("xenvg", "lv"))
        self.config = self.config.with_disk(disk)
        text = "Spindles in instance disks cannot be specified when exclusive storage"
        ndparams = self.config.nodes[node_uuid(1)].ndparams
        self.set_node(ndparams=replace(ndparams, exclusive_storage=True))
        self.assertIn(text, self.refused(disks=(modify(spindles=2),)))
        ndparams = self.config.groups[GROUP_UUID].ndparams
        self.set_group(ndparams=replace(ndparams, exclusive_storage=True))
        self.assertEqual(self.changed(disks=(modify(spindles=2),)), [["disk.spindles/0", 2]])

    def test_running_memory(self) -> None:
        """What may be given at run time is bounded by the values that hold."""
        of_cluster = self.config.cluster.beparams["default"]
        self.set_cluster(beparams={"default": replace(of_cluster, minmem=256, maxmem=512)})
        guest = InstanceRuntime(name="inst1.example.com", memory_mib=300, vcpus=1)
        self.answers[GetInstance] = guest
        error = self.refused(runtime_mem=600)
        self.assertIn("must have memory between 256 and 512 MB of memory", error)
        self.assertEqual(
            self.changed(runtime_mem=600, beparams={"maxmem": 700}),
            [["runtime_memory", 600], ["be/maxmem", 700]],
        )
