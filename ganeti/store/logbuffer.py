"""Lines of job logs on their way to the disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ganeti.model.delta import JobLog
from ganeti.model.job import LogLine, LogType

LINES_KEPT = 20_000
"""Lines that may wait while nothing can be written; what comes then is counted only."""


class LogBuffer:
    """Numbers log lines, and keeps them until an entry takes them."""

    def __init__(self, serials: Mapping[int, int]) -> None:
        """@param serials: last serial number used in each job's log."""
        self._serials = dict(serials)
        self._lines: dict[int, list[LogLine]] = {}
        self._count = 0
        self._lost: dict[int, int] = {}

    def add(self, job_id: int, time_ns: int, type: str, message: Any, op: int) -> LogLine:
        """Number a line and keep it."""
        serial = self._serials.get(job_id, 0) + 1
        line = LogLine(serial=serial, time_ns=time_ns, type=type, message=message, op=op)
        if self._count >= LINES_KEPT:
            self._lost[job_id] = self._lost.get(job_id, 0) + 1
            return line
        self._serials[job_id] = serial
        self._lines.setdefault(job_id, []).append(line)
        self._count += 1
        lost = self._lost.pop(job_id, 0)
        if lost:
            text = f"{lost} earlier lines are lost: they could not be written"
            self.add(job_id, time_ns, LogType.MESSAGE, text, op)
        return line

    def waiting(self) -> tuple[JobLog, ...]:
        """What an entry should take."""
        return tuple(JobLog(job_id=job, lines=tuple(lines)) for job, lines in self._lines.items())

    def take(self) -> None:
        """An entry has taken what is waiting."""
        self._lines.clear()
        self._count = 0

    def put_back(self, logs: Iterable[JobLog]) -> None:
        """The entries that took these were not written."""
        earlier: dict[int, list[LogLine]] = {}
        for log in logs:
            earlier.setdefault(log.job_id, []).extend(log.lines)
            self._count += len(log.lines)
        for job_id, lines in earlier.items():
            self._lines[job_id] = lines + self._lines.get(job_id, [])

    def forget(self, job_ids: Iterable[int]) -> None:
        """These jobs write no more lines."""
        for job_id in job_ids:
            self._serials.pop(job_id, None)
