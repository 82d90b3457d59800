"""Rebooting, reinstalling and renaming instances."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from support.fakejob import FakeJob
from support.instancerig import GUEST, NAME, NODE, UUID, InstanceTestCase
from support.samples import (
    disk_uuid,
    make_disk,
    make_instance,
)
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import (
    ErrorCode,
    HypervisorError,
    NodeUnreachable,
    OpExecError,
    OpPrereqError,
    RemoteFailure,
    StorageError,
)
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.instance import AdminState, AdminStateSource
from ganeti.model.live import NodeResources, OsInfo, RunState
from ganeti.model.locks import Level, exclusive, shared
from ganeti.model.parameters import PartialBeParams
from ganeti.model.recovery import MarkInstance, ModifyInstance
from ganeti.model.reservation import Reservation, ReservationKind
from ganeti.model.secret import Secret
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes.instance import (
    OpInstanceReboot,
    OpInstanceReinstall,
    OpInstanceRename,
    RebootType,
)
from ganeti.operations.instance.disks import disk_of
from ganeti.operations.instance.reboot import InstanceReboot
from ganeti.operations.instance.reinstall import InstanceReinstall
from ganeti.operations.instance.rename import InstanceRename
from ganeti.operations.unit import END
from ganeti.rpc.calls import (
    DeactivateDisk,
    GetInstance,
    GetNodeInfo,
    GetOs,
    RebootInstance,
    RenameDisk,
    RunOsCreate,
    RunOsRename,
    StartInstance,
    StopInstance,
)

OS = OsInfo(
    name="busybox",
    path="/os/busybox",
    valid=True,
    api_versions=(20,),
    parameters=(("motd", "text"), ("pw", "secret")),
)
ANSWERS: dict[type, Any] = {
    GetInstance: None,
    GetNodeInfo: NodeResources(memory_free=1024),
    GetOs: OS,
    StartInstance: None,
    StopInstance: None,
    RebootInstance: None,
    DeactivateDisk: None,
    RunOsCreate: None,
    RunOsRename: None,
    RenameDisk: None,
}
MARKED = MarkInstance(
    uuid=UUID,
    admin_state=AdminState.UP,
    disks_active=True,
    admin_state_source=AdminStateSource.ADMIN,
)


def stop(timeout_s: float = 120.0, force: bool = False) -> StopInstance:
    return StopInstance(
        name=NAME,
        uuid=UUID,
        hypervisor=HypervisorName.FAKE,
        shutdown_timeout_s=timeout_s,
        force=force,
    )


class ChangeTests(InstanceTestCase):
    answers = ANSWERS

    def described(self, **settings: Any) -> list[str]:
        plan = self.plan_op(**settings)
        return list(self.unit(self.op(**settings), self.job).describe(plan))


class SharedChecks:
    """What holds for all of them."""

    def test_unknown(self: Any) -> None:
        """The instance exists."""
        self.refused("Instance 'nosuch' not known", ErrorCode.NOT_FOUND, instance_name="nosuch")

    def test_uuid_goes_before_name(self: Any) -> None:
        """A uuid names the instance whatever the name says."""
        op = self.op(instance_name="nosuch", instance_uuid=UUID)
        locks = self.unit(op, self.job).locks(self.job.state)
        self.assertIn(exclusive(Level.INSTANCE, NAME)[0], locks)
        self.assertIn(shared(Level.NODE, NODE)[0], locks)

    def test_node_offline(self: Any) -> None:
        """An offline node does nothing."""
        self.set_up(node_offline=True)
        self.refused("Can't use offline node: node1.example.com", ErrorCode.WRONG_STATE)

    def test_node_down(self: Any) -> None:
        """A node that does not answer is named."""
        self.job.rpc.answers[GetInstance] = NodeUnreachable("node1", "connection refused")
        self.refused(
            "Error checking node node1.example.com: connection refused", ErrorCode.ENVIRONMENT
        )


class RebootTests(SharedChecks, ChangeTests):
    unit = InstanceReboot
    opcode = OpInstanceReboot
    needed = {"reboot_type": RebootType.HARD}

    def set_up(self, node_offline: bool = False, **settings: Any) -> None:
        super().set_up(node_offline, **{"admin_state": AdminState.UP, **settings})
        self.job.rpc.answers[GetInstance] = GUEST

    def calls(self) -> list[Any]:
        return [done[1] for done in self.job.finished if isinstance(done, tuple)]

    def test_soft(self) -> None:
        """Its hypervisor starts it anew."""
        self.assertIsNone(self.run_op(reboot_type=RebootType.SOFT))
        (call,) = self.calls()
        self.assertEqual((type(call), call.spec.instance.name), (RebootInstance, NAME))
        self.assertEqual(self.job.finished[-1], MARKED)

    def test_hard(self) -> None:
        """Stopped, started, marked: in one go, which a crash does not cut in two."""
        self.run_op(shutdown_timeout=7)
        stopped, started = self.calls()
        self.assertEqual(stopped, stop(7.0))
        self.assertEqual((type(started), started.spec.instance.uuid), (StartInstance, UUID))
        self.assertEqual(self.job.finished[-1], MARKED)
        self.assertEqual(self.job.steps, [])

    def test_full(self) -> None:
        """Its disks are taken out of use, too."""
        self.run_op(reboot_type=RebootType.FULL)
        kinds = [type(call) for call in self.calls()]
        self.assertEqual(kinds, [StopInstance, DeactivateDisk, StartInstance])

    def test_stopped(self) -> None:
        """One that does not run is started, which is taken back when it fails."""
        self.job.rpc.answers[GetInstance] = None
        self.run_op(reboot_type=RebootType.SOFT)
        (step,) = self.job.steps
        self.assertEqual((type(step.call), step.undo), (StartInstance, stop(force=True)))
        self.assertEqual(self.job.finished, [MARKED])
        self.assertEqual(
            self.job.lines, [f" - INFO: Instance {NAME} was already stopped, starting now"]
        )

    def test_stopped_and_marked_down(self) -> None:
        """Then it is marked as up."""
        self.set_up(admin_state=AdminState.DOWN)
        self.job.rpc.answers[GetInstance] = None
        self.run_op()
        self.assertEqual(self.instance.admin_state, AdminState.UP)

    def test_remains(self) -> None:
        """What ended itself is cleared away first."""
        self.job.rpc.answers[GetInstance] = replace(GUEST, state=RunState.SHUTDOWN)
        self.run_op()
        self.assertEqual([type(s.call) for s in self.job.steps], [StopInstance, StartInstance])

    def test_failing_start(self) -> None:
        """One that cannot be started again is still marked as up, and the error says where."""
        self.job.rpc.answers[StartInstance] = RemoteFailure("node1", HypervisorError("no"))
        for kind, text in ((RebootType.HARD, "reboot"), (RebootType.FULL, "full reboot")):
            error = self.fail_op(OpExecError, reboot_type=kind)
            self.assertEqual(
                str(error), f"Could not start instance '{NAME}' for {text}: Node node1: no"
            )
        self.assertEqual(self.instance.admin_state, AdminState.UP)

    def test_failing_start_of_a_stopped_one(self) -> None:
        """It stays as it was."""
        self.set_up(admin_state=AdminState.DOWN)
        self.job.rpc.answers |= {
            GetInstance: None,
            StartInstance: RemoteFailure("node1", HypervisorError("no")),
        }
        error = self.fail_op(OpExecError)
        self.assertEqual(str(error), f"Could not start instance '{NAME}': Node node1: no")
        self.assertEqual(self.job.undone, [(NODE, stop(force=True))])
        self.assertEqual(self.instance.admin_state, AdminState.DOWN)

    def test_failing_reboot(self) -> None:
        """A hypervisor that refuses is told."""
        self.job.rpc.answers[RebootInstance] = RemoteFailure("node1", HypervisorError("no"))
        error = self.fail_op(OpExecError, reboot_type=RebootType.SOFT)
        self.assertEqual(str(error), f"Could not reboot instance '{NAME}': Node node1: no")

    def test_put_away(self) -> None:
        """An instance that is marked offline is left alone."""
        self.set_up(admin_state=AdminState.OFFLINE)
        self.refused(
            f"Instance '{NAME}' is marked to be offline, can't use instance from outside down,"
            " up states",
            ErrorCode.WRONG_STATE,
        )

    def test_memory(self) -> None:
        """What it needs beyond what it has is there before it is stopped."""
        self.job.rpc.answers[GetNodeInfo] = NodeResources(memory_free=10)
        self.run_op()
        self.job.rpc.answers[GetInstance] = replace(GUEST, memory_mib=64)
        error = self.fail_op(OpPrereqError)
        self.assertEqual(
            str(error),
            f"Not enough memory on node node1.example.com for rebooting instance {NAME}:"
            " needed 64 MiB, available 10 MiB",
        )

    def test_less_memory(self) -> None:
        """It comes back with what it had and what its node has left, if that is enough."""
        config = self.job.config
        instance = replace(config.find_instance(NAME), beparams=PartialBeParams(maxmem=4096))
        self.job = FakeJob(config.with_instance(instance), dict(ANSWERS))
        self.job.rpc.answers[GetInstance] = replace(GUEST, memory_mib=200)
        self.run_op()
        start = self.job.finished[-2][1]
        self.assertEqual(start.spec.start_memory_mib, 1160)

    def test_hooks(self) -> None:
        """Hooks know how it is restarted, and what came of it."""
        self.set_up(admin_state=AdminState.DOWN)
        settings = {"shutdown_timeout": 3, "ignore_secondaries": True}
        plan = self.plan_op(**settings)
        unit = InstanceReboot(self.op(**settings), self.job)
        hooks = unit.hooks(plan)
        self.assertEqual(
            (hooks.path, hooks.pre_nodes, hooks.env["INSTANCE_STATUS"]),
            ("instance-reboot", (NODE,), "down"),
        )
        self.assertEqual(
            [hooks.env[n] for n in ("REBOOT_TYPE", "SHUTDOWN_TIMEOUT", "IGNORE_SECONDARIES")],
            ["hard", "3", "True"],
        )
        self.successResultOf(Deferred.fromCoroutine(unit.execute(plan)))
        self.assertEqual(unit.hooks_after(plan)["INSTANCE_STATUS"], "up")

    def test_described(self) -> None:
        """A dry run tells the steps."""
        mark = f"mark instance {NAME} as up"
        self.assertEqual(
            self.described(),
            [
                f"stop instance {NAME} on node1.example.com",
                f"start instance {NAME} on node1.example.com",
                mark,
            ],
        )
        self.job.rpc.answers[GetInstance] = None
        self.assertEqual(self.described(), [f"start instance {NAME} on node1.example.com", mark])


class DownChecks(SharedChecks):
    """What holds for operations on stopped instances."""

    problem: str

    def test_marked(self: Any) -> None:
        """An instance that should run, or is put away, is refused."""
        for state in (AdminState.UP, AdminState.OFFLINE):
            self.set_up(admin_state=state)
            text = f"Instance '{NAME}' is marked to be {state}, {self.problem}"
            self.refused(text, ErrorCode.WRONG_STATE)

    def test_running(self: Any) -> None:
        """One that runs though it should not is refused, too."""
        for state in (RunState.RUNNING, RunState.PAUSED):
            self.job.rpc.answers[GetInstance] = replace(GUEST, state=state)
            self.refused(f"Instance '{NAME}' is running, {self.problem}", ErrorCode.WRONG_STATE)


class ReinstallTests(DownChecks, ChangeTests):
    unit = InstanceReinstall
    opcode = OpInstanceReinstall
    problem = "cannot reinstall"

    def test_reinstall(self) -> None:
        """The OS scripts run, told that it is not the first time; nothing else changes."""
        before = self.job.config
        self.assertIsNone(self.run_op(debug_level=1))
        (step,) = self.job.steps
        self.assertEqual((step.node, step.undo), (NODE, END))
        call = step.call
        self.assertEqual((call.os_name, call.reinstall, call.debug), ("busybox", True, 1))
        self.assertEqual((self.job.finished, self.job.config), ([], before))
        self.assertEqual(self.job.lines, ["Running the instance OS create scripts..."])

    def test_other_os(self) -> None:
        """Another OS is noted once it is installed."""
        self.job.rpc.answers[GetOs] = replace(OS, variants=("small",))
        self.run_op(os_type="busybox+small")
        self.assertEqual(self.job.steps[0].call.os_name, "busybox+small")
        self.assertEqual(self.job.finished, [ModifyInstance(uuid=UUID, os="busybox+small")])
        self.assertEqual(self.instance.os, "busybox+small")
        self.assertEqual(self.job.lines[0], "Changing OS to 'busybox+small'...")

    def test_failure(self) -> None:
        """A script that fails leaves the OS noted that was."""
        self.job.rpc.answers[GetOs] = replace(OS, variants=("small",))
        self.job.rpc.answers[RunOsCreate] = RemoteFailure("node1", OpExecError("no mirror"))
        error = self.fail_op(OpExecError, os_type="busybox+small")
        self.assertEqual(
            str(error),
            f"Could not install OS for instance {NAME} on node node1.example.com: no mirror",
        )
        self.assertEqual(self.instance.os, "busybox")
        self.assertEqual(self.job.undone, [(NODE, END)])

    def test_parameters(self) -> None:
        """Parameters of this time go to the scripts and nowhere else."""
        self.set_up(osparams={"motd": "old"}, osparams_private={"pw": Secret("old")})
        self.run_op(osparams={"motd": "new"}, osparams_secret={"pw": Secret("new")})
        call = self.job.steps[0].call
        self.assertEqual(call.spec.osparams, {"motd": "new"})
        self.assertEqual(call.secret_osparams, {"pw": Secret("new")})
        self.assertEqual(self.instance.osparams, {"motd": "old"})
        self.assertEqual(self.instance.osparams_private, {"pw": Secret("old")})

    def test_unknown_parameter(self) -> None:
        """The OS must know the parameters."""
        error = self.fail_op(OpExecError, osparams_private={"nosuch": Secret("x")})
        self.assertIn("not supported by the OS busybox: nosuch", str(error))

    def test_missing_os(self) -> None:
        """The OS must be there."""
        self.job.rpc.answers[GetOs] = None
        error = self.fail_op(OpExecError, os_type="nosuch")
        self.assertIn("Directory for OS nosuch not found in search path", str(error))

    def test_no_disks(self) -> None:
        """There is nothing to install on; that is said first."""
        self.set_up(disks=(), admin_state=AdminState.UP)
        text = f"Instance '{NAME}' has no disks"
        self.refused(text, ErrorCode.WRONG_INPUT, os_type="nosuch")

    def test_no_os(self) -> None:
        """An instance that was made without an OS needs one."""
        self.set_up(os="")
        text = f"Instance '{NAME}' has no OS: name the one to install"
        self.refused(text, ErrorCode.WRONG_INPUT)

    def test_hooks(self) -> None:
        """Hooks know the OS before, and after it the new one."""
        plan = self.plan_op(os_type="other")
        unit = InstanceReinstall(self.op(os_type="other"), self.job)
        hooks = unit.hooks(plan)
        self.assertEqual(
            (hooks.path, hooks.env["INSTANCE_OS_TYPE"]), ("instance-reinstall", "busybox")
        )
        self.successResultOf(Deferred.fromCoroutine(unit.execute(plan)))
        self.assertEqual(unit.hooks_after(plan)["INSTANCE_OS_TYPE"], "other")

    def test_described(self) -> None:
        """A dry run tells the steps."""
        self.assertEqual(
            self.described(os_type="other"),
            [
                "run the create script of other on node1.example.com",
                f"change the OS of instance {NAME} to other",
            ],
        )


class RenameTests(DownChecks, ChangeTests):
    unit = InstanceRename
    opcode = OpInstanceRename
    needed = {"new_name": "Web1.example.com."}
    problem = "cannot rename"

    OLD = make_disk(1)
    NEW = make_disk(1, logical_id=("loop", "/srv/ganeti/file-storage/web1.example.com/disk0"))

    def test_rename(self) -> None:
        """The disk moves, the configuration follows, and the OS is told."""
        self.assertEqual(self.run_op(), "web1.example.com")
        (step,) = self.job.steps
        there = RenameDisk(disk=self.OLD, renamed=self.NEW)
        back = RenameDisk(disk=self.NEW, renamed=self.OLD)
        self.assertEqual((step.node, step.call, step.undo), (NODE, there, back))
        change, (node, script) = self.job.finished
        self.assertEqual(
            change, ModifyInstance(uuid=UUID, name="web1.example.com", put_disks=(self.NEW,))
        )
        self.assertEqual((node, type(script), script.old_name), (NODE, RunOsRename, NAME))
        self.assertEqual(script.spec.instance.name, "web1.example.com")
        self.assertEqual(script.spec.disks[0].disk, self.NEW)
        self.assertEqual(self.instance.name, "web1.example.com")
        self.assertEqual(self.job.config.disks[disk_uuid(1)].logical_id, self.NEW.logical_id)

    def test_locks(self) -> None:
        """Both names are locked, and the new one is kept for the job."""
        self.plan_op()
        self.assertEqual(
            self.job.locks_held,
            (
                *exclusive(Level.INSTANCE, NAME),
                *shared(Level.NODE, NODE),
                *exclusive(Level.INSTANCE, "web1.example.com"),
            ),
        )
        self.assertEqual(
            self.job.reservations.held("job 7"),
            (Reservation(kind=ReservationKind.NAME, key="web1.example.com", job_id=7),),
        )

    def test_failing_move(self) -> None:
        """A disk that cannot be moved keeps everything as it was."""
        second = make_disk(1, 1)
        config = self.job.config.with_disk(second)
        config = config.with_instance(
            make_instance(1, admin_state=AdminState.DOWN, disks=(disk_uuid(1), second.uuid))
        )
        self.job = FakeJob(config, dict(ANSWERS))

        def answer(_node: str, call: RenameDisk) -> Any:
            busy = call.disk.uuid == second.uuid
            return RemoteFailure("node1", StorageError("exists")) if busy else None

        self.job.rpc.answers[RenameDisk] = answer
        self.fail_op(RemoteFailure)
        self.assertEqual(
            [(node, call.disk.uuid) for node, call in self.job.undone],
            [(NODE, second.uuid), (NODE, disk_uuid(1))],
        )
        self.assertEqual((self.job.finished, self.job.config), ([], config))

    def test_failing_script(self) -> None:
        """What the OS's script says is told, and the instance is renamed."""
        self.job.rpc.answers[RunOsRename] = RemoteFailure("node1", OpExecError("no"))
        self.assertEqual(self.run_op(), "web1.example.com")
        self.assertEqual(
            self.job.lines,
            [
                " - WARNING: Could not run OS rename script for instance web1.example.com on node"
                " node1.example.com (but the instance has been renamed in Ganeti): Node node1: no"
            ],
        )

    def test_without_disks_or_os(self) -> None:
        """No script runs where there is nothing to change."""
        for settings in ({"disks": ()}, {"os": ""}):
            self.set_up(**settings)
            self.run_op()
            self.assertEqual(len(self.job.finished), 1)

    def test_private_parameters(self) -> None:
        """The script gets the private parameters, too."""
        self.set_up(osparams_private={"pw": Secret("x")})
        self.run_op()
        self.assertEqual(self.job.finished[-1][1].secret_osparams, {"pw": Secret("x")})

    def test_remains(self) -> None:
        """What is left of a guest that ended itself is cleared away under its old name."""
        self.job.rpc.answers[GetInstance] = replace(GUEST, state=RunState.SHUTDOWN)
        self.run_op()
        self.assertEqual(self.job.steps[0].call, stop())

    def test_taken(self) -> None:
        """The new name is free, and a host name."""
        self.refused(
            "Instance 'inst2.example.com' is already in the cluster",
            ErrorCode.EXISTS,
            new_name="inst2.example.com",
        )
        self.refused("Invalid hostname 'a b'", ErrorCode.WRONG_INPUT, new_name="a b")
        self.job.reservations.reserve(
            "job 3", [Reservation(kind=ReservationKind.NAME, key="web1.example.com", job_id=3)]
        )
        self.refused(
            "Instance 'web1.example.com' is being created by another job", ErrorCode.EXISTS
        )

    def test_name_check(self) -> None:
        """The name resolves, and nothing answers there, when that is asked for."""
        self.refused(
            "The given name (web1.example.com) does not resolve: Name or service not known",
            ErrorCode.RESOLVER,
            name_check=True,
        )
        self.job.resolver.hosts["web1.example.com"] = "192.0.2.77"
        self.job.resolver.taken.add("192.0.2.77")
        self.refused(
            "IP 192.0.2.77 of instance web1.example.com already in use",
            ErrorCode.NOT_UNIQUE,
            name_check=True,
            ip_check=True,
        )
        self.refused(
            "Cannot do IP address check without a name check",
            ErrorCode.WRONG_INPUT,
            ip_check=True,
        )
        self.assertEqual(self.run_op(name_check=True), "web1.example.com")

    def test_hooks(self) -> None:
        """Hooks know both names."""
        plan = self.plan_op()
        unit = InstanceRename(self.op(), self.job)
        hooks = unit.hooks(plan)
        self.assertEqual(
            (hooks.path, hooks.env["INSTANCE_NAME"], hooks.env["INSTANCE_NEW_NAME"]),
            ("instance-rename", NAME, "web1.example.com"),
        )
        self.successResultOf(Deferred.fromCoroutine(unit.execute(plan)))
        after = unit.hooks_after(plan)
        self.assertEqual(after["INSTANCE_NAME"], "web1.example.com")
        self.assertIn("/web1.example.com/", after["INSTANCE_DISK0_ID"])

    def test_described(self) -> None:
        """A dry run tells the steps, and answers the name."""
        self.assertEqual(
            self.described(),
            [
                "move disk of 1.0G (file) at /srv/ganeti/file-storage/inst1/disk0"
                " to /srv/ganeti/file-storage/web1.example.com/disk0 on node1.example.com",
                f"rename instance {NAME} to web1.example.com",
                "run the rename script of busybox on node1.example.com",
            ],
        )
        unit = InstanceRename(self.op(), self.job)
        self.assertEqual(unit.dry_result(self.plan_op()), "web1.example.com")


class DiskPlaceTests(SynchronousTestCase):
    def test_places(self) -> None:
        """Only templates with the instance's name in the path have another place."""
        folder = "/srv/ganeti/file-storage/sub"
        disk = make_disk(1, logical_id=("loop", f"{folder}/inst1.example.com/x.file.disk0"))
        moved = disk_of(disk, "web1.example.com")
        self.assertEqual(moved.logical_id, ("loop", f"{folder}/web1.example.com/x.file.disk0"))
        plain = make_disk(1, dev_type=DiskTemplate.PLAIN, logical_id=("xenvg", "lv"))
        self.assertIs(disk_of(plain, "web1.example.com"), plain)

    def test_imported(self) -> None:
        """A file right below the root has no folder that could be renamed."""
        with self.assertRaisesRegex(OpPrereqError, "no place of its own"):
            disk_of(make_disk(1, logical_id=("loop", "/disks/disk0")), "web1.example.com")
