"""Changing instances."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from support.fakejob import run_unit
from support.instancerig import GUEST, NAME, NODE, UUID, InstanceTestCase
from support.samples import (
    GROUP_UUID,
    disk_uuid,
    instance_uuid,
    make_disk,
    node_uuid,
    uuid_of,
)
from twisted.internet.defer import Deferred

from ganeti.errors import (
    ErrorCode,
    HypervisorError,
    NodeUnreachable,
    OpExecError,
    OpPrereqError,
    RemoteFailure,
    StorageError,
    TypeEnforcementError,
)
from ganeti.model.disk import DiskMode
from ganeti.model.findings import NodeFindings, ParameterFinding
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.instance import AdminState
from ganeti.model.live import NodeResources, OsInfo
from ganeti.model.locks import Level, exclusive, shared
from ganeti.model.network import Network
from ganeti.model.nic import Nic
from ganeti.model.parameters import NicMode, PartialBeParams, PartialNicParams
from ganeti.model.policy import PartialPolicy
from ganeti.model.recovery import ModifyInstance
from ganeti.model.reservation import Reservation, ReservationKind
from ganeti.model.secret import Secret
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes import decode_opcode
from ganeti.opcodes.instance import FileDriver, OpInstanceSetParams
from ganeti.opcodes.modifications import LAST, Modification, ModificationAction
from ganeti.operations.instance.modify.unit import InstanceSetParams
from ganeti.rpc.calls import (
    CheckFileStorage,
    CreateDisk,
    FoundDisk,
    GetInstance,
    GetNodeInfo,
    GetOs,
    ListDisks,
    RemoveDisk,
    RenameDisk,
    SetMemory,
    VerifyNode,
)

OS = OsInfo(
    name="busybox", path="/os", valid=True, api_versions=(20,), parameters=(("motd", "text"),)
)
ANSWERS: dict[type, Any] = {
    GetInstance: None,
    GetNodeInfo: NodeResources(memory_free=1024),
    GetOs: OS,
    CheckFileStorage: "",
    ListDisks: (),
    CreateDisk: "/path",
    RemoveDisk: None,
    RenameDisk: None,
    SetMemory: None,
}
FOLDER = "/srv/ganeti/file-storage/inst1"


def change(action: str, item: int | str = LAST, **values: Any) -> Modification[Any]:
    return Modification(what=ModificationAction(action), where=item, given=values)


class ModifyTests(InstanceTestCase):
    unit = InstanceSetParams
    opcode = OpInstanceSetParams
    answers = ANSWERS

    @property
    def disks(self) -> list[Any]:
        return list(self.job.config.instance_disks(self.instance))


class RequestTests(ModifyTests):
    """What is asked for."""

    def test_nothing(self) -> None:
        """Something must change."""
        self.refused("No changes submitted", ErrorCode.WRONG_INPUT)
        self.refused("No changes submitted", ErrorCode.WRONG_INPUT, force=True, hotplug=False)

    def test_unknown(self) -> None:
        """The instance exists."""
        text = "Instance 'nosuch' not known"
        self.refused(text, ErrorCode.NOT_FOUND, instance_name="nosuch", offline=True)

    def test_locks(self) -> None:
        """The instance, its node and the new one, by name or uuid."""
        op = self.op(pnode="nosuch", pnode_uuid=node_uuid(2), instance_uuid=UUID)
        self.assertEqual(
            InstanceSetParams(op, self.job).locks(self.job.state),
            (
                *exclusive(Level.INSTANCE, NAME),
                *shared(Level.NODE, NODE),
                *shared(Level.NODE, node_uuid(2)),
            ),
        )

    def test_not_available(self) -> None:
        """What this release cannot do is said."""
        for settings, text in (
            ({"instance_communication": True}, "Instance communication is not available yet"),
            (
                {"disk_template": "file", "disks": (change("add", size=1),)},
                "Disk template conversion and other disk changes not supported at the same time",
            ),
            (
                {"offline": True, "remote_node": "node2"},
                "A secondary node can be given only when the disk template is changed",
            ),
            (
                {"offline": True, "iallocator": "hail"},
                "An instance allocator can be given only when the disk template is changed",
            ),
        ):
            self.refused(text, ErrorCode.WRONG_INPUT, **settings)

    def test_conversion(self) -> None:
        """No template can be converted yet, and some never."""
        for template, text, code in (
            (
                DiskTemplate.PLAIN,
                "Disk template 'plain' is not enabled for this cluster"
                " (enabled templates: file, diskless)",
                ErrorCode.WRONG_STATE,
            ),
            (
                DiskTemplate.FILE,
                f"Instance '{NAME}' already has the 'file' disk template",
                ErrorCode.WRONG_INPUT,
            ),
            (
                DiskTemplate.DISKLESS,
                "Conversion to the 'diskless' disk template is not supported",
                ErrorCode.WRONG_INPUT,
            ),
        ):
            self.refused(text, code, disk_template=template)
        config = self.job.config
        templates = (DiskTemplate.FILE, DiskTemplate.SHAREDFILE)
        self.use(config.with_cluster(replace(config.cluster, enabled_disk_templates=templates)))
        self.refused(
            "Conversion from the 'file' to the 'sharedfile' disk template is not available yet",
            ErrorCode.WRONG_INPUT,
            disk_template=DiskTemplate.SHAREDFILE,
        )
        self.set_up(disks=())
        self.refused(
            "Conversion from the 'diskless' disk template is not supported",
            ErrorCode.WRONG_INPUT,
            disk_template=DiskTemplate.FILE,
        )

    def test_all_at_once(self) -> None:
        """The configuration gets all changes in one commit, and nothing that does not change."""
        before = self.job.state.index
        result = self.run_op(
            beparams={"vcpus": 2},
            os_name="busybox",
            nics=(change("remove"),),
            ignore_ipolicy=True,
            offline=True,
        )
        self.assertEqual(
            result,
            [
                ["be/vcpus", 2],
                ["os", "busybox"],
                ["NIC/0", "remove"],
                ["admin_state", "offline"],
            ],
        )
        self.assertEqual(
            self.job.finished,
            [
                ModifyInstance(
                    uuid=UUID,
                    beparams=PartialBeParams(vcpus=2),
                    nics=(),
                    admin_state=AdminState.OFFLINE,
                )
            ],
        )
        self.assertEqual(self.job.state.index, before + 1)

    def test_hooks(self) -> None:
        """Hooks know what was, and after it what is."""
        settings = {"beparams": {"vcpus": 2}, "runtime_mem": 128}
        self.job.rpc.answers[GetInstance] = GUEST
        plan = self.plan_op(**settings)
        unit = InstanceSetParams(self.op(**settings), self.job)
        hooks = unit.hooks(plan)
        self.assertEqual(
            (hooks.path, hooks.pre_nodes, hooks.env["INSTANCE_VCPUS"], hooks.env["RUNTIME_MEMORY"]),
            ("instance-modify", (NODE,), "1", "128"),
        )
        self.successResultOf(Deferred.fromCoroutine(unit.execute(plan)))
        self.assertEqual(unit.hooks_after(plan)["INSTANCE_VCPUS"], "2")
        plan = self.plan_op(beparams={"vcpus": 2})
        self.assertNotIn("RUNTIME_MEMORY", unit.hooks(plan).env)

    def test_described(self) -> None:
        """A dry run tells the steps, and answers what would be reported."""
        settings = {
            "beparams": {"vcpus": 2},
            "disks": (change("add", size=2048), change("remove", 0)),
        }
        plan = self.plan_op(**settings)
        unit = InstanceSetParams(self.op(**settings), self.job)
        made, changed, removed = unit.describe(plan)
        self.assertRegex(made, rf"^create disk of 2\.0G \(file\) at {FOLDER}/\S+ on node1\S+$")
        self.assertEqual(
            changed,
            f"modify instance {NAME} in the configuration: be/vcpus -> 2,"
            " disk/1 -> add:size=2048,mode=rw, disk/0 -> remove",
        )
        self.assertEqual(removed, f"remove disk {disk_uuid(1)} (1.0G) on node1.example.com")
        self.assertEqual(unit.dry_result(plan)[0], ["be/vcpus", 2])

    def test_described_without_configuration(self) -> None:
        """What only the guest sees, and what changes nothing, is told as such."""
        self.job.rpc.answers[GetInstance] = GUEST
        for settings, lines in (
            ({"runtime_mem": 128}, [f"give instance {NAME} 128M of memory on node1.example.com"]),
            ({"pnode": "node1"}, ["change nothing"]),
        ):
            unit = InstanceSetParams(self.op(**settings), self.job)
            self.assertEqual(unit.describe(self.plan_op(**settings)), lines)


class ParameterTests(ModifyTests):
    """Backend, hypervisor and OS parameters."""

    def test_backend(self) -> None:
        """Values are set, converted, and taken back to what is inherited."""
        result = self.run_op(beparams={"memory": 200, "vcpus": "2"})
        self.assertEqual(result, [["be/memory", 200], ["be/vcpus", "2"]])
        self.assertEqual(self.instance.beparams, PartialBeParams(minmem=200, maxmem=200, vcpus=2))
        result = self.run_op(beparams={"vcpus": "default", "minmem": None})
        self.assertEqual(result, [["be/vcpus", "default"], ["be/minmem", "default"]])
        self.assertEqual(self.instance.beparams, PartialBeParams(maxmem=200))

    def test_wrong_backend(self) -> None:
        """Names, types and ranges are checked."""
        for values, text in (
            ({"nosuch": 1}, "Unknown parameter 'nosuch'"),
            ({"memory": "abc"}, "'memory' (value abc) is not a valid size. error: Invalid format"),
            ({"vcpus": 0}, "'vcpus' (value 0) is not valid: expected `int` >= 1"),
            (
                {"memory": 1, "minmem": 1},
                "'memory' cannot be given together with 'minmem' or 'maxmem'",
            ),
        ):
            self.assertEqual(str(self.fail_op(TypeEnforcementError, beparams=values)), text)

    def test_bounds(self) -> None:
        """The bounds of memory are in order, and the error says where each is set."""
        self.refused(
            "Value of minmem (512, from this request) must be lower or equal to the value of"
            " maxmem (128, from cluster defaults)",
            ErrorCode.WRONG_INPUT,
            beparams={"minmem": 512},
        )

    def test_room(self) -> None:
        """More memory than the node has would keep the instance from starting."""
        text = (
            "This change will prevent the instance from starting, due to 976 MB of memory missing"
            " on its primary node node1.example.com; --force skips this check"
        )
        self.refused(text, ErrorCode.NO_RESOURCES, beparams={"memory": 2000})
        self.job.rpc.answers[GetInstance] = replace(GUEST, memory_mib=1000)
        self.run_op(beparams={"memory": 2000})
        self.job.rpc.answers[GetInstance] = None
        self.run_op(beparams={"memory": 4000}, force=True)
        self.run_op(beparams={"memory": 3000})

    def test_room_on_a_silent_node(self) -> None:
        """A node that does not answer is warned of."""
        self.job.rpc.answers[GetInstance] = NodeUnreachable("node1", "connection refused")
        self.run_op(beparams={"memory": 2000})
        self.assertEqual(
            self.job.lines,
            [" - WARNING: Can't get info from primary node node1.example.com: connection refused"],
        )

    def test_policy(self) -> None:
        """Sizes follow the group's policy, unless that is to be ignored."""
        text = (
            f"Instance allocation to group {GROUP_UUID} (default) violates policy:"
            " cpu-count value 9 is not in range [1, 8]"
        )
        self.refused(text, ErrorCode.WRONG_INPUT, beparams={"vcpus": 9})
        self.run_op(beparams={"vcpus": 9}, ignore_ipolicy=True)
        self.assertEqual(self.job.lines, [f" - WARNING: {text}"])

    def test_policy_that_is_violated_already(self) -> None:
        """What is wrong already keeps nothing else from being changed."""
        small = (make_disk(1, size=64), make_disk(1, 1, size=32))
        config = self.job.config.with_disk(small[0]).with_disk(small[1])
        disks = tuple(disk.uuid for disk in small)
        self.use(config.with_instance(replace(self.instance, disks=disks)))
        self.run_op(beparams={"vcpus": 2}, disks=(change("remove", 0),))
        self.assertEqual([disk.size for disk in self.disks], [32])
        error = self.fail_op(disks=(change("add", size=48),))
        self.assertIn("policy: disk-size/1 value 48 is not in range", str(error))

    def test_policy_of_group(self) -> None:
        """Limits of the group itself are named as such."""
        config = self.job.config
        group = replace(
            config.groups[GROUP_UUID],
            ipolicy=PartialPolicy(minmax=config.cluster.ipolicy.minmax),
        )
        self.use(config.with_group(group))
        error = self.fail_op(beparams={"vcpus": 9})
        self.assertTrue(str(error).endswith("[1, 8] (limits from the node group)"))

    def test_hypervisor(self) -> None:
        """Parameters of the instance's hypervisor are set and taken back."""
        self.set_up(hypervisor=HypervisorName.KVM)
        result = self.run_op(hvparams={"acpi": "false", "cpu_cores": 2})
        self.assertEqual(result, [["hv/acpi", "false"], ["hv/cpu_cores", 2]])
        self.assertEqual(self.instance.hvparams, {"acpi": False, "cpu_cores": 2})
        self.run_op(hvparams={"acpi": "default"})
        self.assertEqual(self.instance.hvparams, {"cpu_cores": 2})

    def test_wrong_hypervisor(self) -> None:
        """Unknown ones, those of the cluster only, and values out of range are refused."""
        error = self.fail_op(TypeEnforcementError, hvparams={"acpi": True})
        self.assertEqual(str(error), "Unknown parameter 'acpi'")
        self.refused(
            "The following parameters can be set for the whole cluster only, not for an instance:"
            " migration_mode",
            ErrorCode.WRONG_INPUT,
            hvparams={"migration_mode": "live"},
        )
        self.set_up(hypervisor=HypervisorName.KVM)
        error = self.fail_op(HypervisorError, hvparams={"cpu_cores": -1})
        self.assertEqual(
            str(error),
            "Hypervisor parameter 'cpu_cores': must be at least 0"
            " (current value: '-1', from this request)",
        )

    def test_parameter_files(self) -> None:
        """What the request names must be on the primary node, unless that is out of service."""
        self.set_up(hypervisor=HypervisorName.KVM, hvparams={"initrd_path": "/gone"})
        finding = ParameterFinding(
            source="request", hypervisor=HypervisorName.KVM, problem="parameter 'x': no file"
        )
        findings = NodeFindings(protocol=1, release="1", time_ns=0)
        self.job.rpc.answers[VerifyNode] = replace(findings, parameters=(finding,))
        error = self.fail_op(OpExecError, hvparams={"kernel_path": "/k", "mem_path": "/m"})
        self.assertEqual(
            str(error),
            "Hypervisor parameter validation failed on node node1.example.com:"
            " parameter 'x': no file",
        )
        [(uuid, call)] = self.job.rpc.calls
        asked = {each.path: each.directory for each in call.parameter_files}
        self.assertEqual((uuid, asked), (node_uuid(1), {"/k": False, "/m": True}))
        self.job.rpc.answers[VerifyNode] = findings
        self.run_op(hvparams={"kernel_path": "/k"})
        self.run_op(hvparams={"kernel_path": "", "kvm_path": "default"})
        self.assertEqual(len(self.job.rpc.calls), 2)

    def test_processors(self) -> None:
        """Several lists of CPUs are for as many virtual ones, also when these become more."""
        self.set_up(hypervisor=HypervisorName.KVM)
        self.refused(
            "Hypervisor parameter 'cpu_mask': '0:1' is for 2 processors, but the instance has 1",
            ErrorCode.WRONG_INPUT,
            hvparams={"cpu_mask": "0:1"},
        )
        self.run_op(hvparams={"cpu_mask": "0:1"}, beparams={"vcpus": 2})
        self.set_up(
            hypervisor=HypervisorName.KVM,
            hvparams={"cpu_mask": "0:1"},
            beparams=PartialBeParams(vcpus=2),
        )
        self.refused(
            "Hypervisor parameter 'cpu_mask': '0:1' is for 2 processors, but the instance has 3",
            ErrorCode.WRONG_INPUT,
            beparams={"vcpus": 3},
        )

    def test_wrong_in_the_cluster(self) -> None:
        """A wrong value that is inherited is said to be so."""
        self.set_up(hypervisor=HypervisorName.KVM)
        config = self.job.config
        hvparams = {**config.cluster.hvparams}
        hvparams[HypervisorName.KVM] = {**hvparams[HypervisorName.KVM], "kernel_path": "boot"}
        self.use(config.with_cluster(replace(config.cluster, hvparams=hvparams)))
        error = self.fail_op(HypervisorError, hvparams={"acpi": False})
        self.assertIn("(current value: 'boot', from cluster defaults)", str(error))

    def test_os(self) -> None:
        """The OS, its parameters and the private ones change; private values are not told."""
        self.set_up(osparams={"motd": "a", "old": "b"}, osparams_private={"gone": Secret("x")})
        self.job.rpc.answers[GetOs] = replace(
            OS, variants=("small",), parameters=(("motd", ""), ("pw", ""))
        )
        result = self.run_op(
            os_name="busybox+small",
            osparams={"motd": "c", "old": None},
            osparams_private={"pw": Secret("y"), "gone": Secret("default")},
        )
        self.assertEqual(
            result,
            [
                ["os", "busybox+small"],
                ["os/motd", "c"],
                ["os/old", "default"],
                ["os_private/pw", "<redacted>"],
                ["os_private/gone", "<redacted>"],
            ],
        )
        instance = self.instance
        self.assertEqual((instance.os, instance.osparams), ("busybox+small", {"motd": "c"}))
        self.assertEqual(instance.osparams_private, {"pw": Secret("y")})

    def test_wrong_os(self) -> None:
        """The OS is on the node and knows the parameters; force skips that."""
        self.job.rpc.answers[GetOs] = None
        error = self.fail_op(OpExecError, os_name="nosuch")
        self.assertIn("Directory for OS nosuch not found", str(error))
        self.run_op(osparams={"motd": "x"})
        self.run_op(os_name="nosuch", force=True)
        self.assertEqual(self.instance.os, "nosuch")
        self.job.rpc.answers[GetOs] = OS
        error = self.fail_op(OpExecError, osparams={"wrong": "x"})
        self.assertIn("not supported by the OS busybox: wrong", str(error))
        self.job.finished.clear()
        for settings in ({"osparams": {"motd": "x"}}, {}):
            self.refused(
                "OS parameters are either public or private, not both: motd"
                " (the value 'default' takes one away)",
                ErrorCode.WRONG_INPUT,
                osparams_private={"motd": Secret("x")},
                **settings,
            )
        text = "OS parameter 'motd' must be a text, not True"
        self.refused(text, ErrorCode.WRONG_INPUT, osparams={"motd": True})

    def test_os_on_an_offline_node(self) -> None:
        """It cannot be checked there, and that is said."""
        self.set_up(node_offline=True)
        self.run_op(os_name="other")
        self.assertEqual(
            self.job.lines,
            [" - WARNING: Node node1.example.com is offline: the OS is not checked"],
        )


