"""Logs of jobs: those of jobs that run, and of the last ones that ran, are at hand."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from ganeti.masterd.jobs import Jobs
from ganeti.model.job import LogLine, LogType
from ganeti.store.commit import Store

RECENT_LINES = 20_000


class LogBook:
    """Writes and reads log lines. A line is seen at once, and stored soon."""

    def __init__(self, store: Store, jobs: Jobs) -> None:
        self._store = store
        self._jobs = jobs
        self._open: dict[int, list[LogLine]] = {}
        self._ended: OrderedDict[int, list[LogLine]] = OrderedDict()
        self._ended_lines = 0

    async def begin(self, job_id: int, *, restarted: bool) -> None:
        """Keep the log of C{job_id} at hand; C{restarted}: it may have lines already."""
        self._open[job_id] = await self._store.journal.job_log(job_id) if restarted else []

    def end(self, job_id: int) -> None:
        """The job is final: its log is among the recent ones from here on."""
        lines = self._ended[job_id] = self._open.pop(job_id, [])
        self._ended_lines += len(lines) + 1
        while self._ended_lines > RECENT_LINES:
            _, oldest = self._ended.popitem(last=False)
            self._ended_lines -= len(oldest) + 1

    def add(self, job_id: int, op: int, message: Any, kind: str = LogType.MESSAGE) -> None:
        """Append a line that opcode C{op} of the job has to say."""
        self._open.setdefault(job_id, []).append(self._store.add_log(job_id, kind, message, op))
        self._jobs.notify(job_id)

    def recent(self, job_id: int, after: int = 0) -> list[LogLine] | None:
        """Lines with serial numbers above C{after}; None when they have to be read first."""
        lines = self._open.get(job_id)
        if lines is None:
            lines = self._ended.get(job_id)
        if lines is None:
            return None
        return [line for line in lines if line.serial > after]

    async def lines(self, job_id: int, after: int = 0) -> list[LogLine]:
        """Lines with serial numbers above C{after}, of any job, archived or not."""
        lines = self.recent(job_id, after)
        return await self._store.journal.job_log(job_id, after) if lines is None else lines
