"""Several jobs of one command: submitted together, followed one after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ganeti.cli import failures, jobs
from ganeti.errors import GanetiError, LuxiError, RequestError

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
        self._good: list[tuple[int, str]] = []
        self._status = 0

    def add(self, name: str, *ops: Any) -> None:
        """Want a job; C{name} is what it is about."""
        self._jobs.append(_Job(name, ops))

    def run(self) -> int:
        """
        Submit all, wait for all, and print what fails.

        @return: the exit status: 0 when each job succeeded, or was submitted with C{--submit}.
        """
        self.submit()
        if getattr(self._options, "submit_only", False):
            self._session.out(*(f"{job_id}: {name}" for job_id, name in self._good))
            return self._status
        return self.wait()

    def submit(self, *, each: bool = False) -> None:
        """
        Give the jobs to the queue, and say which it does not take.

        @param each: one by one, instead of all in one request.
        """
        answers = self._submit_each() if each else self._submit_together()
        for job, (accepted, answer) in zip(self._jobs, answers, strict=True):
            if accepted:
                self._good.append((int(answer), job.name))
            else:
                self._session.err(f"Failed to submit job for {job.name}: {answer}")
                self._status = failures.FAILURE
        self._jobs = []
        numbers = [str(job_id) for job_id, _name in self._good]
        if getattr(self._options, "print_jobid", False):
            self._session.out(*numbers)
        if self._verbose and numbers:
            self._session.out("Submitted jobs " + ", ".join(numbers))

    def _submit_together(self) -> list[Any]:
        answers: list[Any] = self._session.call(
            "SubmitManyJobs", [[list(job.ops) for job in self._jobs]]
        )
        self._session.submitted += [int(answer) for accepted, answer in answers if accepted]
        return answers

    def _submit_each(self) -> list[Any]:
        answers: list[Any] = []
        for job in self._jobs:
            try:
                job_id = int(self._session.call("SubmitJob", [list(job.ops)]))
            except GanetiError as err:
                if isinstance(err, LuxiError) and not isinstance(err, RequestError):
                    raise
                answers.append((False, err))
            else:
                self._session.submitted.append(job_id)
                answers.append((True, job_id))
        return answers

    def wait(self) -> int:
        """
        Follow the jobs that were taken, and print what fails.

        @return: the exit status.
        """
        progress = self._session.progress
        with progress.waiting(total=len(self._good)):
            for job_id, name in self._good:
                self._session.out(f"Waiting for job {job_id} for {name} ...")
                self._status = max(self._status, self._wait(job_id, name))
                progress.advance()
        return self._status

    def _wait(self, job_id: int, name: str) -> int:
        try:
            jobs.complete(self._session, job_id)
        except GanetiError as err:
            self._session.err(f"Job {job_id} for {name} has failed: {failures.describe(err)[1]}")
            return failures.FAILURE
        return 0
