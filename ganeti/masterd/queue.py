"""
The job queue: what may be submitted, cancelled, archived, and what runs next.

Ids rise and are never used again: they are given in the commit that stores the
job. Jobs that wait for their start are known to the scheduler, those that run
are tasks of this service.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence

from msgspec.structs import replace
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ganeti.errors import GanetiError, JobQueueFull, OpPrereqError
from ganeti.masterd import transitions
from ganeti.masterd.filters import Verdict, judge
from ganeti.masterd.jobs import ActiveJob, Jobs
from ganeti.masterd.scheduler import Queued, Scheduler
from ganeti.masterd.secrets import SecretBox, sealed
from ganeti.masterd.submission import build_job, dependencies_of
from ganeti.model.delta import Delta, put
from ganeti.model.job import Job, is_final, job_priority
from ganeti.model.state import State
from ganeti.opcodes import OpCode
from ganeti.store.commit import Store

QUEUE_LIMIT = 50_000
"""Jobs that are not final; Ganeti's limit of 5,000 counted files in a directory."""
PATIENCE_S = 10.0
"""How long recovery waits at start for nodes that are starting, too."""

Runner = Callable[[ActiveJob], Awaitable[None]]


class JobQueue:
    """Accepts jobs and starts them in the scheduler's order."""

    log = Logger()

    def __init__(
        self,
        store: Store,
        clock: IReactorTime,
        jobs: Jobs,
        run: Runner,
        box: SecretBox,
        limit: int = QUEUE_LIMIT,
    ) -> None:
        """@param run: runs one job to its end; it raises only when this daemon stops."""
        self._store = store
        self._clock = clock
        self._jobs = jobs
        self._run = run
        self._box = box
        self._limit = limit
        self._scheduler = Scheduler()
        self._active: dict[int, ActiveJob] = {}
        self._decoded: dict[int, tuple[OpCode, ...]] = {}
        self._choosing = False
        self._choose_again = False
        self._open = False

    # -- start and stop

    def open(self) -> None:
        """Begin to start jobs; interrupted ones have been adopted before."""
        for job in self._jobs.all():
            if job.id not in self._active and not is_final(job):
                self._enqueue(job)
        self._open = True
        self.schedule()

    def adopt(self, job: Job, run: Runner) -> None:
        """Run an interrupted job, which counts as running from here on."""
        self._scheduler.adopt(job.id, self._judge(job).limits)
        patient_until = self._clock.seconds() + PATIENCE_S
        self._start(ActiveJob(job, stored_running=True, patient_until=patient_until), run)

    def close(self) -> list[Deferred[None]]:
        """
        Start no more jobs; return the tasks that run.

        What has not acted yet is left at once: it starts anew at the next start.
        """
        self._open = False
        tasks = [active.task for active in self._active.values() if active.task is not None]
        for active in list(self._active.values()):
            if active.task is not None and not active.stored_running and not active.protected:
                active.task.cancel()
        return tasks

    # -- submitting

    async def submit(
        self, jobs: Sequence[Sequence[OpCode]], *, even_if_drained: bool = False
    ) -> list[int | GanetiError]:
        """
        Store jobs in one commit; negative dependencies count back from the job's own id.

        @return: for each its id, or why it was refused.
        @raise GanetiError: the queue is drained, or full; none was taken.
        """
        built: list[Job | GanetiError] = []

        def store(state: State) -> Delta:
            self._check_room(state, len(jobs), even_if_drained)
            built[:] = self._build(jobs, state.queue.last_job_id)
            return tuple(put(job) for job in built if isinstance(job, Job))

        await self._store.commit(store)
        for job, ops in zip(built, jobs, strict=True):
            if isinstance(job, Job) and ops:
                self._decoded[job.id] = tuple(ops)
                await self._accept(job)
        self.schedule()
        return [job.id if isinstance(job, Job) else job for job in built]

    def stored(self, job: Job, ops: tuple[OpCode, ...]) -> None:
        """A job that another one made was stored with it."""
        self._decoded[job.id] = ops
        self._enqueue(job)
        self.schedule()

    def build(self, state: State, jobs: Sequence[Sequence[OpCode]]) -> list[Job]:
        """
        Records of new jobs, to be stored by a change of C{state}.

        @raise OpPrereqError: a dependency points before the first job.
        """
        built = self._build(jobs, state.queue.last_job_id)
        for job in built:
            if not isinstance(job, Job):
                raise job
        return [job for job in built if isinstance(job, Job)]

    def _check_room(self, state: State, count: int, even_if_drained: bool) -> None:
        if state.queue.drained and not even_if_drained:
            raise GanetiError("Queue drained")
        if len(self._scheduler.queued()) + len(self._active) + count > self._limit:
            raise JobQueueFull

    def _build(self, jobs: Sequence[Sequence[OpCode]], last: int) -> list[Job | GanetiError]:
        now_ns = self._now_ns()
        built: list[Job | GanetiError] = []
        for job_id, ops in enumerate(jobs, start=last + 1):
            try:
                built.append(self._sealed(build_job(job_id, ops, now_ns)))
            except OpPrereqError as err:
                built.append(err)
        return built

    def _sealed(self, job: Job) -> Job:
        return replace(
            job, ops=tuple(replace(op, input=sealed(op.input, self._box)) for op in job.ops)
        )

    async def _accept(self, job: Job) -> None:
        if self._judge(job).rejected:
            await self._store_canceled(job.id)
        else:
            self._enqueue(job)

    # -- running

    def schedule(self) -> None:
        """Start what may start. Jobs that end while this runs are seen by the running call."""
        self._choose_again = True
        if self._choosing or not self._open:
            return
        self._choosing = True
        try:
            while self._choose_again:
                self._choose_again = False
                cluster = self._store.committed.config.cluster_record
                if cluster is not None:
                    self._scheduler.max_running = cluster.max_running_jobs
                for job_id in self._scheduler.choose():
                    self._launch(job_id)
        finally:
            self._choosing = False

    def _launch(self, job_id: int) -> None:
        job = self._store.committed.jobs[job_id]
        self._start(ActiveJob(job, ops=self._decoded.pop(job_id, None)), self._run)

    def _start(self, active: ActiveJob, run: Runner) -> None:
        self._active[active.job.id] = active
        active.task = Deferred.fromCoroutine(self._supervise(active, run))

    async def _supervise(self, active: ActiveJob, run: Runner) -> None:
        try:
            await run(active)
        except CancelledError:
            pass  # we stop: it stays as it is until the next start
        except Exception:
            self.log.failure("Job {id} stays as it is until the next start", id=active.job.id)
        del self._active[active.job.id]
        if is_final(active.job):
            self.ended(active.job.id)

    def ended(self, job_id: int) -> None:
        """C{job_id} is final: what waited for it may start."""
        self._scheduler.ended(job_id)
        self.schedule()

    # -- what others ask and change

    def active(self, job_id: int) -> ActiveJob | None:
        """A job that runs or waits for locks."""
        return self._active.get(job_id)

    def queued(self) -> Collection[int]:
        """Jobs that wait for their start."""
        return self._scheduler.queued()

    async def dequeue(self, job_id: int) -> bool:
        """Cancel a job that waits for its start; False when it does not."""
        if not self._scheduler.withdraw(job_id):
            return False
        try:
            await self._store_canceled(job_id)
        except BaseException:
            self._enqueue(self._store.committed.jobs[job_id])
            raise
        return True

    def requeue(self, job_id: int) -> None:
        """What decides about a queued job has changed: its priority, or the rules."""
        job = self._store.committed.jobs.get(job_id)
        if job is not None and job_id in self._scheduler.queued():
            self._enqueue(job)
            self.schedule()

    async def judge_again(self) -> None:
        """The filter rules have changed."""
        for job_id in list(self._scheduler.queued()):
            if self._judge(self._store.committed.jobs[job_id]).rejected:
                await self.dequeue(job_id)
            else:
                self.requeue(job_id)

    async def _store_canceled(self, job_id: int) -> None:
        now_ns = self._now_ns()
        await self._store.commit(
            lambda state: (put(transitions.canceled(state.jobs[job_id], now_ns)),)
        )
        self._decoded.pop(job_id, None)
        self._jobs.notify(job_id)
        self.ended(job_id)

    def _enqueue(self, job: Job) -> None:
        verdict = self._judge(job)
        self._scheduler.enqueue(
            Queued(
                job_id=job.id,
                priority=job_priority(job),
                depends=frozenset(self._open_dependencies(job)),
                limits=verdict.limits,
                paused=verdict.paused,
            )
        )

    def _open_dependencies(self, job: Job) -> list[int]:
        found = [other for op in job.ops for other, _ in dependencies_of(op) if other < job.id]
        known = [(other, self._jobs.get(other)) for other in found]
        return [other for other, it in known if it is not None and not is_final(it)]

    def _judge(self, job: Job) -> Verdict:
        return judge(job, self._store.committed.config.filters.values())

    def _now_ns(self) -> int:
        return int(self._clock.seconds() * 1e9)
