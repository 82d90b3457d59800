"""gnt-cluster verify."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganeti.cli import failures, jobs
from ganeti.errors import GanetiError

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session


def verify(session: Session, options: Values, _words: list[str]) -> int:
    """Verify the cluster; fails when there is an error."""
    from ganeti.opcodes.verify import OpClusterVerify, OptionalCheck, VerifyCode

    wanted = {
        OptionalCheck.NPLUSONE_MEM: options.skip_nplusone_mem,
        OptionalCheck.HVPARAM_ASSESSMENT: options.skip_hvparam_assessment,
    }
    op = OpClusterVerify(
        verbose=options.verbose,
        error_codes=options.error_codes,
        debug_simulate_errors=options.simulate_errors,
        skip_checks=frozenset(check for check, skipped in wanted.items() if skipped),
        ignore_errors=frozenset(map(VerifyCode, options.ignore_errors)),
        group_name=options.nodegroup,
        verify_clutter=options.verify_clutter,
        **jobs.common_fields(session, options),
    )
    made: list[list[Any]] = jobs.run(session, op, options)["jobs"]
    job_ids = [int(job_id) for accepted, job_id in made if accepted]
    session.submitted.extend(job_ids)
    if job_ids:
        session.out("Submitted jobs " + ", ".join(map(str, job_ids)))
    return _judge(session, [_wait(session, job_id) for job_id in job_ids])


def _wait(session: Session, job_id: int) -> bool | None:
    """Whether one part found no errors; None when it could not be done."""
    session.out(f"Waiting for job {job_id} ...")
    try:
        return all(jobs.poll(session, job_id))
    except GanetiError as err:
        session.err(f"Job {job_id} has failed: {failures.describe(err)[1]}")
        return None


def _judge(session: Session, results: list[bool | None]) -> int:
    failed = results.count(None)
    if failed:
        session.out(f"{failed} job(s) failed while verifying the cluster.")
    return 0 if all(results) else failures.FAILURE
