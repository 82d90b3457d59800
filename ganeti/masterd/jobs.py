"""The jobs as they are now: those that run may be ahead of what is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from twisted.internet.defer import Deferred

from ganeti.model.delta import Delta, put
from ganeti.model.job import Job, check_transition, is_final
from ganeti.model.state import State
from ganeti.opcodes import OpCode
from ganeti.store.commit import Store

Change = Callable[[State], Delta]


@dataclass(eq=False)
class ActiveJob:
    """
    A job that runs, or waits for its locks.

    @ivar job: the newest form, states included that are not stored (waiting for locks).
    @ivar stored_running: the opcode's state is stored: it may act.
    @ivar cancel_asked: it ends at the next place where it can.
    @ivar protected: how many sections are open that a cancel must not break into.
    @ivar patient_until: how long its recovery waits for nodes that cannot be reached.
    @ivar nodes: that were sent requests, which they keep until told to forget the job.
    """

    job: Job
    ops: tuple[OpCode, ...] | None = None
    task: Deferred[None] | None = None
    stored_running: bool = False
    cancel_asked: bool = False
    protected: int = 0
    nodes: set[str] = field(default_factory=set)
    patient_until: float = 0.0

    @property
    def interrupted(self) -> bool:
        """An earlier life of this daemon had begun to act."""
        return self.patient_until > 0

    @contextmanager
    def protect(self) -> Iterator[None]:
        """Keep a cancel out until the block is left; whoever leaves looks at C{cancel_asked}."""
        self.protected += 1
        try:
            yield
        finally:
            self.protected -= 1

    def cancel(self) -> None:
        """End it at once, or when it leaves its protected section."""
        self.cancel_asked = True
        if not self.protected and self.task is not None:
            self.task.cancel()


class Jobs:
    """
    All jobs that are not archived, and who waits for a change of one.

    A state is shown before it is stored only while the job is on its way; a
    final state is shown when it is committed.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._shown: dict[int, Job] = {}
        self._waiting: dict[int, list[Deferred[None]]] = {}

    def get(self, job_id: int) -> Job | None:
        """The job as it is now; None when there is none, or it is archived."""
        return self._shown.get(job_id) or self._store.committed.jobs.get(job_id)

    def all(self) -> list[Job]:
        """All jobs, by id."""
        stored = self._store.committed.jobs
        return [self._shown.get(job_id) or stored[job_id] for job_id in sorted(stored)]

    def state(self) -> State:
        """The committed state with the jobs as they are now."""
        state = self._store.committed
        return replace(state, jobs=state.jobs.update(self._shown)) if self._shown else state

    def show(self, active: ActiveJob, job: Job) -> None:
        """C{job} is the newest form of C{active}, stored or not; not a final one."""
        check_transition(active.job, job)
        active.job = self._shown[job.id] = job
        self.notify(job.id)

    async def save(self, active: ActiveJob, job: Job, change: Change | None = None) -> State:
        """
        Store C{job}, the next form of C{active}, together with C{change}.

        It is shown when it is committed; when it cannot be, C{active} stays as it was.
        """
        before = active.job
        check_transition(before, job)
        active.job = job
        try:
            state = await self._store.commit(
                lambda state: (*(change(state) if change is not None else ()), put(job))
            )
        except BaseException:
            active.job = before
            raise
        if is_final(job):
            self._shown.pop(job.id, None)
        else:
            self._shown[job.id] = job
        self.notify(job.id)
        return state

    def notify(self, job_id: int) -> None:
        """Something about the job changed: its state, its log, or it is gone."""
        for waiter in self._waiting.pop(job_id, ()):
            waiter.callback(None)

    def watch(self, job_id: int) -> Deferred[None]:
        """
        Fires at the next L{notify}; hand it to L{unwatch} when that is of no interest any more.

        Who looks at a job in more than one step has to watch it before the first.
        """
        waiter: Deferred[None] = Deferred(lambda waiter: self.unwatch(job_id, waiter))
        self._waiting.setdefault(job_id, []).append(waiter)
        return waiter

    async def changed(self, job_id: int) -> None:
        """Wait for the next L{notify}."""
        await self.watch(job_id)

    def unwatch(self, job_id: int, waiter: Deferred[None]) -> None:
        """Let go of what L{watch} gave; it does not fire any more."""
        waiting = self._waiting.get(job_id, [])
        if waiter in waiting:
            waiting.remove(waiter)
        if not waiting:
            self._waiting.pop(job_id, None)
