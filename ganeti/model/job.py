"""Jobs, their opcodes' states and log, as in Ganeti's job queue."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta, Struct

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
