"""Starting, stopping and removing instances."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from support.fakejob import FakeJob
from support.instancerig import GUEST, NAME, NODE, InstanceTestCase
from support.samples import (
    disk_uuid,
    instance_uuid,
    make_disk,
    make_instance,
    node_uuid,
)
from twisted.internet.defer import Deferred

from ganeti.errors import (
    ErrorCode,
    HypervisorError,
    NodeUnreachable,
    OpExecError,
    RemoteFailure,
    StorageError,
    TypeEnforcementError,
)
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.instance import AdminState, AdminStateSource
from ganeti.model.live import NodeResources, RunState
from ganeti.model.locks import Level, exclusive, shared
from ganeti.model.recovery import MarkInstance, OnNode, RemoveInstance
from ganeti.model.reservation import Reservation, ReservationKind
from ganeti.opcodes.instance import OpInstanceRemove, OpInstanceShutdown, OpInstanceStartup
from ganeti.operations.instance.remove import InstanceRemove
from ganeti.operations.instance.shutdown import InstanceShutdown
from ganeti.operations.instance.startup import InstanceStartup
from ganeti.rpc.calls import (
    GetInstance,
    GetNodeInfo,
    RemoveDisk,
    StartInstance,
    StopInstance,
)

ANSWERS: dict[type, Any] = {
    GetInstance: None,
    GetNodeInfo: NodeResources(memory_free=1024),
    StartInstance: None,
    StopInstance: None,
    RemoveDisk: None,
}


def stop(**settings: Any) -> StopInstance:
    values: dict[str, Any] = {
        "name": NAME,
        "uuid": instance_uuid(1),
        "hypervisor": HypervisorName.FAKE,
    }
    return StopInstance(**values | settings)


class PowerTests(InstanceTestCase):
    instances = 1
    answers = ANSWERS


class SharedChecks:
    """What holds for all three."""

    def test_unknown(self: Any) -> None:
        """The instance exists."""
        self.refused("Instance 'nosuch' not known", ErrorCode.NOT_FOUND, instance_name="nosuch")

    def test_uuid_goes_before_name(self: Any) -> None:
        """A uuid names the instance whatever the name says."""
        op = self.opcode(instance_name="nosuch", instance_uuid=instance_uuid(1))
        self.assertEqual(
            self.unit(op, self.job).locks(self.job.state),
            (*exclusive(Level.INSTANCE, NAME), *shared(Level.NODE, NODE)),
        )


class StartupTests(SharedChecks, PowerTests):
    unit = InstanceStartup
    opcode = OpInstanceStartup

    def test_start(self) -> None:
        """It is started, a step that stopping undoes, and then marked as up."""
        self.assertIsNone(self.run_op())
        (step,) = self.job.steps
        self.assertEqual((step.node, step.undo), (NODE, stop(force=True)))
        self.assertEqual((step.call.spec.instance.name, step.call.paused), (NAME, False))
        self.assertEqual(self.instance.admin_state, AdminState.UP)
        self.assertTrue(self.instance.disks_active)

    def test_running(self) -> None:
        """What runs is only marked."""
        self.job.rpc.answers[GetInstance] = GUEST
        self.run_op()
        self.assertEqual(self.job.steps, [])
        self.assertEqual(self.instance.admin_state, AdminState.UP)

    def test_remains(self) -> None:
        """What ended itself is cleared away before the start."""
        self.job.rpc.answers[GetInstance] = replace(GUEST, state=RunState.SHUTDOWN)
        self.run_op(shutdown_timeout=5)
        self.assertEqual(self.job.steps[0].call, stop(shutdown_timeout_s=5.0))
        self.assertIsInstance(self.job.steps[1].call, StartInstance)

    def test_no_remember(self) -> None:
        """The start is not remembered when that is wished."""
        self.run_op(no_remember=True)
        self.assertEqual(self.instance.admin_state, AdminState.DOWN)

    def test_paused_with_parameters(self) -> None:
        """Parameters of one start go to the node and nowhere else."""
        self.run_op(startup_paused=True, beparams={"vcpus": 4, "memory": 200})
        call = self.job.steps[0].call
        self.assertEqual((call.paused, call.spec.beparams.vcpus), (True, 4))
        self.assertEqual(call.spec.beparams.minmem, 200)
        self.assertEqual(self.job.config.filled_beparams(self.instance).vcpus, 1)

    def test_failure(self) -> None:
        """A start that fails is taken back and leaves the instance down."""
        self.job.rpc.answers[StartInstance] = RemoteFailure("node1", HypervisorError("no"))
        error = self.fail_op(OpExecError)
        self.assertEqual(str(error), f"Could not start instance '{NAME}': Node node1: no")
        self.assertEqual(self.job.undone, [(NODE, stop(force=True))])
        self.assertEqual(self.instance.admin_state, AdminState.DOWN)

    def test_put_away(self) -> None:
        """An instance that is marked offline is not started."""
        self.set_up(admin_state=AdminState.OFFLINE)
        self.refused(
            f"Instance '{NAME}' is marked to be offline, can't use instance from outside down,"
            " up states",
            ErrorCode.WRONG_STATE,
        )

    def test_offline_node(self) -> None:
        """An offline node starts nothing; when that may be ignored the instance is marked."""
        self.set_up(node_offline=True)
        self.refused("Can't use offline node: node1.example.com", ErrorCode.WRONG_STATE)
        self.run_op(ignore_offline_nodes=True, beparams={"vcpus": 2})
        self.assertEqual((self.job.steps, self.job.rpc.calls), ([], []))
        self.assertEqual(self.instance.admin_state, AdminState.UP)
        self.assertEqual(
            self.job.lines,
            [
                " - WARNING: Ignoring offline primary node",
                " - WARNING: Overridden parameters are ignored",
                " - INFO: Primary node offline, marked instance as started",
            ],
        )

    def test_node_down(self) -> None:
        """A node that does not answer is named."""
        self.job.rpc.answers[GetInstance] = NodeUnreachable("node1", "connection refused")
        self.refused(
            "Error checking node node1.example.com: connection refused",
            ErrorCode.ENVIRONMENT,
        )

    def test_memory(self) -> None:
        """The node has the least memory that the instance needs."""
        self.job.rpc.answers[GetNodeInfo] = NodeResources(memory_free=100)
        self.refused(
            f"Not enough memory on node node1.example.com for starting instance {NAME}:"
            " needed 128 MiB, available 100 MiB",
            ErrorCode.NO_RESOURCES,
        )

    def test_less_memory(self) -> None:
        """Where the node has less than the most it may have, it starts with that."""
        self.run_op(beparams={"maxmem": 1024})
        self.assertEqual(self.job.steps[-1].call.spec.start_memory_mib, 1024)
        self.set_up(admin_state=AdminState.DOWN)
        other = Reservation(
            kind=ReservationKind.NODE_MEMORY, key="x", job_id=99, node_uuid=NODE, amount=500
        )
        self.job.reservations.reserve("job 99", (other,))
        self.run_op(beparams={"maxmem": 4096})
        spec = self.job.steps[-1].call.spec
        self.assertEqual((spec.start_memory_mib, spec.beparams.maxmem), (460, 4096))
        self.assertEqual(self.job.reservations.amount(ReservationKind.NODE_MEMORY, NODE), 960)
        self.assertEqual(
            self.job.lines[0],
            f" - INFO: Instance {NAME} starts with 460 MiB of memory:"
            " node1.example.com has no more",
        )

    def test_memory_bounds(self) -> None:
        """Bounds given for one start are in order, too."""
        self.refused(
            "Value of minmem (512, from this request) must be lower or"
            " equal to the value of maxmem (128, from cluster defaults)",
            ErrorCode.WRONG_INPUT,
            beparams={"minmem": 512},
        )

    def test_bad_parameters(self) -> None:
        """Unknown parameters are refused."""
        error = self.fail_op(TypeEnforcementError, hvparams={"nosuch": 1})
        self.assertEqual(str(error), "Unknown parameter 'nosuch'")

    def test_hooks(self) -> None:
        """Hooks know the state before, and after it the one reached."""
        plan = self.plan_op(force=True)
        unit = InstanceStartup(OpInstanceStartup(instance_name="inst1", force=True), self.job)
        hooks = unit.hooks(plan)
        self.assertEqual(
            (hooks.path, hooks.pre_nodes, hooks.env["FORCE"], hooks.env["INSTANCE_STATUS"]),
            ("instance-start", (NODE,), "True", "down"),
        )
        self.successResultOf(Deferred.fromCoroutine(unit.execute(plan)))
        self.assertEqual(unit.hooks_after(plan)["INSTANCE_STATUS"], "up")


class ShutdownTests(SharedChecks, PowerTests):
    unit = InstanceShutdown
    opcode = OpInstanceShutdown

    def set_up(self, node_offline: bool = False, **settings: Any) -> None:
        super().set_up(node_offline, **{"admin_state": AdminState.UP, **settings})

    def test_shutdown(self) -> None:
        """It is stopped, then marked as down: nothing of it is taken back."""
        self.assertIsNone(self.run_op(timeout=30))
        self.assertEqual(
            self.job.finished,
            [
                (NODE, stop(shutdown_timeout_s=30.0)),
                MarkInstance(
                    uuid=instance_uuid(1),
                    admin_state=AdminState.DOWN,
                    disks_active=False,
                    admin_state_source=AdminStateSource.ADMIN,
                ),
            ],
        )
        self.assertEqual(self.instance.admin_state, AdminState.DOWN)

    def test_source(self) -> None:
        """Who wanted it down is kept."""
        self.run_op(admin_state_source=AdminStateSource.USER)
        self.assertEqual(self.instance.admin_state_source, AdminStateSource.USER)

    def test_no_remember(self) -> None:
        """The shutdown is not remembered when that is wished."""
        self.run_op(no_remember=True)
        self.assertEqual(len(self.job.finished), 1)
        self.assertEqual(self.instance.admin_state, AdminState.UP)

    def test_refused_by_node(self) -> None:
        """An instance that cannot be stopped stays marked as up."""
        self.job.rpc.answers[StopInstance] = RemoteFailure("node1", HypervisorError("no"))
        error = self.fail_op(OpExecError)
        self.assertEqual(str(error), f"Could not shutdown instance '{NAME}': Node node1: no")
        self.assertEqual(self.instance.admin_state, AdminState.UP)

    def test_put_away(self) -> None:
        """An instance that is marked offline is left alone, or forced down and stays away."""
        self.set_up(admin_state=AdminState.OFFLINE)
        self.refused(
            f"Instance '{NAME}' is marked to be offline, can't use instance from outside down,"
            " up states",
            ErrorCode.WRONG_STATE,
        )
        self.run_op(force=True)
        self.assertEqual(self.job.lines, [" - WARNING: Ignoring offline instance check"])
        self.assertEqual(self.instance.admin_state, AdminState.OFFLINE)

    def test_offline_node(self) -> None:
        """On an offline node nothing is stopped; when that may be ignored it is marked."""
        self.set_up(node_offline=True)
        self.refused("Can't use offline node: node1.example.com", ErrorCode.WRONG_STATE)
        self.run_op(ignore_offline_nodes=True)
        self.assertEqual(self.job.rpc.calls, [])
        self.assertEqual(self.instance.admin_state, AdminState.DOWN)
        self.assertEqual(
            self.job.lines,
            [
                " - WARNING: Ignoring offline primary node",
                " - INFO: Primary node offline, marked instance as stopped",
            ],
        )

    def test_hooks(self) -> None:
        """Hooks are told how long the guest has."""
        plan = self.plan_op(timeout=30)
        unit = InstanceShutdown(OpInstanceShutdown(instance_name="inst1", timeout=30), self.job)
        hooks = unit.hooks(plan)
        self.assertEqual((hooks.path, hooks.env["TIMEOUT"]), ("instance-stop", "30"))
        self.successResultOf(Deferred.fromCoroutine(unit.execute(plan)))
        self.assertEqual(unit.hooks_after(plan)["INSTANCE_STATUS"], "down")


class RemoveTests(SharedChecks, PowerTests):
    unit = InstanceRemove
    opcode = OpInstanceRemove

    def test_remove(self) -> None:
        """Stopped, disks removed, forgotten: in this order, and never back."""
        self.assertIsNone(self.run_op(shutdown_timeout=3))
        self.assertEqual(
            self.job.finished,
            [
                (NODE, stop(shutdown_timeout_s=3.0)),
                (NODE, RemoveDisk(disk=make_disk(1))),
                RemoveInstance(uuid=instance_uuid(1)),
            ],
        )
        self.assertEqual((len(self.job.config.instances), len(self.job.config.disks)), (0, 0))

    def test_disk_on_another_node(self) -> None:
        """Each node that holds a disk removes it."""
        config = self.job.config.with_disk(make_disk(1, nodes=(node_uuid(2), node_uuid(3))))
        self.job = FakeJob(config, dict(ANSWERS))
        actions = self.plan_op().actions
        self.assertEqual(
            [action.node_uuid for action in actions if isinstance(action, OnNode)],
            [NODE, node_uuid(2), node_uuid(3)],
        )

    def test_failing_stop(self) -> None:
        """An instance that cannot be stopped is not removed."""
        self.job.rpc.answers[StopInstance] = RemoteFailure("node1", HypervisorError("no"))
        error = self.fail_op(OpExecError)
        self.assertEqual(
            str(error),
            f"Could not shutdown instance '{NAME}': Node node1: no",
        )
        self.assertIn(instance_uuid(1), self.job.config.instances)

    def test_failing_disk(self) -> None:
        """An instance whose disks cannot be removed stays known."""
        self.job.rpc.answers[RemoveDisk] = RemoteFailure("node1", StorageError("busy"))
        error = self.fail_op(OpExecError)
        self.assertEqual(str(error), "Can't remove instance's disks: Node node1: busy")
        self.assertIn(disk_uuid(1), self.job.config.disks)

    def test_ignored_failures(self) -> None:
        """When failures are to be ignored they are named, and the instance is forgotten."""
        self.job.rpc.answers[StopInstance] = RemoteFailure("node1", HypervisorError("no"))
        self.job.rpc.answers[RemoveDisk] = RemoteFailure("node1", StorageError("busy"))
        self.run_op(ignore_failures=True)
        self.assertEqual(
            self.job.lines,
            [
                f" - WARNING: Could not shutdown instance '{NAME}': Node node1: no",
                " - WARNING: Can't remove instance's disks: Node node1: busy",
            ],
        )
        self.assertEqual(len(self.job.config.instances), 0)

    def test_offline_node(self) -> None:
        """What an offline node cannot do it may owe: the actions may fail."""
        self.set_up(node_offline=True)
        on_node = [action for action in self.plan_op().actions if isinstance(action, OnNode)]
        self.assertEqual([action.may_fail for action in on_node], [True, True])

    def test_hooks(self) -> None:
        """The master is asked before, all nodes of the instance are told after."""
        config = self.job.config
        moved = make_instance(1, node=2)
        self.job = FakeJob(config.with_instance(moved), dict(ANSWERS))
        plan = self.plan_op()
        unit = InstanceRemove(OpInstanceRemove(instance_name="inst1"), self.job)
        hooks = unit.hooks(plan)
        self.assertEqual(
            (hooks.path, hooks.pre_nodes, hooks.post_nodes),
            ("instance-remove", (NODE,), (NODE, node_uuid(2))),
        )
        self.assertEqual(hooks.env["SHUTDOWN_TIMEOUT"], "120")


del PowerTests
