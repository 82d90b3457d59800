"""A job's way from one state to the next. Pure; times are nanoseconds since the epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from ganeti.errors import OpExecError, encode_error
from ganeti.masterd.secrets import redacted
from ganeti.model.job import FINAL, Job, JobOp, OpStatus

CANCELED_TEXT = "Job canceled by request"
FOLLOW_UP_ERROR = encode_error(OpExecError("Preceding opcode failed"))


def with_op(job: Job, index: int, op: JobOp) -> Job:
    """C{job} with one opcode replaced."""
    return replace(job, ops=(*job.ops[:index], op, *job.ops[index + 1 :]))


def waiting(job: Job, index: int, now_ns: int) -> Job:
    """The opcode begins to wait for what it depends on and for its locks."""
    op = replace(job.ops[index], status=OpStatus.WAITING, started=now_ns)
    return replace(with_op(job, index, op), started=job.started or now_ns)


def running(job: Job, index: int, now_ns: int) -> Job:
    """The opcode has its locks and its plan, and may act."""
    op = replace(job.ops[index], status=OpStatus.RUNNING, executed=now_ns)
    return with_op(job, index, op)


def canceling(job: Job) -> Job:
    """A waiting job was asked to end."""
    return _each(job, lambda op: op.status is OpStatus.WAITING, status=OpStatus.CANCELING)


def succeeded(job: Job, index: int, result: Any, now_ns: int) -> Job:
    """The opcode ended well; what it needed for recovery is dropped."""
    op = replace(job.ops[index], status=OpStatus.SUCCESS, result=result, ended=now_ns)
    ended = now_ns if index == len(job.ops) - 1 else None
    return _settled(replace(with_op(job, index, op), ended=ended))


def failed(job: Job, index: int, result: Any, now_ns: int) -> Job:
    """The opcode ended with C{result} (an encoded error), and the job with it."""
    op = replace(job.ops[index], status=OpStatus.ERROR, result=result, ended=now_ns)
    rest = _each(
        with_op(job, index, op),
        _unfinished,
        status=OpStatus.ERROR,
        result=FOLLOW_UP_ERROR,
        ended=now_ns,
    )
    return _settled(replace(rest, ended=now_ns))


def canceled(job: Job, now_ns: int, text: str = CANCELED_TEXT) -> Job:
    """All that had not ended is canceled. Opcodes that ended keep their results."""
    marked = _each(job, _unfinished, status=OpStatus.CANCELED, result=text, ended=now_ns)
    return _settled(replace(marked, ended=now_ns))


def with_priority(job: Job, priority: int) -> Job:
    """All opcodes that have not ended get C{priority}."""
    return _each(job, _unfinished, priority=priority)


def first_open(job: Job) -> int | None:
    """Index of the first opcode that has not ended; None when the job has."""
    return next((index for index, op in enumerate(job.ops) if op.status not in FINAL), None)


def _unfinished(op: JobOp) -> bool:
    return op.status not in FINAL


def _each(job: Job, which: Callable[[JobOp], bool], **changes: Any) -> Job:
    return replace(job, ops=tuple(replace(op, **changes) if which(op) else op for op in job.ops))


def _settled(job: Job) -> Job:
    """What the opcode needed to run is dropped; secrets go with the last one."""
    job = replace(job, recovery=(), locks=(), reservations=())
    return redacted(job) if job.ended is not None else job
