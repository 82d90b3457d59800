"""gnt-instance batch-create."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ganeti.cli import failures, jobs
from ganeti.cli.failures import CommandFailed
from ganeti.errors import ErrorCode, GanetiError, OpPrereqError

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session

_MODE = "create"


def batch_create(session: Session, options: Values, names: list[str]) -> int:
    """Create the instances that a file describes."""
    from ganeti.opcodes.instance import OpInstanceMultiAlloc

    op = OpInstanceMultiAlloc(
        instances=tuple(read_definitions(names[0])),
        iallocator=options.iallocator,
        **jobs.common_fields(session, options),
    )
    result = jobs.run(session, op, options)
    return 0 if options.dry_run else _follow(session, result)


def read_definitions(path: str) -> list[dict[str, Any]]:
    """
    The instances in a file: a JSON list of objects, the parameters of OP_INSTANCE_CREATE.

    @raise CommandFailed: it cannot be read, or is not JSON.
    @raise OpPrereqError: it is JSON of something else.
    """
    try:
        with open(path, "rb") as stream:
            found = json.load(stream)
    except (OSError, ValueError, RecursionError) as err:
        raise CommandFailed(f"Can't parse the instance definition file: {err}") from err
    if not isinstance(found, list):
        raise OpPrereqError("The instance definitions are not a list", ErrorCode.WRONG_INPUT)
    return [_definition(number, each) for number, each in enumerate(found)]


def _definition(number: int, given: Any) -> dict[str, Any]:
    from ganeti.opcodes.instance import OpInstanceCreate

    if not isinstance(given, dict):
        raise OpPrereqError(f"Definition {number} is not an object", ErrorCode.WRONG_INPUT)
    unknown = sorted({*given} - {*OpInstanceCreate.__struct_fields__, "OP_ID"})
    if unknown:
        raise OpPrereqError(
            f"Unknown fields in definition {number}: {', '.join(unknown)}", ErrorCode.WRONG_INPUT
        )
    return {"mode": _MODE, **given}


def _follow(session: Session, result: dict[str, Any]) -> int:
    """Wait for the jobs that were made, and say what failed."""
    numbers = [int(answer) for accepted, answer in result["jobs"] if accepted]
    errors = len(result["jobs"]) - len(numbers)
    for name in result["failed"]:
        session.err(f"Instance {name} could not be placed")
        errors += 1
    session.submitted += numbers
    if numbers:
        session.out("Submitted jobs " + ", ".join(map(str, numbers)))
    for number in numbers:
        errors += not _wait(session, number)
    if errors:
        session.out(f"There were {errors} errors during the creation.")
        return failures.FAILURE
    session.out("All instances created successfully.")
    return 0


def _wait(session: Session, job_id: int) -> bool:
    session.out(f"Waiting for job {job_id} ...")
    try:
        jobs.complete(session, job_id)
    except GanetiError as err:
        session.err(f"Job {job_id} has failed: {failures.describe(err)[1]}")
        return False
    return True
