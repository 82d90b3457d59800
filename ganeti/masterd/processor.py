"""
Run a job: its opcodes one after another, each from its locks to its result.

An opcode waits for what it depends on and for its locks, plans (reads only),
runs its pre hooks, acts step by step, runs its post hooks, and ends in one
commit with its result. Whatever fails, what it did is undone first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace
from twisted.internet.defer import CancelledError
from twisted.logger import Logger

from ganeti.errors import (
    ErrorCode,
    GanetiError,
    JobCanceled,
    JobLost,
    LockError,
    OpCodeUnknown,
    OpExecError,
    OpPrereqError,
    ProgrammerError,
    StorageError,
    encode_error,
)
from ganeti.masterd import transitions
from ganeti.masterd.context import Context, Services
from ganeti.masterd.hooks import CONFIG_UPDATE
from ganeti.masterd.jobs import ActiveJob
from ganeti.masterd.locktable import (
    Key,
    covers,
    merge,
    wanted_from_locks,
)
from ganeti.masterd.recovery import FinishFailed
from ganeti.masterd.secrets import REDACTED, SecretBox, unsealed
from ganeti.masterd.submission import dependencies_of
from ganeti.model import codec
from ganeti.model.delta import Delta, put
from ganeti.model.job import Job, JobStatus, OpStatus, is_final, job_priority, job_status
from ganeti.model.locks import BGL, Level, LockMode
from ganeti.model.recovery import Debt, Finish, Settle
from ganeti.model.secret import Secret
from ganeti.model.state import State
from ganeti.opcodes import OpCode, decode_opcode
from ganeti.operations.unit import HookPlan, NeedLocks, ResultWithJobs, Unit
from ganeti.store.reservations import debt_owner, job_owner

LOCK_ATTEMPTS = 5
DRY_RUN_TEXT = "dry-run mode requested, not actually executing the operation"
INTERRUPTED_TEXT = "The operation was interrupted by a restart of the master daemon"
PLAN_ENTRY = "plan"
"""Type of the log entry that holds a dry run's plan."""


class ChildJobs(Protocol):
    """Where jobs made by a job go."""

    def build(self, state: State, jobs: Sequence[Sequence[OpCode]]) -> list[Job]: ...

    def stored(self, job: Job, ops: tuple[OpCode, ...]) -> None: ...


class _DependencyCanceled(GanetiError):
    """A job that this one depends on was canceled, so this one is, too."""