class StateTests(ModifyTests):
    """Offline and online, memory of the running guest, the primary node."""

    def test_offline_and_online(self) -> None:
        """A stopped instance is put away, and taken back."""
        for offline, state in ((True, "offline"), (True, "offline"), (False, "down")):
            self.assertEqual(self.run_op(offline=offline), [["admin_state", state]])
            self.assertEqual(self.instance.admin_state, state)

    def test_offline_while_up(self) -> None:
        """One that should run, or runs, is not put away."""
        problem = "can't change to offline without being down first"
        self.job.rpc.answers[GetInstance] = GUEST
        text = f"Instance '{NAME}' is running, {problem}"
        self.refused(text, ErrorCode.WRONG_STATE, offline=True)
        self.set_up(admin_state=AdminState.UP)
        text = f"Instance '{NAME}' is marked to be up, {problem}"
        self.refused(text, ErrorCode.WRONG_STATE, offline=True)

    def test_online_while_up(self) -> None:
        """One that should run is not marked as down by this."""
        self.set_up(admin_state=AdminState.UP)
        self.refused(
            f"Instance '{NAME}' is marked to be up,"
            " can't change to online without being offline first",
            ErrorCode.WRONG_STATE,
            offline=False,
        )

    def test_offline_on_an_offline_node(self) -> None:
        """Its node need not be asked."""
        self.set_up(node_offline=True)
        self.run_op(offline=True)
        self.assertEqual(self.job.rpc.calls, [])

    def test_memory(self) -> None:
        """The guest gets it, and its old memory when a later step fails."""
        self.job.rpc.answers[GetInstance] = GUEST
        result = self.run_op(runtime_mem=100, beparams={"minmem": 64})
        self.assertEqual(result, [["runtime_memory", 100], ["be/minmem", 64]])
        (step,) = self.job.steps
        call = SetMemory(name=NAME, hypervisor=HypervisorName.FAKE, memory_mib=100)
        self.assertEqual((step.node, step.call), (NODE, call))
        self.assertEqual(step.undo, replace(call, memory_mib=128))

    def test_memory_alone(self) -> None:
        """The configuration does not change."""
        self.job.rpc.answers[GetInstance] = GUEST
        before = self.job.config
        self.assertEqual(self.run_op(runtime_mem=128), [["runtime_memory", 128]])
        self.assertIs(self.job.config, before)

    def test_wrong_memory(self) -> None:
        """It runs, and the bounds hold unless forced."""
        text = f"Instance {NAME} is not running"
        self.refused(text, ErrorCode.WRONG_STATE, runtime_mem=128)
        self.job.rpc.answers[GetInstance] = GUEST
        text = (
            f"Instance {NAME} must have memory between 128 and 128 MB of memory unless --force"
            " is given"
        )
        self.refused(text, ErrorCode.WRONG_INPUT, runtime_mem=100)
        self.job.rpc.answers[GetNodeInfo] = NodeResources(memory_free=50)
        self.refused(
            f"Not enough memory on node node1.example.com for ballooning memory for instance"
            f" {NAME}: needed 72 MiB, available 50 MiB",
            ErrorCode.NO_RESOURCES,
            runtime_mem=200,
            force=True,
        )
        self.assertEqual(self.run_op(runtime_mem=170, force=True), [["runtime_memory", 170]])

    def test_failing_memory(self) -> None:
        """A hypervisor that refuses keeps all as it was."""
        self.job.rpc.answers |= {
            GetInstance: GUEST,
            SetMemory: RemoteFailure("node1", HypervisorError("no")),
        }
        before = self.job.config
        self.fail_op(RemoteFailure, runtime_mem=128, beparams={"vcpus": 2})
        self.assertIs(self.job.config, before)

    def test_new_primary(self) -> None:
        """The instance and its disks are said to be on another node."""
        config = self.job.config.with_disk(make_disk(1, nodes=(NODE,)))
        self.use(config)
        found = FoundDisk(dev_type=DiskTemplate.FILE, place=f"{FOLDER}/disk0")
        self.job.rpc.answers[ListDisks] = (found,)
        self.assertEqual(self.run_op(pnode="node2"), [["primary_node", "node2.example.com"]])
        self.assertEqual(self.instance.primary_node, node_uuid(2))
        self.assertEqual(self.disks[0].nodes, (node_uuid(2),))

    def test_wrong_new_primary(self) -> None:
        """The node takes instances, has the disks, and the instance does not run on the old."""
        self.refused(
            f"Disk 0 is not on node node2.example.com: there is no {FOLDER}/disk0",
            ErrorCode.WRONG_STATE,
            pnode="node2",
        )
        self.job.rpc.answers[GetInstance] = GUEST
        text = "Instance is still running on node1.example.com"
        self.refused(text, ErrorCode.WRONG_STATE, pnode="node2")
        self.run_op(pnode="node2", force=True)
        for flag, text in (
            ({"offline": True}, "offline"),
            ({"drained": True}, "drained"),
            ({"vm_capable": False}, "non-vm_capable"),
        ):
            self.set_up()
            config = self.job.config
            self.use(config.with_node(replace(config.nodes[node_uuid(3)], **flag)))
            text = f"Cannot use {text} primary node 'node3.example.com'"
            self.refused(text, ErrorCode.WRONG_STATE, pnode="node3", force=True)

    def test_new_primary_of_an_offline_node(self) -> None:
        """Nobody can ask whether it still runs; the admin is told."""
        self.set_up(node_offline=True, disks=())
        self.run_op(pnode="node2")
        self.assertEqual(
            self.job.lines,
            [
                " - WARNING: Node node1.example.com is offline:"
                " cannot see whether the instance runs there"
            ],
        )

    def test_same_primary(self) -> None:
        """Naming the node it has changes nothing."""
        self.assertEqual(self.run_op(pnode="node1"), [])


