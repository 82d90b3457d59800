"""
Run a job: its opcodes one after another, each from its locks to its result.

An opcode waits for what it depends on and for its locks, plans (reads only),
runs its pre hooks, acts step by step, runs its post hooks, and ends in one
commit with its result. Whatever fails, what it did is undone first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
)
from ganeti.masterd import transitions
from ganeti.masterd.context import Context, Services
from ganeti.masterd.ending import DependencyCanceled, Ending
from ganeti.masterd.hooks import CONFIG_UPDATE
from ganeti.masterd.jobs import ActiveJob
from ganeti.masterd.locktable import (
    Key,
    covers,
    merge,
    wanted_from_locks,
)
from ganeti.masterd.secrets import SecretBox, unsealed
from ganeti.masterd.submission import dependencies_of
from ganeti.model import codec
from ganeti.model.job import JobStatus, is_final, job_priority, job_status
from ganeti.model.locks import BGL, Level, LockMode
from ganeti.model.recovery import Finish, Settle
from ganeti.opcodes import OpCode, decode_opcode
from ganeti.opcodes.base import op_id, summary
from ganeti.operations.describing import show_plan
from ganeti.operations.unit import HookPlan, NeedLocks, Unit
from ganeti.store.reservations import job_owner

LOCK_ATTEMPTS = 5
DRY_RUN_TEXT = "dry-run mode requested, not actually executing the operation"
INTERRUPTED_TEXT = (
    "The operation was interrupted by a restart of the master daemon; what it had begun is undone"
)
PLAN_ENTRY = "plan"
"""Type of the log entry that holds a dry run's plan."""


class Processor:
    """Runs jobs; one call of L{run} or L{resume} per job."""

    log = Logger()

    def __init__(
        self,
        services: Services,
        units: Mapping[str, type[Unit[Any, Any]]],
        box: SecretBox,
        ending: Ending,
    ) -> None:
        self._s = services
        self._ending = ending
        self._units = units
        self._box = box
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
            await self._ending.fail(active, index, error)
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
        context.check_canceled()
        await self._check_dependencies(active, index)
        op = self._opcode(active, index)
        unit, plan = await self._lock_and_plan(active, index, op, context)
        job = transitions.running(active.job, index, self._s.now_ns())
        self._s.jobs.show(active, replace(job, locks=context.locks_held))
        hooks = unit.hooks(plan)
        if hooks is not None:
            await context.run_pre_hooks(hooks)
        if op.dry_run:
            context.info(DRY_RUN_TEXT)
            context.log_entry(PLAN_ENTRY, _shown_plan(op, unit, plan))
            await self._ending.succeed(active, index, unit.dry_result(plan))
            return
        result = await unit.execute(plan)
        with active.protect():
            result = await self._run_post_hooks(active, index, context, unit, plan, hooks, result)
            await self._ending.succeed(active, index, result)

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
                raise DependencyCanceled(f"Job {job_id}, which this one waits for, was canceled")
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
            result = await self._ending.pass_return(active, index, result)
        after = unit.hooks_after(plan)
        for each, nodes in planned:
            await context.run_hooks(each, "post", nodes, after)
        return result

    def _config_update(self, hooks: HookPlan | None) -> tuple[HookPlan, tuple[str, ...]]:
        env = {} if hooks is None else hooks.env
        plan = HookPlan(path=CONFIG_UPDATE, object_type="", env=env)
        return plan, (self._s.store.committed.config.cluster.master_node,)

    # -- recovery

    async def _recover(self, active: ActiveJob, index: int, context: Context) -> None:
        """Bring an interrupted opcode to an end: forward, by its unit, or back (by raising)."""
        records = [record for record in active.job.recovery if record.op == index]
        last = records[-1] if records else None
        with active.protect():
            if isinstance(last, Finish):
                await self._s.recoverer.complete(active, last, context.warn)
                await self._ending.succeed(active, index, last.result)
            elif isinstance(last, Settle):
                unit = self._unit(self._opcode(active, index), active, index, context)
                await self._ending.succeed(active, index, await unit.settle(last.stage, last.data))
            else:
                raise OpExecError(INTERRUPTED_TEXT)


def _shown_plan(op: OpCode, unit: Unit[Any, Any], plan: Any) -> dict[str, Any]:
    """A plan for the log."""
    return {
        "OP_ID": op_id(op),
        "operation": summary(op),
        "steps": list(unit.describe(plan)),
        "plan": show_plan(plan),
    }