class Processor:
    """Runs jobs; one call of L{run} or L{resume} per job."""

    log = Logger()

    def __init__(
        self, services: Services, units: Mapping[str, type[Unit[Any, Any]]], box: SecretBox
    ) -> None:
        self._s = services
        self._units = units
        self._box = box
        self.children: ChildJobs | None = None
        self.stopping = False
        """No opcode starts any more."""

    # -- jobs

    async def run(self, active: ActiveJob) -> None:
        """Run a queued job to its end."""
        await self._s.logs.begin(active.job.id, restarted=active.ops is None)
        await self._go_on(active)

    async def resume(self, active: ActiveJob) -> None:
        """Recover the opcode that a restart interrupted, then go on with the job."""
        job = active.job
        await self._s.logs.begin(job.id, restarted=True)
        index = transitions.first_open(job)
        if index is not None and await self._guard(active, index, self._recover):
            await self._go_on(active)
        else:
            self._let_go(active)

    async def _go_on(self, active: ActiveJob) -> None:
        while (index := transitions.first_open(active.job)) is not None and not self.stopping:
            if not await self._guard(active, index, self._attempt):
                break
        self._let_go(active)

    async def _guard(self, active: ActiveJob, index: int, act: Any) -> bool:
        """
        Do C{act} and end the opcode in error when it fails; say whether the job goes on.

        When this daemon stops, all is left as it is: the next start recovers.
        """
        context = Context(self._s, active, index)
        error: Exception | None = None
        try:
            await act(active, index, context)
        except CancelledError:
            if not active.cancel_asked:
                raise
            error = JobCanceled("The job was canceled while it ran")
        except Exception as err:
            if not isinstance(err, GanetiError):
                self.log.failure("Job {id}, opcode {index}", id=active.job.id, index=index)
            error = err
        if error is not None:
            await self._fail(active, index, error)
        active.stored_running = False
        self._s.locks.release(active.job.id)
        return error is None

    def _let_go(self, active: ActiveJob) -> None:
        if is_final(active.job):
            self._s.reservations.release(job_owner(active.job.id))
            self._s.logs.end(active.job.id)
            self._s.forget(active)

    # -- one opcode

    async def _attempt(self, active: ActiveJob, index: int, context: Context) -> None:
        self._s.jobs.show(active, transitions.waiting(active.job, index, self._s.now_ns()))
        await self._check_dependencies(active, index)
        op = self._opcode(active, index)
        unit, plan = await self._lock_and_plan(active, index, op, context)
        job = transitions.running(active.job, index, self._s.now_ns())
        self._s.jobs.show(active, replace(job, locks=context.locks_held))
        hooks = unit.hooks(plan)
        if hooks is not None:
            await context.run_hooks(hooks, "pre", hooks.pre_nodes)
        if op.dry_run:
            context.info(DRY_RUN_TEXT)
            context.log_entry(PLAN_ENTRY, _shown_plan(plan))
            await self._succeed(active, index, unit.dry_result(plan))
            return
        result = await unit.execute(plan)
        with active.protect():
            result = await self._run_post_hooks(active, index, context, unit, plan, hooks, result)
            await self._succeed(active, index, result)

    def _opcode(self, active: ActiveJob, index: int) -> OpCode:
        if active.ops is not None:
            return active.ops[index]
        stored = unsealed(active.job.ops[index].input, self._box)
        return decode_opcode(codec.encode(stored))

    def _unit(self, op: OpCode, active: ActiveJob, index: int, context: Context) -> Unit[Any, Any]:
        name = active.job.ops[index].op_id
        kind = self._units.get(name)
        if kind is None:
            raise OpCodeUnknown(f"There is no operation {name}")
        return kind(op, context)

    async def _check_dependencies(self, active: ActiveJob, index: int) -> None:
        """
        Wait until all jobs that the opcode depends on are final, and look how they ended.

        @raise OpPrereqError: one ended in a state that does not let this go on.
        """
        own = active.job.id
        for job_id, states in dependencies_of(active.job.ops[index]):
            status = await self._final_status(own, job_id)
            if not states or status.value in states:
                continue
            if status is JobStatus.CANCELED:
                raise _DependencyCanceled(f"Job {job_id}, which this one waits for, was canceled")
            raise OpPrereqError(
                f"Job {own} depends on job {job_id} to end in {' or '.join(sorted(states))},"
                f" and it ended in {status}",
                ErrorCode.WRONG_STATE,
            )

    async def _final_status(self, own: int, job_id: int) -> JobStatus:
        if job_id >= own:
            what = "itself" if job_id == own else f"job {job_id}, which came after it"
            raise OpPrereqError(f"Job {own} depends on {what}", ErrorCode.WRONG_INPUT)
        while True:
            job = self._s.jobs.get(job_id)
            if job is None:
                job = await self._s.store.journal.archived_job(job_id)
            if job is None:
                raise JobLost(f"Job {own} depends on job {job_id}, which is not there")
            if is_final(job):
                return job_status(job)
            await self._s.jobs.changed(job_id)

    async def _lock_and_plan(
        self, active: ActiveJob, index: int, op: OpCode, context: Context
    ) -> tuple[Unit[Any, Any], Any]:
        """
        Take the unit's locks and let it plan.

        What it needs is asked again after the grant, and may grow: then all is
        given back and asked for together, in the same place in the queue.
        """
        owner = active.job.id
        locks = self._s.locks
        wanted = self._wanted(self._unit(op, active, index, context))
        await locks.acquire(owner, wanted, job_priority(active.job))
        for _ in range(LOCK_ATTEMPTS):
            self._check_stopping()
            unit = self._unit(op, active, index, context)
            more = self._wanted(unit)
            if covers(locks.held(owner), more):
                try:
                    return unit, await unit.plan()
                except NeedLocks as need:
                    more = wanted_from_locks(need.more)
                    self._release_reservations(active)
            await locks.again(owner, merge(locks.held(owner), more))
        name = active.job.ops[index].op_id
        raise LockError(f"What {name} has to lock changed {LOCK_ATTEMPTS} times; try again")

    def _wanted(self, unit: Unit[Any, Any]) -> dict[Key, LockMode]:
        wanted = wanted_from_locks(unit.locks(self._s.store.committed))
        wanted.setdefault((Level.CLUSTER, BGL), LockMode.SHARED)
        return wanted

    def _check_stopping(self) -> None:
        if self.stopping:
            raise CancelledError

    def _release_reservations(self, active: ActiveJob) -> None:
        self._s.reservations.release(job_owner(active.job.id))
        active.job = replace(active.job, reservations=())

    # -- success

    async def _run_post_hooks(
        self,
        active: ActiveJob,
        index: int,
        context: Context,
        unit: Unit[Any, Any],
        plan: Any,
        hooks: HookPlan | None,
        result: Any,
    ) -> Any:
        """
        Run what has to run after the operation; its failures are lines in the log.

        The operation is past its point of no return then: a crash meanwhile ends it well.
        """
        planned = [] if hooks is None else [(hooks, hooks.post_nodes)]
        if context.changed_config:
            planned.append(self._config_update(hooks))
        planned = [(each, nodes) for each, nodes in planned if nodes]
        if not planned:
            return result
        if active.stored_running:
            result = await self._pass_return(active, index, result)
        after = unit.hooks_after(plan)
        for each, nodes in planned:
            await context.run_hooks(each, "post", nodes, after)
        return result

    def _config_update(self, hooks: HookPlan | None) -> tuple[HookPlan, tuple[str, ...]]:
        env = {} if hooks is None else hooks.env
        plan = HookPlan(path=CONFIG_UPDATE, object_type="", env=env)
        return plan, (self._s.store.committed.config.cluster.master_node,)

    async def _pass_return(self, active: ActiveJob, index: int, result: Any) -> Any:
        plain, children = self._with_children(result)
        done = Finish(op=index, step=0, actions=(), result=plain)
        await self._store_children(active, replace(active.job, recovery=(done,)), children)
        return plain

    async def _succeed(self, active: ActiveJob, index: int, result: Any) -> None:
        """The opcode's success, its result and the jobs it made, in one commit."""
        while True:
            plain, children = self._with_children(result)
            job = transitions.succeeded(active.job, index, plain, self._s.now_ns())
            try:
                await self._store_children(active, job, children)
                break
            except StorageError:
                await self._s.store.when_writable()
        self._s.reservations.release(job_owner(job.id))

    def _with_children(self, result: Any) -> tuple[Any, list[tuple[Job, tuple[OpCode, ...]]]]:
        """A result as plain JSON, and the jobs that it brings along."""
        if not isinstance(result, ResultWithJobs):
            return codec.to_builtins(result), []
        assert self.children is not None
        built = self.children.build(self._s.store.head, result.jobs)
        answers = [[True, job.id] for job in built]
        plain = {**codec.to_builtins(dict(result.other)), "jobs": answers}
        return plain, list(zip(built, result.jobs, strict=True))

    async def _store_children(
        self, active: ActiveJob, job: Job, children: list[tuple[Job, tuple[OpCode, ...]]]
    ) -> None:
        def change(state: State) -> Delta:
            if children and children[0][0].id != state.queue.last_job_id + 1:
                raise ProgrammerError("Job ids were given twice")
            return tuple(put(child) for child, _ in children)

        await self._s.jobs.save(active, job, change)
        for child, ops in children:
            assert self.children is not None
            self.children.stored(child, ops)

    # -- failure and recovery

    async def _recover(self, active: ActiveJob, index: int, context: Context) -> None:
        """Bring an interrupted opcode to an end: forward, by its unit, or back (by raising)."""
        records = [record for record in active.job.recovery if record.op == index]
        last = records[-1] if records else None
        with active.protect():
            if isinstance(last, Finish):
                await self._s.recoverer.complete(active, last, context.warn)
                await self._succeed(active, index, last.result)
            elif isinstance(last, Settle):
                unit = self._unit(self._opcode(active, index), active, index, context)
                await self._succeed(active, index, await unit.settle(last.stage, last.data))
            elif records:
                raise OpExecError(f"{INTERRUPTED_TEXT}; what it had done was undone")
            else:
                raise OpExecError(INTERRUPTED_TEXT)

    async def _fail(self, active: ActiveJob, index: int, error: Exception) -> None:
        """Undo what the opcode did and end the job; waits while nothing can be written."""
        with active.protect():
            outcome = await self._s.recoverer.undo(active, index)
            debts = outcome.debts + (error.debts if isinstance(error, FinishFailed) else [])
            debts = _with_reservations(debts, active.job)
            result = _explained(encode_error(error), outcome.failures)
            while True:
                job = self._ended_job(active.job, index, error, result)
                try:
                    await self._s.jobs.save(active, job, lambda _: tuple(map(put, debts)))
                    break
                except StorageError:
                    await self._s.store.when_writable()
        self._s.reservations.release(job_owner(job.id))
        for debt in debts:
            self._s.reservations.reserve(debt_owner(debt.uuid), debt.reservations)

    def _ended_job(self, job: Job, index: int, error: Exception, result: Any) -> Job:
        now_ns = self._s.now_ns()
        status = job.ops[index].status
        if isinstance(error, _DependencyCanceled):
            return transitions.canceled(job, now_ns, str(error))
        if status is OpStatus.CANCELING or (
            isinstance(error, JobCanceled) and status is not OpStatus.RUNNING
        ):
            return transitions.canceled(job, now_ns)
        return transitions.failed(job, index, result, now_ns)


def _explained(wire: list[Any], failures: list[str]) -> list[Any]:
    """An encoded error with what could not be undone behind its text."""
    if not failures:
        return wire
    text = "; what was begun could not be undone completely: " + "; ".join(failures)
    name, args = wire
    if args and isinstance(args[0], str):
        return [name, [args[0] + text, *args[1:]]]
    return [name, [*args, text]]


def _with_reservations(debts: list[Debt], job: Job) -> list[Debt]:
    """The last debt keeps what the job had reserved: it is paid last."""
    if not debts:
        return debts
    return [*debts[:-1], replace(debts[-1], reservations=job.reservations)]


def _shown_plan(plan: Any) -> Any:
    """A plan for the log: plain values, without secrets."""
    return msgspec.to_builtins(plan, enc_hook=_shown_value)


def _shown_value(value: Any) -> Any:
    return REDACTED if isinstance(value, Secret) else repr(value)
