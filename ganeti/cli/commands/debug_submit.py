"""gnt-debug submit-job: jobs whose operations are written down in files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ganeti.cli import jobs
from ganeti.cli.jobset import JobSet
from ganeti.errors import ErrorCode, OpPrereqError

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session


def submit_job(session: Session, options: Values, files: list[str]) -> int:
    """Submit a job for each file, as often as asked, and wait for all."""
    _check_repeats(options)
    clock = session.clock.monotonic
    progress = session.out if options.timing_stats else _say_nothing
    progress("Loading...")
    wanted = JobSet(session, options, verbose=options.verbose)
    operations = _add_jobs(wanted, session, options, files)
    begin = clock()
    progress("Submitting...")
    wanted.submit(each=options.each)
    submitted = clock()
    progress("Executing...")
    status = wanted.wait()
    progress(f"C:op     {operations:4d}", f"C:job    {len(files) * options.rep_job:4d}")
    progress(*_durations(begin, submitted, clock()))
    return status


def _durations(begin: float, submitted: float, end: float) -> tuple[str, str, str]:
    return (
        f"T:submit {submitted - begin:4.4f}",
        f"T:exec   {end - submitted:4.4f}",
        f"T:total  {end - begin:4.4f}",
    )


def _say_nothing(*_lines: str) -> None:
    """Without C{--timing-stats}."""


def _check_repeats(options: Values) -> None:
    for flag, count in (("--job-repeat", options.rep_job), ("--op-repeat", options.rep_op)):
        if count < 1:
            raise OpPrereqError(f"{flag} must be at least 1, not {count}", ErrorCode.WRONG_INPUT)


def _add_jobs(wanted: JobSet, session: Session, options: Values, files: list[str]) -> int:
    """Want the jobs of all files; how many opcodes they have together."""
    contents = [(name, read_opcodes(name)) for name in files]
    count = 0
    for number in range(options.rep_job):
        for name, found in contents:
            ops = [with_common_fields(op, session, options) for op in found] * options.rep_op
            wanted.add(f"file {name}/{number}", *ops)
            count += len(ops)
    return count


def read_opcodes(name: str) -> list[dict[str, Any]]:
    """
    The opcodes in a file: a JSON list of objects, each with its OP_ID.

    What else an opcode has is judged by the master daemon.

    @raise OpPrereqError: it is no such file.
    """
    with open(name, "rb") as stream:
        content = stream.read()
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as err:
        raise OpPrereqError(f"{name} is not JSON: {err}", ErrorCode.WRONG_INPUT) from err
    if not isinstance(found, list):
        raise OpPrereqError(f"{name} does not hold a list of opcodes", ErrorCode.WRONG_INPUT)
    for number, op in enumerate(found):
        if not (isinstance(op, dict) and isinstance(op.get("OP_ID"), str)):
            text = f"Item {number} of {name} is no object with an OP_ID"
            raise OpPrereqError(text, ErrorCode.WRONG_INPUT)
    return found


def with_common_fields(op: dict[str, Any], session: Session, options: Values) -> dict[str, Any]:
    """
    An opcode with what the options say.

    What was not asked for stays as the file has it; who submits it is added to its reasons.
    """
    fields = jobs.common_fields(session, options)
    kept = op.get("reason")
    before = kept if isinstance(kept, list) else []
    merged = {**op, "reason": [*before, *fields.pop("reason")]}
    for name, value in fields.items():
        if value or name not in op:
            merged[name] = value
    return merged
