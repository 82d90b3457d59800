"""
Which queued jobs may start now.

Pure: a data structure that is told what happened (queued, ended, priority
changed) and asked what to start. The order is priority, then job id. A job
starts when none of its dependencies is open, when no limit that counts it is
reached, and when fewer than C{max_running} jobs run. Each answer costs time in
the jobs it starts, not in the jobs that wait.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from heapq import heappop, heappush


@dataclass(frozen=True)
class Limit:
    """At most C{at_most} running jobs may carry this name: a filter rule or a reason set it."""

    name: str
    at_most: int


@dataclass(frozen=True)
class Queued:
    """A job that waits for its start."""

    job_id: int
    priority: int = 0
    depends: frozenset[int] = frozenset()
    limits: tuple[Limit, ...] = ()
    paused: bool = False

    @property
    def place(self) -> tuple[int, int]:
        return (self.priority, self.job_id)


_Heap = list[tuple[int, int]]


class Scheduler:
    """Chooses jobs to start; knows queued and running jobs, and nothing else about them."""

    def __init__(self, max_running: int = 20) -> None:
        self.max_running = max_running
        self._queued: dict[int, Queued] = {}
        self._running: dict[int, tuple[Limit, ...]] = {}
        self._open: dict[int, set[int]] = {}
        self._dependents: dict[int, set[int]] = {}
        self._ready: _Heap = []
        self._parked: dict[str, _Heap] = {}
        self._counts: dict[str, int] = {}

    def enqueue(self, job: Queued) -> None:
        """Take C{job} into the queue, or replace what is known of it (priority, limits, paused)."""
        known = self._queued.get(job.job_id)
        self._queued[job.job_id] = job
        if known is None:
            self._wait_for(job)
        if not self._open.get(job.job_id):
            heappush(self._ready, job.place)

    def withdraw(self, job_id: int) -> bool:
        """Take a queued job out (cancelled, refused); its dependents are told by C{ended}."""
        if self._queued.pop(job_id, None) is None:
            return False
        for other in self._open.pop(job_id, ()):
            self._dependents[other].discard(job_id)
        return True

    def adopt(self, job_id: int, limits: tuple[Limit, ...] = ()) -> None:
        """Enter a job as running without choosing it: an interrupted one at start."""
        self._running[job_id] = limits
        for limit in limits:
            self._counts[limit.name] = self._counts.get(limit.name, 0) + 1

    def ended(self, job_id: int) -> None:
        """C{job_id} is final, whether it ran or not: what it kept from starting may start."""
        for limit in self._running.pop(job_id, ()):
            self._release(limit.name)
        for other in self._dependents.pop(job_id, ()):
            still_open = self._open[other]
            still_open.discard(job_id)
            if not still_open:
                heappush(self._ready, self._queued[other].place)

    def choose(self) -> list[int]:
        """The jobs to start now, first to be started first; they count as running from here on."""
        chosen: list[int] = []
        for name in list(self._parked):
            self._wake(name)
        while self._ready and len(self._running) < self.max_running:
            place = heappop(self._ready)
            job = self._queued.get(place[1])
            if job is None or job.place != place or job.paused or self._open.get(job.job_id):
                continue
            full = self._full_limit(job.limits)
            if full is None:
                self._start(job)
                chosen.append(job.job_id)
            else:
                heappush(self._parked.setdefault(full, []), place)
            for limit in job.limits:
                self._wake(limit.name)
        return chosen

    def queued(self) -> Collection[int]:
        return self._queued.keys()

    def running(self) -> Collection[int]:
        return self._running.keys()

    def get(self, job_id: int) -> Queued | None:
        """What is known of a queued job."""
        return self._queued.get(job_id)

    def _wait_for(self, job: Queued) -> None:
        if not job.depends:
            return
        self._open[job.job_id] = set(job.depends)
        for other in job.depends:
            self._dependents.setdefault(other, set()).add(job.job_id)

    def _start(self, job: Queued) -> None:
        del self._queued[job.job_id]
        self._open.pop(job.job_id, None)
        self.adopt(job.job_id, job.limits)

    def _full_limit(self, limits: tuple[Limit, ...]) -> str | None:
        for limit in limits:
            if self._counts.get(limit.name, 0) >= limit.at_most:
                return limit.name
        return None

    def _release(self, name: str) -> None:
        self._counts[name] -= 1
        if not self._counts[name]:
            del self._counts[name]

    def _wake(self, name: str) -> None:
        """If the limit C{name} has room, put the first job parked under it back among the ready."""
        heap = self._parked.get(name, [])
        while heap:
            job = self._queued.get(heap[0][1])
            if job is None or job.place != heap[0] or job.paused:
                heappop(heap)
                continue
            full = self._full_limit(job.limits)
            if full == name:
                return
            heappush(
                self._ready if full is None else self._parked.setdefault(full, []), heappop(heap)
            )
            # One that has lost the limit meanwhile takes no room in it.
            if full is None and any(limit.name == name for limit in job.limits):
                break
        if not heap:
            self._parked.pop(name, None)
