"""
Carrying a solution out: its jobs are submitted to the master daemon, set by set (--exec).

A set is what can be done at the same time; the next one is submitted when all jobs of the one
before have succeeded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ganeti.cli.htools.console import Console
from ganeti.cli.htools.interrupts import Interrupts, Left, noted_interrupts
from ganeti.cli.htools.jobwatch import JobWatch, understood
from ganeti.cli.progress import Progress
from ganeti.errors import GanetiError, LuxiError, RequestError
from ganeti.luxi.client import Client

_LEFT = 2
"""The exit status of a program that was ended while jobs go on."""


class JobSet(NamedTuple):
    """
    Jobs that run at the same time.

    @ivar what: what is done, for the user: "move web1, web2".
    @ivar jobs: the opcodes of each.
    """

    what: str
    jobs: tuple[tuple[dict[str, Any], ...], ...]


def execute(
    console: Console, sets: Sequence[JobSet], socket: str, environ: Mapping[str, str]
) -> int:
    """Submit the sets one after another; the exit status."""
    with Client(socket) as client, noted_interrupts() as interrupts:
        execution = _Execution(console, client, interrupts, console.progress(environ))
        try:
            return execution.run(sets)
        except Left:
            console.note(execution.what_goes_on())
            return _LEFT
        except GanetiError as err:
            console.note(f"Error: {err}")
            console.note(execution.what_goes_on())
            return 1


class _Execution:
    def __init__(
        self, console: Console, client: Client, interrupts: Interrupts, progress: Progress
    ) -> None:
        self._console = console
        self._client = client
        self._interrupts = interrupts
        self._progress = progress
        self._jobs = JobWatch(console, client, interrupts, progress)
        self._submitting = False
        self._running: list[int] = []

    def run(self, sets: Sequence[JobSet]) -> int:
        """All of it; the exit status."""
        for done, jobset in enumerate(sets):
            if self._interrupts.wanted:
                self._console.note(
                    f"Exiting early due to user request: {_count(done, 'job set')} submitted,"
                    f" all jobs ended well; {_not_submitted(sets[done:])}"
                )
                return 0
            self._console.verbose(3, f"Job set {done + 1} of {len(sets)}: {jobset.what}")
            if not self._run_set(jobset):
                if rest := sets[done + 1 :]:
                    self._console.note(f"Aborting: {_not_submitted(rest)}")
                return 1
        return 0

    def what_goes_on(self) -> str:
        """What is told when the program ends before its jobs."""
        if self._submitting:
            return "Ended while jobs were being submitted; 'gnt-job list' tells if they were"
        if not self._running:
            return "Ended; no jobs are left running"
        ids = " ".join(map(str, self._running))
        return f"Ended; these jobs go on, and can be followed with 'gnt-job watch': {ids}"

    def _run_set(self, jobset: JobSet) -> bool:
        """Submit and wait; whether all was well."""
        refusals = self._submit(jobset)
        if self._running:
            self._console.out(f"Got job IDs {','.join(map(str, self._running))}")
        for refusal in refusals:
            self._console.note(f"Error: cannot {jobset.what}: job not taken: {refusal}")
        self._console.flush()
        return self._wait_for_all() and not refusals

    def _submit(self, jobset: JobSet) -> list[str]:
        """Why jobs were not taken; those that were are running now."""
        self._submitting = True
        try:
            with understood():
                answers = self._client.submit_many_jobs(jobset.jobs)
        except GanetiError as err:
            if isinstance(err, LuxiError) and not isinstance(err, RequestError):
                raise  # it is not known what happened
            answers = [(False, err)]
        with understood():
            self._running = [int(answer) for accepted, answer in answers if accepted]
        self._submitting = False
        return sorted({str(answer) for accepted, answer in answers if not accepted})

    def _wait_for_all(self) -> bool:
        """Wait until all running jobs have ended; tells of those that failed."""
        good = True
        with self._progress.waiting(total=len(self._running)):
            while self._running:
                why = self._jobs.wait(self._running[0])
                job_id = self._running.pop(0)
                self._progress.advance()
                if why is not None:
                    good = False
                    with self._progress.paused():
                        self._console.note(f"Error: job {job_id} {why}")
        return good


def _not_submitted(sets: Sequence[JobSet]) -> str:
    return f"{_count(len(sets), 'job set')} not submitted ({'; '.join(each.what for each in sets)})"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
