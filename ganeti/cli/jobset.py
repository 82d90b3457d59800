"""Several jobs of one command: submitted together, followed one after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ganeti.cli import failures, jobs
from ganeti.errors import GanetiError

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session


class _Job(NamedTuple):
    """One wanted job: what the user calls it, and its opcodes."""

    name: str
    ops: Sequence[Any]


class JobSet:
    """
    Collects jobs, then runs them all.

    @param verbose: say first which jobs were submitted.
    """

    def __init__(self, session: Session, options: Values, *, verbose: bool = False) -> None:
        self._session = session
        self._options = options
        self._verbose = verbose
        self._jobs: list[_Job] = []

    def add(self, name: str, *ops: Any) -> None:
        """Want a job; C{name} is what it is about."""
        self._jobs.append(_Job(name, ops))

    def run(self) -> int:
        """
        Submit all, wait for all, and print what fails.

        @return: the exit status: 0 when each job succeeded, or was submitted with C{--submit}.
        """
        good, status = self._submit()
        if self._verbose and good:
            self._session.out("Submitted jobs " + ", ".join(str(job_id) for job_id, _name in good))
        if self._options.submit_only:
            self._session.out(*(f"{job_id}: {name}" for job_id, name in good))
            return status
        for job_id, name in good:
            self._session.out(f"Waiting for job {job_id} for {name} ...")
            status = max(status, self._wait(job_id, name))
        return status

    def _submit(self) -> tuple[list[tuple[int, str]], int]:
        answers = self._session.call("SubmitManyJobs", [[list(job.ops) for job in self._jobs]])
        good, status = [], 0
        for job, (accepted, answer) in zip(self._jobs, answers, strict=True):
            if accepted:
                good.append((int(answer), job.name))
            else:
                self._session.err(f"Failed to submit job for {job.name}: {answer}")
                status = failures.FAILURE
        self._session.submitted.extend(job_id for job_id, _name in good)
        if getattr(self._options, "print_jobid", False):
            self._session.out(*(str(job_id) for job_id, _name in good))
        return good, status

    def _wait(self, job_id: int, name: str) -> int:
        try:
            jobs.poll(self._session, job_id)
        except GanetiError as err:
            self._session.err(f"Job {job_id} for {name} has failed: {failures.describe(err)[1]}")
            return failures.FAILURE
        return 0
