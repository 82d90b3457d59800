"""Running one opcode: locks, plan, hooks, steps, undo, results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from support.masterrig import MasterRig
from support.samples import instance_uuid, make_config, make_disk, make_instance, node_uuid
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import (
    ErrorCode,
    NodeUnreachable,
    OpExecError,
    OpPrereqError,
    ReservationError,
    StorageError,
)
from ganeti.masterd.recovery import OWED_TEXT
from ganeti.model.delta import put
from ganeti.model.instance import AdminState
from ganeti.model.job import JobStatus, OpStatus
from ganeti.model.live import HookResult, HookStatus
from ganeti.model.locks import Level, exclusive, shared
from ganeti.model.recovery import InConfig, MarkInstance, OnNode, RemoveInstance
from ganeti.model.reservation import Reservation, ReservationKind
from ganeti.opcodes.test import OpTestDelay
from ganeti.operations.unit import END, HookPlan, NeedLocks, ResultWithJobs, Unit
from ganeti.rpc.calls import (
    ActivateDisk,
    Call,
    DeactivateDisk,
    Delay,
    EndRequest,
    RunHooks,
    StopInstance,
    encode_call,
)

NODE = node_uuid(2)
DISK = make_disk(1)
ON, OFF = ActivateDisk(disk=DISK), DeactivateDisk(disk=DISK)
STOP = StopInstance(name="inst1", uuid=instance_uuid(1), hypervisor="fake")  # type: ignore[arg-type]
OK: dict[type, Any] = {
    ActivateDisk: "/path",
    DeactivateDisk: None,
    Delay: None,
    EndRequest: None,
    StopInstance: None,
}

Execute = Callable[[Any], Any]


def unit_that(execute: Execute, **methods: Any) -> dict[str, type[Unit[Any, Any]]]:
    """A unit that does C{execute(job)} for C{OP_TEST_DELAY}."""

    class Probe(Unit[OpTestDelay, Any]):
        OP = OpTestDelay

        async def plan(self) -> Any:
            return "the plan"

        async def execute(self, plan: Any) -> Any:
            return await execute(self.job)

    for name, method in methods.items():
        setattr(Probe, name, method)
    return {"OP_TEST_DELAY": Probe}


OP = OpTestDelay(duration=0)
PLAN = {
    "OP_ID": "OP_TEST_DELAY",
    "operation": "TEST_DELAY(0 ns)",
    "steps": [],
    "plan": "the plan",
}


class ProcessorCase(SynchronousTestCase):
    def run_unit(self, execute: Execute, answers: Any = None, **methods: Any) -> int:
        """Run a job with one opcode in a new master; its id."""
        config = make_config(instances=2)
        table = OK if answers is None else answers
        self.rig = MasterRig(table, unit_that(execute, **methods), config)
        return self.rig.submit(OP)

    def sent(self) -> list[tuple[type[Call[Any]], str | None, str | None]]:
        """Kind, request id and undone request of all calls."""
        return [
            (type(call), request, undoes) for _, call, request, undoes in self.rig.transport.sent
        ]

    def check_clean(self, job_id: int, status: JobStatus) -> None:
        """The job ended so, and nothing of it is left."""
        self.assertEqual(self.rig.status(job_id), status)
        stored = self.rig.stored(job_id)
        self.assertEqual((stored.recovery, stored.locks, stored.reservations), ((), (), ()))
        self.assertEqual(self.rig.master.locks.owners(), set())
        self.assertEqual(self.rig.master.reservations.owners(), frozenset())

    def error(self, job_id: int) -> Any:
        return self.rig.job(job_id).ops[0].result


async def nothing(job: Any) -> None:
    return None


class StepTests(ProcessorCase):
    def test_success(self) -> None:
        """Steps are sent with their ids; the result is stored."""

        async def execute(job: Any) -> Any:
            await job.step(NODE, Delay(duration_s=1), END)
            return {"path": await job.step(NODE, ON, OFF)}

        job_id = self.run_unit(execute)
        self.check_clean(job_id, JobStatus.SUCCESS)
        self.assertEqual(self.rig.stored(job_id).ops[0].result, {"path": "/path"})
        self.assertEqual(self.sent(), [(Delay, "1/0/1", None), (ActivateDisk, "1/0/2", None)])

    def test_failure_undoes_in_reverse(self) -> None:
        """A failed step is undone, then those before it."""

        async def execute(job: Any) -> None:
            await job.step(NODE, Delay(duration_s=1), END)
            await job.step(NODE, ON, OFF)

        job_id = self.run_unit(execute, OK | {ActivateDisk: StorageError("no such file")})
        self.check_clean(job_id, JobStatus.ERROR)
        self.assertEqual(
            self.sent()[2:],
            [(DeactivateDisk, "1/0/2/undo", "1/0/2"), (EndRequest, None, None)],
        )
        self.assertEqual(self.error(job_id)[0], "OpExecError")
        self.assertIn("no such file", self.error(job_id)[1][0])

    def test_recovery_is_stored_first(self) -> None:
        """What is sent to a node is in the stored job, with the locks, before it is sent."""
        seen = []

        def answer(node: str, call: Call[Any]) -> str:
            seen.append(self.rig.stored(1))
            return "/path"

        async def execute(job: Any) -> None:
            await job.step(NODE, ON, OFF)

        self.run_unit(
            execute, OK | {ActivateDisk: answer}, locks=lambda self, state: shared(Level.NODE, NODE)
        )
        [job] = seen
        self.assertEqual(job.ops[0].status, OpStatus.RUNNING)
        self.assertEqual(job.recovery[0].undoes, "1/0/1")
        self.assertIn(shared(Level.NODE, NODE)[0], job.locks)

    def test_unreachable_undo_is_owed(self) -> None:
        """What cannot be undone because the node is away becomes its debt."""
        reservation = Reservation(kind=ReservationKind.NAME, key="web1", job_id=1)

        async def execute(job: Any) -> None:
            job.reserve(reservation)
            await job.step(NODE, ON, OFF)
            raise OpExecError("failed")

        job_id = self.run_unit(execute, {ActivateDisk: "/path"})
        self.rig.advance(60)
        self.assertEqual(self.rig.status(job_id), JobStatus.ERROR)
        self.assertIn("node2", self.error(job_id)[1][0])
        [debt] = self.rig.master.store.committed.debts.values()
        self.assertEqual((debt.node_uuid, debt.reservations), (NODE, (reservation,)))
        self.assertEqual(self.rig.master.locks.owners(), set())
        self.rig.transport.answers.update(OK)
        self.rig.advance(60)
        self.assertEqual(len(self.rig.master.store.committed.debts), 0)
        self.assertEqual(self.rig.master.reservations.owners(), frozenset())
        self.assertIn((DeactivateDisk, "1/0/1/undo", "1/0/1"), self.sent())

    def test_debt_is_paid_before_a_step(self) -> None:
        """A node that owes something gets nothing new until it has paid."""

        async def execute(job: Any) -> None:
            await job.step(NODE, ON, OFF)
            if job.id == 1:
                raise OpExecError("failed")

        self.run_unit(execute, {ActivateDisk: "/path"})
        second = self.rig.submit(OP)
        self.assertEqual(self.rig.status(second), JobStatus.ERROR)
        self.assertIn("has to finish what job 1 left there", self.error(second)[1][0])
        self.rig.transport.answers.update(OK)
        third = self.rig.submit(OP)
        self.assertEqual(self.rig.status(third), JobStatus.SUCCESS)
        paid, step = self.sent()[-2:]
        self.assertEqual((paid[0], paid[2]), (DeactivateDisk, "1/0/1"))
        self.assertRegex(paid[1], r"^1/0/1/undo/\d+$")
        self.assertEqual(step, (ActivateDisk, "3/0/1", None))

    def test_failed_undo_is_tried_anew(self) -> None:
        """A node that failed to undo keeps that answer: it is asked under new ids until it can."""

        async def execute(job: Any) -> None:
            await job.step(NODE, ON, OFF)
            raise OpExecError("failed")

        self.run_unit(execute, OK | {DeactivateDisk: StorageError("busy")})
        self.assertEqual(len(self.rig.master.store.committed.debts), 1)
        self.rig.advance(60)
        ids = [request_id for call, request_id, _ in self.sent() if call is DeactivateDisk]
        self.assertGreater(len(ids), 3)
        self.assertEqual(len(set(ids)), len(ids))
        self.rig.transport.answers.update(OK)
        self.rig.advance(60)
        self.assertEqual(len(self.rig.master.store.committed.debts), 0)

    def test_kill(self) -> None:
        """A killed job ends while a step is under way, and that is undone."""

        async def execute(job: Any) -> None:
            await job.step(NODE, ON, OFF)

        job_id = self.run_unit(execute, OK | {ActivateDisk: lambda node, call: Deferred()})
        self.rig.now(self.rig.master.control.cancel(job_id, True))
        self.check_clean(job_id, JobStatus.ERROR)
        self.assertEqual(self.error(job_id)[0], "JobCanceled")
        self.assertEqual(self.sent()[-1], (DeactivateDisk, "1/0/1/undo", "1/0/1"))

    def test_defect(self) -> None:
        """An error that is not ours ends the job, is logged, and says that it is a defect."""

        async def execute(job: Any) -> None:
            raise KeyError("oops")

        job_id = self.run_unit(execute)
        self.check_clean(job_id, JobStatus.ERROR)
        self.assertEqual(self.error(job_id)[0], "ProgrammerError")
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)


class ConfigTests(ProcessorCase):
    def test_undo_of_configuration(self) -> None:
        """A change of the configuration is taken back by its compensation."""
        new = make_instance(9, disks=())

        async def execute(job: Any) -> None:
            await job.commit(lambda state: (put(new),), RemoveInstance(uuid=new.uuid))
            assert new.uuid in job.snapshot().config.instances
            raise OpExecError("failed")

        job_id = self.run_unit(execute)
        self.check_clean(job_id, JobStatus.ERROR)
        self.assertNotIn(new.uuid, self.rig.master.store.committed.config.instances)

    def test_refused_change(self) -> None:
        """A change whose precondition is gone fails the opcode."""

        def change(state: Any) -> Any:
            raise OpPrereqError("gone", ErrorCode.NOT_FOUND)

        job_id = self.run_unit(lambda job: job.commit(change))
        self.assertEqual(self.error(job_id), ["OpPrereqError", ["gone", "unknown_entity"]])

    def test_disk_full(self) -> None:
        """A change that cannot be stored fails the opcode, and what was done before is undone."""

        async def execute(job: Any) -> None:
            await job.step(NODE, ON, OFF)
            self.rig.journal.refuse(StorageError("no room"))
            await job.commit(lambda state: (put(make_instance(9, disks=())),))

        job_id = self.run_unit(execute)
        self.rig.advance(3)
        self.check_clean(job_id, JobStatus.ERROR)
        self.assertEqual(self.sent()[-1], (DeactivateDisk, "1/0/1/undo", "1/0/1"))

    def test_disk_full_at_the_end(self) -> None:
        """What is done is done: its end waits until it can be written."""

        async def execute(job: Any) -> None:
            await job.commit(lambda state: (put(make_instance(9, disks=())),))
            self.rig.journal.refuse(StorageError("no room"), StorageError("still no room"))

        job_id = self.run_unit(execute)
        self.assertEqual(self.rig.status(job_id), JobStatus.RUNNING)
        self.rig.advance(3)
        self.check_clean(job_id, JobStatus.SUCCESS)
        self.assertIn(instance_uuid(9), self.rig.master.store.committed.config.instances)


class FinishTests(ProcessorCase):
    def actions(self, **settings: Any) -> tuple[Any, ...]:
        stop = OnNode(node_uuid=NODE, call=_raw(STOP), **settings)
        down = MarkInstance(uuid=instance_uuid(1), admin_state=AdminState.DOWN)
        return (stop, InConfig(compensation=down))

    def down(self) -> bool:
        instance = self.rig.master.store.committed.config.instances[instance_uuid(1)]
        return instance.admin_state is AdminState.DOWN

    def test_done(self) -> None:
        """All actions are done in order; nothing is undone."""

        async def execute(job: Any) -> str:
            await job.finish(self.actions())
            return "done"

        job_id = self.run_unit(execute)
        self.check_clean(job_id, JobStatus.SUCCESS)
        self.assertEqual(self.sent(), [(StopInstance, "1/0/1/0", None)])
        self.assertTrue(self.down())

    def test_refusal(self) -> None:
        """A refused action ends the sequence in error."""
        job_id = self.run_unit(
            lambda job: job.finish(self.actions(what="Could not stop inst1")),
            OK | {StopInstance: StorageError("busy")},
        )
        self.check_clean(job_id, JobStatus.ERROR)
        self.assertIn("Could not stop inst1", self.error(job_id)[1][0])
        self.assertFalse(self.down())

    def test_refusal_that_is_allowed(self) -> None:
        """One that may fail is a warning."""
        job_id = self.run_unit(
            lambda job: job.finish(self.actions(may_fail=True)),
            OK | {StopInstance: StorageError("busy")},
        )
        self.check_clean(job_id, JobStatus.SUCCESS)
        self.assertTrue(self.down())
        self.assertIn(" - WARNING: ", self.rig.log(job_id)[0])

    def test_unreachable_that_may_fail(self) -> None:
        """A node that is away owes the action, and the rest is done."""
        job_id = self.run_unit(lambda job: job.finish(self.actions(may_fail=True)), {})
        self.rig.advance(1)
        self.assertEqual(self.rig.status(job_id), JobStatus.SUCCESS)
        self.assertTrue(self.down())
        [debt] = self.rig.master.store.committed.debts.values()
        self.rig.transport.answers.update(OK)
        self.rig.advance(60)
        call, request_id, undoes = self.sent()[-1]
        self.assertEqual((call, undoes), (StopInstance, None))
        self.assertRegex(str(request_id), rf"^1/0/debt/{debt.uuid}/\d+$")
        self.assertEqual(len(self.rig.master.store.committed.debts), 0)

    def test_debt_that_cannot_be_written(self) -> None:
        """What a node owes is kept, also when the disk is full at that moment."""

        def away(node: str, call: Any) -> Any:
            self.rig.journal.refuse(StorageError("full"), StorageError("still full"))
            return NodeUnreachable("node2", "connection refused")

        stop = self.actions(may_fail=True)[:1]
        job_id = self.run_unit(lambda job: job.finish(stop), {StopInstance: away})
        self.rig.advance(5)
        self.assertEqual(self.rig.status(job_id), JobStatus.SUCCESS)
        self.assertEqual(len(self.rig.master.store.committed.debts), 1)

    def test_unreachable(self) -> None:
        """Else an unreachable node ends the sequence."""
        job_id = self.run_unit(lambda job: job.finish(self.actions()), {})
        self.rig.advance(1)
        self.check_clean(job_id, JobStatus.ERROR)
        self.assertFalse(self.down())

    def test_lost_that_is_not_owed(self) -> None:
        """What is worse done late than not at all is not done later."""
        lost = NodeUnreachable("node2", "connection lost", lost=True)
        job_id = self.run_unit(
            lambda job: job.finish(self.actions(owed=False)), {StopInstance: lost}
        )
        self.rig.advance(60)
        self.check_clean(job_id, JobStatus.ERROR)
        self.assertNotIn(OWED_TEXT, self.error(job_id)[1][0])

    def test_lost(self) -> None:
        """A node that is lost on the way owes the rest, which is done when it answers again."""
        lost = NodeUnreachable("node2", "connection lost", lost=True)
        job_id = self.run_unit(lambda job: job.finish(self.actions()), {StopInstance: lost})
        self.rig.advance(30)
        self.assertEqual(self.rig.status(job_id), JobStatus.ERROR)
        self.assertIn("as soon as the node answers", self.error(job_id)[1][0])
        self.assertEqual(len(self.rig.master.store.committed.debts), 1)
        self.assertFalse(self.down())
        self.rig.transport.answers.update(OK)
        before = len(self.sent())
        self.rig.advance(60)
        self.assertEqual(self.sent()[before:].count((StopInstance, "1/0/1/0", None)), 1)
        self.assertEqual(len(self.rig.master.store.committed.debts), 0)
        self.assertTrue(self.down())
        self.assertIs(self.rig.status(job_id), JobStatus.ERROR)


class LockTests(ProcessorCase):
    def test_second_look(self) -> None:
        """When the locks needed grow between request and grant, all are taken anew."""
        asked = []

        def locks(unit: Any, state: Any) -> Any:
            asked.append(None)
            names = ("a",) if len(asked) == 1 else ("a", "b")
            return exclusive(Level.INSTANCE, *names)

        async def execute(job: Any) -> list[str]:
            return [lock.name for lock in job.locks_held if lock.level is Level.INSTANCE]

        job_id = self.run_unit(execute, locks=locks)
        self.assertEqual(self.rig.stored(job_id).ops[0].result, ["a", "b"])

    def test_need_locks(self) -> None:
        """A plan that finds that it needs more gets it, and plans again."""

        async def plan(unit: Any) -> None:
            if not any(lock.name == "b" for lock in unit.job.locks_held):
                raise NeedLocks(exclusive(Level.INSTANCE, "b"))

        job_id = self.run_unit(nothing, plan=plan)
        self.check_clean(job_id, JobStatus.SUCCESS)

    def test_never_enough(self) -> None:
        """A plan that always needs more is given up."""
        more = iter(range(100))

        async def plan(unit: Any) -> None:
            raise NeedLocks(exclusive(Level.INSTANCE, f"i{next(more)}"))

        job_id = self.run_unit(nothing, plan=plan)
        self.check_clean(job_id, JobStatus.ERROR)
        self.assertEqual(self.error(job_id)[0], "LockError")

    def test_shared_big_lock(self) -> None:
        """Every job holds the cluster's lock, shared, unless it takes it for itself."""

        async def execute(job: Any) -> list[str]:
            return [f"{lock.level}/{lock.name} {lock.mode}" for lock in job.locks_held]

        job_id = self.run_unit(execute)
        self.assertEqual(self.rig.stored(job_id).ops[0].result, ["cluster/BGL shared"])

    def test_shrink(self) -> None:
        """Locks freed early let the next job in."""
        gate: Deferred[None] = Deferred()

        async def execute(job: Any) -> None:
            await job.shrink(())
            if job.id == 1:
                await gate

        first = self.run_unit(execute, locks=lambda u, s: exclusive(Level.INSTANCE, "a"))
        second = self.rig.submit(OP)
        self.assertEqual(self.rig.status(second), JobStatus.SUCCESS)
        gate.callback(None)
        self.check_clean(first, JobStatus.SUCCESS)

    def test_reservation_conflict(self) -> None:
        """What one job has reserved another cannot."""
        gate: Deferred[None] = Deferred()

        async def execute(job: Any) -> None:
            job.reserve(Reservation(kind=ReservationKind.NAME, key="web1", job_id=job.id))
            await gate

        first = self.run_unit(execute)
        second = self.rig.submit(OP)
        self.assertEqual(self.error(second)[0], ReservationError.wire_name)
        gate.callback(None)
        self.check_clean(first, JobStatus.SUCCESS)


