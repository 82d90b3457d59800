"""From opcodes that were asked for to jobs that can be stored. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model import codec
from ganeti.model.job import Job, JobOp
from ganeti.opcodes import OpCode, op_id, reason_source

_KEPT_EMPTY = ("comment", "depends")


def build_job(job_id: int, ops: Sequence[OpCode], now_ns: int) -> Job:
    """
    A new job, queued.

    @raise OpPrereqError: a relative dependency points before the first job.
    """
    return Job(
        id=job_id,
        ops=tuple(_build_op(job_id, index, op, now_ns) for index, op in enumerate(ops)),
        received=now_ns,
        ended=None if ops else now_ns,
    )


def _build_op(job_id: int, index: int, op: OpCode, now_ns: int) -> JobOp:
    stored = input_from_opcode(op)
    if op.depends:
        stored["depends"] = _absolute(job_id, op)
    trail = [reason_source(op), f"job={job_id};index={index}", now_ns]
    stored["reason"] = [*stored["reason"], trail]
    return JobOp(input=stored, op_id=op_id(op), priority=op.priority)


def input_from_opcode(op: OpCode) -> dict[str, Any]:
    """
    An opcode as it is stored and shown.

    Parameters that were not given and have no default are left out (comment and
    depends stay, as null); whole numbers are stored without a fraction.
    """
    plain: dict[str, Any] = codec.to_builtins(op)
    return {
        key: int(value) if type(value) is float and value.is_integer() else value
        for key, value in plain.items()
        if value is not None or key in _KEPT_EMPTY
    }


def _absolute(job_id: int, op: OpCode) -> list[list[Any]]:
    """Dependencies with job ids instead of distances."""
    resolved: list[list[Any]] = []
    for given, states in op.depends or ():
        other = int(given)
        if other < 0:
            other += job_id
        if other <= 0:
            raise OpPrereqError(
                f"Job {job_id} depends on job {given}: there is no job so far back",
                ErrorCode.WRONG_INPUT,
            )
        resolved.append([other, list(states)])
    return resolved


def dependencies_of(op: JobOp) -> list[tuple[int, frozenset[str]]]:
    """What a stored opcode waits for: job ids, each with the final states that let it go on."""
    return [(int(job_id), frozenset(states)) for job_id, states in op.input.get("depends") or ()]
