"""Fields of jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ganeti.errors import GanetiError
from ganeti.model import codec
from ganeti.model.job import Job, JobOp, LogLine, job_priority, job_status
from ganeti.opcodes import decode_opcode, summary
from ganeti.query.fields import UNAVAILABLE, Field, Kind, Matching, Need, Resource, table
from ganeti.query.view import View

SECRET_KEYS = ("osparams_secret",)
REDACTED = "<redacted>"

Timestamp = list[int]


@dataclass(frozen=True, slots=True)
class LostJob:
    """A job that was asked for and is not there."""

    id: int


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job, or an id that none has."""

    found: Job | LostJob
    view: View

    @property
    def job(self) -> Job | None:
        """None: there is none."""
        return self.found if isinstance(self.found, Job) else None


def _split(time_ns: int | None) -> Timestamp | None:
    """Seconds and microseconds."""
    return None if time_ns is None else [time_ns // 10**9, time_ns % 10**9 // 1000]


def log_entry(line: LogLine) -> list[Any]:
    """C{[serial, [seconds, microseconds], type, message]}."""
    return [line.serial, _split(line.time_ns), line.type, line.message]


def op_summary(op: JobOp) -> str:
    """One line that names operation and object; the bare name when it cannot be read."""
    try:
        return summary(decode_opcode(codec.encode(op.input)))
    except GanetiError:
        return op.op_id.removeprefix("OP_") or "INVALID_OP"


def shown_input(op: JobOp) -> dict[str, Any]:
    """The opcode's fields, with secret values hidden."""
    hidden = {
        key: dict.fromkeys(op.input[key], REDACTED)
        for key in SECRET_KEYS
        if isinstance(op.input.get(key), dict)
    }
    return {**op.input, **hidden} if hidden else op.input


def _of_job(name: str, title: str, kind: Kind, doc: str, get: Callable[[Job], Any]) -> Field:
    return Field(
        name, title, kind, doc, lambda row: UNAVAILABLE if row.job is None else get(row.job)
    )


def _time(name: str, title: str, doc: str, get: Callable[[Job], int | None]) -> Field:
    def value(row: JobRow) -> Any:
        return (row.job and _split(get(row.job))) or UNAVAILABLE

    return Field(name, title, Kind.OTHER, doc, value, matching=Matching.SECONDS)


def _per_op(name: str, title: str, doc: str, get: Callable[[JobOp], Any]) -> Field:
    return _of_job(name, title, Kind.OTHER, doc, lambda job: [get(op) for op in job.ops])


def _logs(row: JobRow) -> Any:
    if row.job is None:
        return UNAVAILABLE
    lines = row.view.logs.get(row.job.id, ())
    places = range(len(row.job.ops))
    return [[log_entry(line) for line in lines if line.op == place] for place in places]


FIELDS = [
    Field("id", "ID", Kind.NUMBER, "Number of the job", lambda row: row.found.id,
          matching=Matching.NUMBER),
    _of_job("status", "Status", Kind.TEXT, "State of the job", job_status),
    _of_job("priority", "Priority", Kind.NUMBER, "Smaller runs first", job_priority),
    Field("archived", "Archived", Kind.BOOL, "Whether it is in the archive",
          lambda row: UNAVAILABLE if row.job is None else row.job.archived, Need.ARCHIVE),
    _of_job("summary", "Summary", Kind.OTHER, "A line for each of its opcodes",
            lambda job: [op_summary(op) for op in job.ops]),
    _time("received_ts", "Received", "When it was submitted", lambda job: job.received),
    _time("start_ts", "Start", "When it began", lambda job: job.started),
    _time("end_ts", "End", "When it ended", lambda job: job.ended),
    _per_op("ops", "OpCodes", "Its opcodes", shown_input),
    _per_op("opstatus", "OpCode_status", "State of each opcode", lambda op: op.status),
    _per_op("opresult", "OpCode_result", "Result of each opcode", lambda op: op.result),
    _per_op("oppriority", "OpCode_prio", "Priority of each opcode", lambda op: op.priority),
    _per_op("opstart", "OpCode_start", "When each opcode began to wait for its locks",
            lambda op: _split(op.started)),
    _per_op("opexec", "OpCode_exec", "When each opcode had its locks",
            lambda op: _split(op.executed)),
    _per_op("opend", "OpCode_end", "When each opcode ended", lambda op: _split(op.ended)),
    Field("oplog", "OpCode_log", Kind.OTHER, "What each opcode logged", _logs, Need.LOGS),
]  # fmt: skip


def _all(view: View) -> Iterable[Job]:
    jobs = {job.id: job for job in view.archived}
    jobs.update(view.state.jobs)
    return [jobs[job_id] for job_id in sorted(jobs)]


def _find(view: View, given: str) -> Job | LostJob | None:
    if not given.isdecimal():
        return None
    job_id = int(given)
    found = view.state.jobs.get(job_id)
    if found is None:
        found = next((job for job in view.archived if job.id == job_id), None)
    return found or LostJob(job_id)


JOB = Resource(
    name="job", label="Job", key="id", fields=table(FIELDS), objects=_all, row=JobRow, find=_find
)