class InterfaceTests(ModifyTests):
    """Network interfaces."""

    def setUp(self) -> None:
        super().setUp()
        self.mac = self.instance.nics[0].mac

    def nics(self) -> list[tuple[str, str | None, str | None]]:
        return [(nic.mac, nic.ip, nic.name) for nic in self.instance.nics]

    def test_add(self) -> None:
        """A new one at the end, or in between; it is reported with what it got."""
        ((what, text),) = self.run_op(nics=(change("add", ip="192.0.2.50", name="eth1"),))
        added = self.instance.nics[1]
        self.assertEqual(
            (what, text),
            (
                "nic.1",
                f"add:mac={added.mac},ip=192.0.2.50,mode=bridged,link=xen-br0,network=None",
            ),
        )
        self.assertEqual((added.ip, added.name), ("192.0.2.50", "eth1"))
        self.run_op(nics=(change("add", 0, mac="AA:00:00:00:00:77"),))
        self.assertEqual(self.instance.nics[0].mac, "aa:00:00:00:00:77")
        self.assertEqual(len(self.instance.nics), 3)

    def test_add_in_the_old_form(self) -> None:
        """Requests may leave the index out, or give it in place of the action."""
        for nics, count in (
            (b'[["add",{}],["add",{"name":"b"}]]', 3),
            (b'[["remove",{}]]', 2),
            (b'[[1,{"name":"c"}]]', 2),
        ):
            op = decode_opcode(
                b'{"OP_ID":"OP_INSTANCE_SET_PARAMS","instance_name":"inst1","nics":' + nics + b"}"
            )
            running = run_unit(InstanceSetParams, op, self.job)
            self.successResultOf(Deferred.fromCoroutine(running))
            self.assertEqual(len(self.instance.nics), count)
        self.assertEqual(self.instance.nics[1].name, "c")

    def test_modify(self) -> None:
        """What is given changes, and all that holds is reported."""
        result = self.run_op(nics=(change("modify", 0, ip="192.0.2.51", vlan=None),))
        self.assertEqual(
            result,
            [
                ["nic.ip/0", "192.0.2.51"],
                ["nic.link/0", "xen-br0"],
                ["nic.mode/0", "bridged"],
                ["nic.vlan/0", ""],
            ],
        )
        self.assertEqual(self.nics(), [(self.mac, "192.0.2.51", None)])
        self.run_op(nics=(change("modify", 0, link="br1", mode="openvswitch", name="n"),))
        self.run_op(nics=(change("modify", "n", link="default", ip="none", name="none"),))
        nic = self.instance.nics[0]
        self.assertEqual((nic.ip, nic.name), (None, None))
        self.assertEqual(nic.nicparams, PartialNicParams(mode=NicMode.OPENVSWITCH))

    def test_modify_to_what_it_is(self) -> None:
        """Its own address and MAC are no conflict."""
        self.run_op(nics=(change("modify", 0, ip="192.0.2.51"),))
        self.run_op(nics=(change("modify", 0, ip="192.0.2.51", mac=self.mac.upper(), link="br1"),))
        self.assertEqual(self.nics(), [(self.mac, "192.0.2.51", None)])

    def test_new_mac(self) -> None:
        """Another MAC is checked and kept from others."""
        self.run_op(nics=(change("modify", 0, mac="aa:00:00:00:00:99"),))
        self.assertEqual(self.nics()[0][0], "aa:00:00:00:00:99")
        self.assertIn(
            Reservation(kind=ReservationKind.MAC, key="aa:00:00:00:00:99", job_id=7),
            self.job.reservations.held("job 7"),
        )
        other = self.job.config.instances[instance_uuid(2)].nics[0].mac
        text = f"MAC address {other} already in use in cluster"
        self.job.finished.clear()
        self.refused(text, ErrorCode.NOT_UNIQUE, nics=(change("modify", 0, mac=other),))
        for word in ("auto", "generate"):
            text = f"'{word}' is no MAC address for an interface that has one"
            self.refused(text, ErrorCode.WRONG_INPUT, nics=(change("modify", 0, mac=word),))

    def test_remove(self) -> None:
        """By index, from the end, by name and by uuid."""
        self.run_op(nics=(change("add", name="a"), change("add", name="b")))
        uuid = self.instance.nics[0].uuid
        for item, place in (("a", 1), (LAST, 1), (uuid, 0)):
            result = self.run_op(nics=(change("remove", item),), ignore_ipolicy=True)
            self.assertEqual(result, [[f"NIC/{place}", "remove"]])
        self.assertEqual(self.instance.nics, ())

    def test_wrong_places(self) -> None:
        """Places that are not there."""
        for item, error, text in (
            (9, OpExecError, "Got NIC index 9, but there are only 1"),
            ("9", OpExecError, "Got NIC index 9, but there are only 1"),
            (-2, OpPrereqError, "Invalid index -2: -1 is the only negative one"),
            ("eth7", OpPrereqError, "Cannot find NIC with identifier eth7"),
        ):
            failed = self.fail_op(error, nics=(change("remove", item),))
            self.assertEqual(str(failed), text)
        failed = self.fail_op(OpExecError, nics=(change("add", 3),))
        self.assertEqual(str(failed), "Got NIC index 3, but there are only 1")
        text = "A new NIC needs an index, not 'x': 0 to 1, or -1 for the end"
        self.refused(text, ErrorCode.WRONG_INPUT, nics=(change("add", "x"),))
        self.set_up(nics=())
        failed = self.fail_op(OpExecError, nics=(change("remove"),))
        self.assertEqual(str(failed), "Got NIC index 0, but there are only 0")

    def test_too_many(self) -> None:
        """There is a limit."""
        text = "An instance can have at most 8 NICs: there are 8"
        self.refused(text, ErrorCode.WRONG_STATE, nics=(change("add"),) * 8)

    def test_conflicts(self) -> None:
        """Addresses are used once, in the instance and in the cluster."""
        twice = (change("add", ip="192.0.2.60"), change("modify", 0, ip="192.0.2.60"))
        text = "IP address on link xen-br0: 192.0.2.60 would be used twice"
        self.refused(text, ErrorCode.NOT_UNIQUE, nics=twice)
        other = self.job.config.instances[instance_uuid(2)]
        nics = (replace(other.nics[0], ip="192.0.2.61"),)
        self.use(self.job.config.with_instance(replace(other, nics=nics)))
        text = (
            "IP address 192.0.2.61 is already in use by instance 'inst2.example.com'"
            " on link xen-br0"
        )
        for action in ("add", "modify"):
            wish = change(action, 0, ip="192.0.2.61")
            self.refused(text, ErrorCode.NOT_UNIQUE, nics=(wish,))
        self.run_op(nics=(change("modify", 0, ip="192.0.2.61", link="br9"),))

    def test_routed(self) -> None:
        """A routed interface has an address."""
        text = "Cannot set the NIC IP address to None on a routed NIC if not attached to a network"
        for action in ("add", "modify"):
            wish = change(action, 0, mode="routed")
            self.refused(text, ErrorCode.WRONG_INPUT, nics=(wish,))
        self.run_op(nics=(change("modify", 0, mode="routed", ip="192.0.2.62"),))

    def test_networks(self) -> None:
        """Connections to networks stay as they are until later."""
        self.refused(
            "Network 'net1': connecting instances to networks is not available yet",
            ErrorCode.WRONG_INPUT,
            nics=(change("modify", 0, network="net1"),),
        )
        config = self.job.config.with_network(
            Network(uuid="net", name="net1", network="192.0.2.0/24")
        )
        nic = Nic(uuid=uuid_of(5, 1), mac=self.mac, network="net")
        self.use(config.with_instance(replace(self.instance, nics=(nic,))))
        text = "NIC 0 is connected to network net1: changing that is not available yet"
        for action in ("modify", "remove"):
            self.refused(text, ErrorCode.WRONG_STATE, nics=(change(action, 0),))

    def test_attach(self) -> None:
        """Interfaces are not attached."""
        for action in ("attach", "detach"):
            text = f"A NIC cannot be {action}ed: only disks can"
            self.refused(text, ErrorCode.WRONG_INPUT, nics=(change(action, 0),))

    def test_while_running(self) -> None:
        """A running instance's interfaces change with its next start."""
        self.set_up(admin_state=AdminState.UP)
        self.run_op(nics=(change("add"),))
        self.assertEqual(self.job.steps, [])


