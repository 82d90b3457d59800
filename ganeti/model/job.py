"""Jobs, their opcodes' states and log, as in Ganeti's job queue."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta, Struct

from ganeti.errors import ProgrammerError
from ganeti.model.locks import HeldLock
from ganeti.model.recovery import Recovery
from ganeti.model.reservation import Reservation

Priority = Annotated[int, Meta(ge=-20, le=19)]


class OpStatus(StrEnum):
    """State of an opcode, in the order comparisons use."""

    QUEUED = "queued"
    WAITING = "waiting"
    CANCELING = "canceling"
    RUNNING = "running"
    CANCELED = "canceled"
    SUCCESS = "success"
    ERROR = "error"


class JobStatus(StrEnum):
    """State of a job, in the order comparisons use."""

    QUEUED = "queued"
    WAITING = "waiting"
    CANCELING = "canceling"
    RUNNING = "running"
    CANCELED = "canceled"
    SUCCESS = "success"
    ERROR = "error"


class LogType(StrEnum):
    """What a log line's message is: text, texts, or an object for programs."""

    MESSAGE = "message"
    MESSAGE_LIST = "message-list"
    REMOTE_IMPORT = "remote-import"
    JQUEUE_TEST = "jqueue-test"
    DELAY_TEST = "delay-test"


class LogLine(Struct, frozen=True, kw_only=True):
    """One entry of a job's log; kept apart from the job, in an append-only table."""

    serial: int
    """From 1, rising within the job."""
    time_ns: int
    type: str
    """A L{LogType}; a later release's other word is kept."""
    message: Any
    op: int = 0
    """Index of the opcode that wrote it."""


class JobOp(Struct, frozen=True, kw_only=True):
    """One opcode of a job. Times are nanoseconds since the epoch."""

    input: dict[str, Any]
    """The opcode as JSON; secret values encrypted."""
    op_id: str
    status: OpStatus = OpStatus.QUEUED
    priority: Priority = 0
    result: Any = None
    started: int | None = None
    """When it began to wait for its locks."""
    executed: int | None = None
    """When it had them."""
    ended: int | None = None


class Job(Struct, frozen=True, kw_only=True):
    """A job as stored. Times are nanoseconds since the epoch."""

    id: Annotated[int, Meta(ge=1)]
    ops: tuple[JobOp, ...]
    received: int | None = None
    started: int | None = None
    ended: int | None = None
    recovery: tuple[Recovery, ...] = ()
    """Of the running opcode, in the order written; undone from the end."""
    locks: tuple[HeldLock, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    archived: bool = False


FINAL = frozenset((OpStatus.CANCELED, OpStatus.SUCCESS, OpStatus.ERROR))
"""States that are never left."""

TRANSITIONS: Mapping[OpStatus, frozenset[OpStatus]] = {
    OpStatus.QUEUED: frozenset((OpStatus.WAITING, OpStatus.CANCELED, OpStatus.ERROR)),
    OpStatus.WAITING: frozenset(
        (
            OpStatus.RUNNING,
            OpStatus.CANCELING,
            OpStatus.CANCELED,
            OpStatus.ERROR,
            OpStatus.QUEUED,
        )
    ),
    OpStatus.CANCELING: frozenset((OpStatus.CANCELED,)),
    OpStatus.RUNNING: frozenset((OpStatus.SUCCESS, OpStatus.ERROR)),
    OpStatus.CANCELED: frozenset(),
    OpStatus.SUCCESS: frozenset(),
    OpStatus.ERROR: frozenset(),
}
"""
Which state may follow which (staying is always legal).

Waiting for locks is not stored: a restart takes a waiting opcode back to queued.
A running job is canceled by ending it with an error.
"""


def job_status(job: Job) -> JobStatus:
    """State of a job, from those of its opcodes, in their order."""
    status = JobStatus.QUEUED
    for op in job.ops:
        match op.status:
            case OpStatus.ERROR | OpStatus.CANCELING | OpStatus.CANCELED:
                return JobStatus(op.status)
            case OpStatus.WAITING | OpStatus.RUNNING:
                status = JobStatus(op.status)
    if all(op.status is OpStatus.SUCCESS for op in job.ops):
        return JobStatus.SUCCESS
    return status


def is_final(job: Job) -> bool:
    """The job has ended."""
    return job_status(job).value in FINAL


def job_priority(job: Job) -> int:
    """The most urgent priority of the opcodes that have not ended; smaller runs first."""
    return min((op.priority for op in job.ops if op.status not in FINAL), default=0)


def check_transition(before: Job | None, after: Job) -> None:
    """
    @raise ProgrammerError: C{after} may not follow C{before} (None: it is new).
    """
    was = [OpStatus.QUEUED] * len(after.ops) if before is None else [op.status for op in before.ops]
    if len(was) != len(after.ops):
        raise ProgrammerError(f"Job {after.id} changed its number of opcodes")
    for place, (old, op) in enumerate(zip(was, after.ops, strict=True)):
        if old is not op.status and op.status not in TRANSITIONS[old]:
            raise ProgrammerError(
                f"Opcode {place} of job {after.id} may not go from {old} to {op.status}"
            )