class HookTests(ProcessorCase):
    HOOKS = HookPlan(
        path="instance-add",
        object_type="INSTANCE",
        env={"INSTANCE_NAME": "web1"},
        pre_nodes=(node_uuid(1),),
        post_nodes=(node_uuid(1), NODE),
    )

    def run_hooked(self, answer: Any = (), **methods: Any) -> tuple[int, list[Any]]:
        """Run a unit with hooks; what the nodes were asked."""
        asked: list[Any] = []

        def hooks(node: str, call: Any) -> Any:
            asked.append((node, call.path, call.phase.value, call.env))
            return answer(call) if callable(answer) else answer

        methods.setdefault("hooks", lambda unit, plan: self.HOOKS)
        execute = methods.pop("execute_with", nothing)
        return self.run_unit(execute, OK | {RunHooks: hooks}, **methods), asked

    def test_both_phases(self) -> None:
        """Pre hooks run on their nodes, then post hooks on theirs, with the variables."""
        job_id, asked = self.run_hooked(hooks_after=lambda u, p: {"INSTANCE_NAME": "web2"})
        self.check_clean(job_id, JobStatus.SUCCESS)
        where = [(node, path, phase) for node, path, phase, _ in asked]
        self.assertEqual(where[0], (node_uuid(1), "instance-add", "pre"))
        self.assertEqual(
            {node for node, _, phase in where if phase == "post"}, {node_uuid(1), NODE}
        )
        env = asked[-1][3]
        self.assertEqual(env["GANETI_INSTANCE_NAME"], "web1")
        self.assertEqual(env["GANETI_POST_INSTANCE_NAME"], "web2")
        self.assertEqual(env["GANETI_HOOKS_PATH"], "instance-add")
        self.assertEqual(env["GANETI_OP_CODE"], "OP_TEST_DELAY")
        self.assertEqual(env["GANETI_MASTER"], "node1.example.com")
        self.assertEqual(env["GANETI_OBJECT_TYPE"], "INSTANCE")

    def test_abort(self) -> None:
        """A script that fails before the operation prevents it."""
        failed = HookResult(script="10check", status=HookStatus.ERROR, output="no")
        job_id, asked = self.run_hooked((failed,))
        self.assertEqual(
            self.error(job_id), ["HooksAbort", [[["node1.example.com", "10check", "no"]]]]
        )
        self.assertEqual(len(asked), 1)

    def test_nobody_answers(self) -> None:
        """When no node can be asked before the operation, the error names each, and why."""
        away = NodeUnreachable("node1.example.com", "connection refused")
        job_id, _ = self.run_hooked(away)
        name, [text] = self.error(job_id)
        self.assertEqual(name, "HooksFailure")
        self.assertTrue(text.endswith(": Node node1.example.com: connection refused"), text)

    def test_failure_after(self) -> None:
        """A script that fails after the operation is a line in the log."""
        failed = HookResult(script="10tell", status=HookStatus.ERROR, output="no")
        job_id, _ = self.run_hooked(lambda call: (failed,) if call.phase == "post" else ())
        self.check_clean(job_id, JobStatus.SUCCESS)
        self.assertIn("10tell failed", self.rig.log(job_id)[0])

    def test_config_update(self) -> None:
        """After a change of the configuration its own hooks run on the master."""

        async def execute(job: Any) -> None:
            await job.commit(lambda state: (put(make_instance(9, disks=())),))

        job_id, asked = self.run_hooked(execute_with=execute, hooks=lambda u, p: None)
        self.check_clean(job_id, JobStatus.SUCCESS)
        self.assertEqual([each[:3] for each in asked], [(node_uuid(1), "config-update", "post")])

    def test_dry_run(self) -> None:
        """A dry run ends after the pre hooks; its plan is in the log."""
        self.run_hooked()
        job_id = self.rig.submit(OpTestDelay(duration=0, dry_run=True))
        self.check_clean(job_id, JobStatus.SUCCESS)
        lines = self.rig.now(self.rig.master.logs.lines(job_id))
        text = " - INFO: dry-run mode requested, not actually executing the operation"
        self.assertEqual(
            [(line.type, line.message) for line in lines],
            [("message", text), ("plan", PLAN)],
        )


class ChildTests(ProcessorCase):
    def test_jobs_of_a_job(self) -> None:
        """Jobs that a unit returns are stored with its success, and run."""

        async def execute(job: Any) -> Any:
            if job.id > 1:
                return None
            return ResultWithJobs(jobs=((OP,), (OP,)), other={"failed": ["x"]})

        job_id = self.run_unit(execute)
        self.assertEqual(
            self.rig.stored(job_id).ops[0].result, {"failed": ["x"], "jobs": [[True, 2], [True, 3]]}
        )
        self.assertEqual({self.rig.status(2), self.rig.status(3)}, {JobStatus.SUCCESS})


def _raw(call: Call[Any]) -> Any:
    import msgspec

    return msgspec.Raw(encode_call(call))