class DiskTests(ModifyTests):
    """Disks."""

    def test_add(self) -> None:
        """It is made beside the others, then the configuration has it; also while it runs."""
        self.set_up(admin_state=AdminState.UP)
        result = self.run_op(disks=(change("add", size=2048, name="data", mode="ro"),))
        self.assertEqual(result, [["disk/1", "add:size=2048,mode=ro"]])
        added = self.disks[1]
        self.assertEqual(
            (added.size, added.name, added.mode, added.iv_name, added.nodes),
            (2048, "data", DiskMode.READ_ONLY, "disk/1", (NODE,)),
        )
        self.assertEqual(added.logical_id, ("loop", f"{FOLDER}/{added.uuid}.file.disk1"))
        (step,) = self.job.steps
        self.assertEqual((step.call.disk.uuid, step.call.instance_name), (added.uuid, NAME))
        self.assertEqual(step.undo, RemoveDisk(disk=step.call.disk))
        self.assertEqual(
            self.job.lines,
            [
                "* disk 1, size 2.0G",
                f" - INFO: Waiting for instance {NAME} to sync disks",
                f" - INFO: Instance {NAME}'s disks are in sync",
            ],
        )

    def test_add_in_front(self) -> None:
        """The others move up."""
        self.run_op(disks=(change("add", 0, size=2048),), wait_for_sync=False)
        self.assertEqual([disk.size for disk in self.disks], [2048, 1024])
        self.assertEqual([disk.iv_name for disk in self.disks], ["disk/0", "disk/1"])
        self.assertEqual(self.job.lines, ["* disk 0, size 2.0G"])

    def test_add_to_diskless(self) -> None:
        """The kind of disk, and where it is, must come from the request."""
        self.set_up(disks=())
        self.refused(
            "Must specify disk type on diskless instance",
            ErrorCode.WRONG_INPUT,
            disks=(change("add", size=1024),),
        )
        self.run_op(
            disks=(change("add", size=1024, dev_type="file"),),
            file_storage_dir="sub",
            file_driver=FileDriver.BLKTAP,
        )
        (disk,) = self.disks
        self.assertEqual(
            disk.logical_id,
            (
                "blktap",
                f"/srv/ganeti/file-storage/sub/{NAME}/{disk.uuid}.file.disk0",
            ),
        )

    def test_wrong_add(self) -> None:
        """Disks that cannot be."""
        for values, text in (
            ({}, "Missing size or adoption source for disk 1"),
            ({"size": 0}, "Invalid size of disk 1: 0 is not positive"),
            ({"size": 1, "mode": "x"}, "Invalid disk access mode 'x' of disk 1: it is rw or ro"),
            (
                {"size": 1, "dev_type": "floppy"},
                "Invalid disk type 'floppy': it is one of file, sharedfile",
            ),
            (
                {"size": 1, "dev_type": "plain"},
                "Disk template 'plain' is not enabled in cluster."
                " Enabled disk templates are: file,diskless",
            ),
            (
                {"size": 1, "spindles": 2},
                "Spindles in instance disks cannot be specified when exclusive storage is not"
                " active",
            ),
        ):
            self.refused(text, ErrorCode.WRONG_INPUT, disks=(change("add", **values),))
        self.job.rpc.answers[CheckFileStorage] = "'/srv' is not a directory"
        text = "Node node1.example.com: '/srv' is not a directory"
        self.refused(text, ErrorCode.ENVIRONMENT, disks=(change("add", size=1024),))

    def test_failing_add(self) -> None:
        """A disk that cannot be made is taken back, with those before it."""
        before = self.job.config

        def answer(_node: str, call: CreateDisk) -> Any:
            return RemoteFailure("node1", StorageError("full")) if call.disk.size == 2048 else "/p"

        self.job.rpc.answers[CreateDisk] = answer
        disks = (change("add", size=1024), change("add", size=2048))
        self.fail_op(RemoteFailure, disks=disks)
        self.assertEqual([call.disk.size for _, call in self.job.undone], [2048, 1024])
        self.assertIs(self.job.config, before)

    def test_remove(self) -> None:
        """The configuration forgets it, then its data goes; what fails is a warning."""
        self.run_op(disks=(change("add", size=2048),))
        self.job.finished.clear()
        self.job.rpc.answers[RemoveDisk] = RemoteFailure("node1", StorageError("busy"))
        result = self.run_op(disks=(change("remove", 0),))
        self.assertEqual(result, [["disk/0", "remove"]])
        changed, (node, call) = self.job.finished
        self.assertEqual(changed.removed_disks, (disk_uuid(1),))
        self.assertEqual((node, call.disk.uuid), (NODE, disk_uuid(1)))
        self.assertEqual([(d.size, d.iv_name) for d in self.disks], [(2048, "disk/0")])
        self.assertNotIn(disk_uuid(1), self.job.config.disks)
        self.assertEqual(
            self.job.lines[-1],
            f" - WARNING: Could not remove disk 0 of instance {NAME}: Node node1: busy",
        )

    def test_remove_the_last(self) -> None:
        """An instance without disks is a diskless one."""
        self.run_op(disks=(change("remove"),))
        self.assertEqual(self.instance.disks, ())

    def test_remove_while_running(self) -> None:
        """A disk in use stays; the error says why nothing else can be done."""
        for action, verb in (("remove", "remove"), ("detach", "detach")):
            problem = f"can't {verb} volume from a running instance without using hotplug"
            disks = (change(action, 0),)
            self.set_up(admin_state=AdminState.UP)
            text = f"Instance '{NAME}' is marked to be up, {problem}"
            self.refused(text, ErrorCode.WRONG_STATE, disks=disks, hotplug=False)
            text += " (hypervisor fake cannot: shut the instance down first)"
            self.refused(text, ErrorCode.WRONG_STATE, disks=disks)
            self.set_up()
            self.job.rpc.answers[GetInstance] = GUEST
            text = f"Instance '{NAME}' is running, {problem}"
            self.refused(text, ErrorCode.WRONG_STATE, disks=disks, hotplug=False)

    def test_detach_and_attach(self) -> None:
        """A detached disk stays, is found by name or uuid, and moves to its new instance."""
        self.run_op(disks=(change("modify", 0, name="data"),))
        self.assertEqual(self.run_op(disks=(change("detach", "data"),)), [["disk/0", "detach"]])
        self.assertEqual(self.instance.disks, ())
        self.assertIsNone(self.job.config.disk_owner(disk_uuid(1)))
        result = self.run_op(disks=(change("attach", name="data"),))
        self.assertEqual(result, [["disk/0", "attach:size=1024,mode=rw"]])
        self.assertEqual(self.instance.disks, (disk_uuid(1),))
        (step,) = self.job.steps
        self.assertEqual(step.call.renamed.logical_id[1], f"{FOLDER}.example.com/disk0")
        self.assertEqual((step.undo.disk, step.undo.renamed), (step.call.renamed, step.call.disk))
        self.assertEqual(self.disks[0].logical_id, step.call.renamed.logical_id)

    def test_wrong_attach(self) -> None:
        """Only a disk that nobody has, on the instance's node."""
        attach = {"disks": (change("attach", uuid="nosuch"),)}
        self.refused("Disk with uuid 'nosuch' not known", ErrorCode.NOT_FOUND, **attach)
        other = disk_uuid(2)
        self.refused(
            f"Disk '{other}' is attached to instance 'inst2.example.com'",
            ErrorCode.WRONG_STATE,
            disks=(change("attach", uuid=other),),
        )
        text = "To attach a disk, give its name or its uuid and nothing else"
        for values in ({}, {"uuid": other, "mode": "ro"}, {"size": 5}):
            self.refused(text, ErrorCode.WRONG_INPUT, disks=(change("attach", **values),))
        spare = make_disk(9, nodes=(node_uuid(2),), name="spare")
        self.use(self.job.config.with_disk(spare))
        self.refused(
            f"Disk {spare.uuid} is on node2.example.com, not on the instance's primary node"
            " node1.example.com",
            ErrorCode.WRONG_STATE,
            disks=(change("attach", name="spare"),),
        )
        self.use(self.job.config.with_disk(make_disk(8, name="spare")))
        text = "Several disks are called 'spare': give the uuid"
        self.refused(text, ErrorCode.NOT_UNIQUE, disks=(change("attach", name="spare"),))

    def test_add_and_remove(self) -> None:
        """Not the same disk in one request."""
        disks = (change("add", size=1024), change("remove"))
        text = "A disk cannot be added and removed in one operation"
        self.refused(text, ErrorCode.WRONG_INPUT, disks=disks)

    def test_modify(self) -> None:
        """Mode and name change, also while it runs; the instance is touched, too."""
        self.set_up(admin_state=AdminState.UP)
        serial = self.instance.serial_no
        result = self.run_op(disks=(change("modify", 0, mode="ro", name="root"),))
        self.assertEqual(result, [["disk.mode/0", "ro"], ["disk.name/0", "root"]])
        (disk,) = self.disks
        self.assertEqual((disk.mode, disk.name), (DiskMode.READ_ONLY, "root"))
        self.assertEqual(self.instance.serial_no, serial + 1)
        self.run_op(disks=(change("modify", "root", name="none"),))
        self.assertIsNone(self.disks[0].name)

    def test_wrong_modify(self) -> None:
        """Some things of a disk do not change, or not here."""
        for values, text in (
            ({"size": 5}, "Disk size change not possible, use grow-disk"),
            (
                {"vg": "x"},
                "Parameter 'vg' of a disk cannot be changed; these can: mode, name, spindles",
            ),
            ({"mode": "x"}, "Invalid disk access mode 'x' of disk 0: it is rw or ro"),
            (
                {"spindles": 2},
                "Spindles in instance disks cannot be specified when exclusive storage is not"
                " active",
            ),
        ):
            self.refused(text, ErrorCode.WRONG_INPUT, disks=(change("modify", 0, **values),))

    def test_spindles(self) -> None:
        """Where storage is exclusive they can be changed."""
        config = self.job.config
        ndparams = replace(config.cluster.ndparams, exclusive_storage=True)
        config = config.with_cluster(replace(config.cluster, ndparams=ndparams))
        disk = make_disk(1, dev_type=DiskTemplate.PLAIN, logical_id=("xenvg", "lv"))
        self.use(config.with_disk(disk))
        result = self.run_op(disks=(change("modify", 0, spindles=3),))
        self.assertEqual(result, [["disk.spindles/0", 3]])
        self.assertEqual(self.disks[0].spindles, 3)
        self.job.steps.clear()
        self.job.finished.clear()
        text = "Invalid number of spindles '0': at least 1"
        self.refused(text, ErrorCode.WRONG_INPUT, disks=(change("modify", 0, spindles=0),))

    def test_on_an_offline_node(self) -> None:
        """There nothing is made; what is removed there is owed."""
        self.set_up(node_offline=True)
        text = "Can't use offline node: node1.example.com"
        self.refused(text, ErrorCode.WRONG_STATE, disks=(change("add", size=1024),))
        self.run_op(disks=(change("remove"),))
        self.assertEqual(self.instance.disks, ())
