"""What clients do with jobs that are there: cancel, hurry, archive, wait for a change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ganeti.errors import JobLost, OpPrereqError
from ganeti.masterd import transitions
from ganeti.masterd.joblog import LogBook
from ganeti.masterd.jobs import ActiveJob, Jobs
from ganeti.masterd.locks import LockManager
from ganeti.masterd.queue import JobQueue
from ganeti.model import codec
from ganeti.model.delta import ArchiveJob, Delta, put
from ganeti.model.job import Job, JobStatus, LogLine, is_final, job_priority, job_status
from ganeti.model.state import State
from ganeti.store.commit import Store
from ganeti.utils.aio import with_timeout

CANCEL_LIMIT_S = 44.0
WAIT_LIMIT_S = 89.0
ARCHIVE_BATCH = 200

Answer = tuple[bool, str]
Values = Callable[[Job, Sequence[str]], Awaitable[list[Any]]]


class JobControl:
    """Requests about single jobs, and the archive."""

    def __init__(
        self,
        store: Store,
        clock: IReactorTime,
        jobs: Jobs,
        logs: LogBook,
        queue: JobQueue,
        locks: LockManager,
    ) -> None:
        self._store = store
        self._clock = clock
        self._jobs = jobs
        self._logs = logs
        self._queue = queue
        self._locks = locks

    # -- cancel

    async def cancel(self, job_id: int, kill: bool) -> Answer:
        """
        End a job that has not started to act; with C{kill} also one that acts, at its next step.

        @return: whether it will end, and a text about it.
        """
        if await self._queue.dequeue(job_id):
            return True, f"Dequeued job {job_id}"
        active = self._queue.active(job_id)
        if active is None or is_final(active.job):
            return False, f"Job {job_id} not found in queue"
        if job_status(active.job) is JobStatus.RUNNING:
            return self._cancel_running(active, kill)
        self._jobs.show(active, transitions.canceling(active.job))
        active.cancel()
        return await self._wait_for_cancel(job_id)

    def _cancel_running(self, active: ActiveJob, kill: bool) -> Answer:
        if not kill:
            return False, "Job no longer waiting, can't cancel"
        active.cancel()
        return True, f"Job {active.job.id} ends at its next step"

    async def _wait_for_cancel(self, job_id: int) -> Answer:
        late = OpPrereqError(f"Job {job_id} did not end within {CANCEL_LIMIT_S:g} s")
        try:
            job = await with_timeout(self._final(job_id), CANCEL_LIMIT_S, self._clock, late)
        except OpPrereqError as err:
            return False, str(err)
        status = job_status(job)
        if status is JobStatus.CANCELED:
            return True, "Job successfully cancelled"
        text = f"Job exited before it could have been canceled, status {status}"
        return False, text

    async def _final(self, job_id: int) -> Job:
        while True:
            job = await self.find(job_id)
            if is_final(job):
                return job
            await self._jobs.changed(job_id)

    # -- priority

    async def change_priority(self, job_id: int, priority: int) -> Answer:
        """
        Give all opcodes that have not ended another priority.

        @raise OpPrereqError: it is out of range.
        """
        if not -20 <= priority <= 19:
            raise OpPrereqError(f"Priority {priority} is not between -20 and 19", "wrong_input")
        job = self._jobs.get(job_id)
        if job is None or is_final(job):
            return False, f"Job {job_id} not found in queue"
        await self._store.commit(lambda state: _reprioritised(state, job_id, priority))
        active = self._queue.active(job_id)
        if active is not None:
            self._jobs.show(active, transitions.with_priority(active.job, priority))
            self._locks.reprioritise(job_id, job_priority(active.job))
        else:
            self._queue.requeue(job_id)
        self._jobs.notify(job_id)
        text = f"Priorities of pending opcodes for job {job_id} have been changed to {priority}"
        return True, text

    # -- archive

    async def archive(self, job_id: int) -> bool:
        """Move a final job to the archive; False when it is not there, or not final."""
        return await self._archive([job_id]) == 1

    async def auto_archive(self, age_s: int, timeout_s: float) -> tuple[int, int]:
        """
        Archive jobs that ended C{age_s} seconds ago or earlier (-1: all that are final).

        @return: how many were archived, and how many could not be looked at in time.
        """
        until = self._clock.seconds() + timeout_s
        limit_ns = int((self._clock.seconds() - age_s) * 1e9)
        due = [
            job.id
            for job in self._store.committed.jobs.values()
            if is_final(job) and (age_s < 0 or (job.ended or job.started or 0) <= limit_ns)
        ]
        due.sort()
        archived = place = 0
        while place < len(due) and self._clock.seconds() <= until:
            archived += await self._archive(due[place : place + ARCHIVE_BATCH])
            place += ARCHIVE_BATCH
        return archived, max(0, len(due) - place)

    async def _archive(self, job_ids: Sequence[int]) -> int:
        moved: list[int] = []

        def change(state: State) -> Delta:
            moved[:] = [i for i in job_ids if i in state.jobs and is_final(state.jobs[i])]
            return tuple(ArchiveJob(job_id=job_id) for job_id in moved)

        await self._store.commit(change)
        for job_id in moved:
            self._jobs.notify(job_id)
        return len(moved)

    # -- looking

    async def find(self, job_id: int) -> Job:
        """
        A job, archived or not.

        @raise JobLost: there is none.
        """
        job = self._jobs.get(job_id) or await self._store.journal.archived_job(job_id)
        if job is None:
            raise JobLost("Error checking job status: Can't load job file")
        return job

    async def wait_for_change(
        self,
        job_id: int,
        values: Callable[[Job], Awaitable[list[Any]]],
        previous: list[Any] | None,
        previous_serial: int | None,
        timeout_s: float,
    ) -> tuple[list[Any], list[list[Any]]]:
        """
        The values and the new log entries, as soon as there is something new or the job is final.

        @param values: the fields asked for, of the job as it is.
        @raise JobLost: there is no such job.
        """
        deadline = self._clock.seconds() + min(timeout_s, WAIT_LIMIT_S)
        while True:
            change = self._jobs.watch(job_id)
            try:
                job = await self.find(job_id)
                found = await values(job)
                lines = await self._logs.lines(job_id, previous_serial or 0)
                left_s = deadline - self._clock.seconds()
                if lines or is_final(job) or left_s <= 0 or _differs(found, previous):
                    return found, [log_entry(line) for line in lines]
                await self._within(change, left_s)
            finally:
                self._jobs.unwatch(job_id, change)

    async def _within(self, change: Deferred[None], limit_s: float) -> None:
        try:
            await with_timeout(change, limit_s, self._clock, _Late())
        except _Late:
            return


class _Late(Exception):
    """Nothing changed in time."""


def _differs(found: list[Any], previous: list[Any] | None) -> bool:
    """Compared as they travel: the previous ones have been JSON."""
    travelled: Any = codec.decode(codec.encode(found), Any)
    return bool(travelled != previous)


def log_entry(line: LogLine) -> list[Any]:
    """A log line as it travels: C{[serial, [seconds, microseconds], type, message]}."""
    return [line.serial, split_time(line.time_ns), line.type, line.message]


def split_time(time_ns: int) -> list[int]:
    """Seconds and microseconds."""
    return [time_ns // 10**9, time_ns % 10**9 // 1000]


def _reprioritised(state: State, job_id: int, priority: int) -> Delta:
    job = state.jobs.get(job_id)
    if job is None or is_final(job):
        return ()
    return (put(transitions.with_priority(job, priority)),)
