"""How an opcode ends: its result, or its error after what it did was undone, in one commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from msgspec.structs import replace

from ganeti.errors import (
    GanetiError,
    JobCanceled,
    ProgrammerError,
    StorageError,
    encode_error,
)
from ganeti.masterd import transitions
from ganeti.masterd.context import Services
from ganeti.masterd.jobs import ActiveJob
from ganeti.masterd.recovery import FinishFailed
from ganeti.model import codec
from ganeti.model.delta import Delta, put
from ganeti.model.job import Job, OpStatus
from ganeti.model.recovery import Debt, Finish
from ganeti.model.state import State
from ganeti.opcodes import OpCode
from ganeti.operations.unit import ResultWithJobs
from ganeti.store.reservations import debt_owner, job_owner

Children = list[tuple[Job, tuple[OpCode, ...]]]


class ChildJobs(Protocol):
    """Where jobs made by a job go."""

    def build(self, state: State, jobs: Sequence[Sequence[OpCode]]) -> list[Job]: ...

    def stored(self, job: Job, ops: tuple[OpCode, ...]) -> None: ...


class DependencyCanceled(GanetiError):
    """A job that this one depends on was canceled, so this one is, too."""


class Ending:
    """
    Ends opcodes. While nothing can be written, it waits: what was done has to be told.

    @ivar children: has to be set before the first opcode ends.
    """

    children: ChildJobs

    def __init__(self, services: Services) -> None:
        self._s = services

    # -- success

    async def pass_return(self, active: ActiveJob, index: int, result: Any) -> Any:
        """
        Store C{result} as what recovery ends the opcode with; there is nothing to undo any more.

        @return: the plain result, for L{succeed}.
        """

        def passed(plain: Any) -> Job:
            done = Finish(op=index, step=0, actions=(), result=plain)
            return replace(active.job, recovery=(done,))

        return await self._store_surely(active, result, passed)

    async def succeed(self, active: ActiveJob, index: int, result: Any) -> None:
        """The opcode's success, its result and the jobs it made, in one commit."""

        def succeeded(plain: Any) -> Job:
            return transitions.succeeded(active.job, index, plain, self._s.now_ns())

        await self._store_surely(active, result, succeeded)
        self._s.reservations.release(job_owner(active.job.id))

    async def _store_surely(
        self, active: ActiveJob, result: Any, build: Callable[[Any], Job]
    ) -> Any:
        """Store the job that C{build} makes of the plain result, and the jobs it brings along."""
        while True:
            plain, children = self._with_children(result)
            try:
                await self._store(active, build(plain), children)
                return plain
            except StorageError:
                await self._s.store.when_writable()

    def _with_children(self, result: Any) -> tuple[Any, Children]:
        """A result as plain JSON, and the jobs that it brings along."""
        if not isinstance(result, ResultWithJobs):
            return codec.to_builtins(result), []
        built = self.children.build(self._s.store.head, result.jobs)
        answers = [[True, job.id] for job in built]
        plain = {**codec.to_builtins(dict(result.other)), "jobs": answers}
        return plain, list(zip(built, result.jobs, strict=True))

    async def _store(self, active: ActiveJob, job: Job, children: Children) -> None:
        def change(state: State) -> Delta:
            if children and children[0][0].id != state.queue.last_job_id + 1:
                raise ProgrammerError("Job ids were given twice")
            return tuple(put(child) for child, _ in children)

        await self._s.jobs.save(active, job, change)
        for child, ops in children:
            self.children.stored(child, ops)

    # -- failure

    async def fail(self, active: ActiveJob, index: int, error: Exception) -> None:
        """Undo what the opcode did, and end the job."""
        with active.protect():
            outcome = await self._s.recoverer.undo(active, index)
            debts = outcome.debts + (error.debts if isinstance(error, FinishFailed) else [])
            debts = _with_reservations(debts, active.job)
            result = _explained(encode_error(error), outcome.failures)
            while True:
                job = self._ended(active.job, index, error, result)
                try:
                    await self._s.jobs.save(active, job, lambda _: tuple(map(put, debts)))
                    break
                except StorageError:
                    await self._s.store.when_writable()
        self._s.reservations.release(job_owner(job.id))
        for debt in debts:
            self._s.reservations.reserve(debt_owner(debt.uuid), debt.reservations)

    def _ended(self, job: Job, index: int, error: Exception, result: Any) -> Job:
        now_ns = self._s.now_ns()
        status = job.ops[index].status
        if isinstance(error, DependencyCanceled):
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
