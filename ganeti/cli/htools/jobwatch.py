"""Waiting for a job to end, through interrupts and restarts of the master daemon."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ganeti.cli.htools.console import Console
from ganeti.cli.htools.interrupts import Interrupted, Interrupts
from ganeti.cli.jobs import FINAL, SUCCESS
from ganeti.cli.progress import Progress
from ganeti.errors import JobLost, LuxiError, decode_error
from ganeti.luxi.client import Client

_REGISTERED = "Cancel request registered, will exit at the end of the current job set..."


@contextmanager
def understood() -> Iterator[None]:
    """
    Around looking at an answer.

    @raise LuxiError: it has not the form that it should have.
    """
    try:
        yield
    except (TypeError, ValueError, LookupError) as err:
        raise LuxiError(f"Not understood what the master daemon answered: {err!r}") from err


class JobWatch:
    """Waits for jobs, one after another."""

    def __init__(
        self, console: Console, client: Client, interrupts: Interrupts, progress: Progress
    ) -> None:
        self._console = console
        self._client = client
        self._interrupts = interrupts
        self._progress = progress

    def wait(self, job_id: int) -> str | None:
        """
        Wait until a job has ended; what went wrong, or None.

        @raise GanetiError: the master daemon does not answer any more.
        """
        with understood():
            status = self._wait(job_id)
            return None if status == SUCCESS else self._why(job_id, status)

    def _wait(self, job_id: int) -> str | None:
        """The job's last status; None: there is no such job."""
        known: list[Any] | None = None
        serial = 0
        while known is None or known[0] not in FINAL:
            try:
                change = self._change(job_id, known, serial)
            except JobLost:
                return None
            if change is None:
                continue
            known, entries = change
            if known is None or known[0] is None:
                return None
            serial = max([serial, *(int(entry[0]) for entry in entries)])
            self._progress.now(f"Job {job_id} is {known[0]}")
        return str(known[0])

    def _change(self, job_id: int, known: list[Any] | None, serial: int) -> Any:
        """What is new, as L{Client.wait_for_job_change} tells it; None: nothing."""
        try:
            with self._interrupts.waiting():
                return self._client.wait_for_job_change(job_id, ["status"], known, serial)
        except Interrupted:
            self._client.close()  # its answer would be taken for that of the next request
            with self._progress.paused():
                self._console.note(_REGISTERED)
            return None

    def _why(self, job_id: int, status: str | None) -> str:
        """How a job ended that did not end well."""
        if status is None:
            return "is not in the queue any more: how it ended is not known"
        row = self._client.query_jobs([job_id], ["opstatus", "opresult"])[0]
        results = zip(row[0] or (), row[1] or (), strict=False)
        first = next((result for state, result in results if state == "error"), None)
        return f"was {status}" if first is None else f"has failed: {decode_error(first)}"
