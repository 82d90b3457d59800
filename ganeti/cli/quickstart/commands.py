"""Commands on the first node of quickstart's cluster."""

from __future__ import annotations

import subprocess
import sys
import time

from ganeti.cli.quickstart.folder import Folder
from ganeti.cli.quickstart.words import QuickstartError

_COMMAND_LIMIT_S = 180
_JOBS_LIMIT_S = 120
_LIVE_JOBS = {"queued", "waiting", "canceling", "running"}


class Commands:
    """Runs them, for the user to see or for us to read."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def run(self, *words: str) -> None:
        """
        For the user to see.

        @raise QuickstartError: it failed; it has said why.
        """
        sys.stdout.flush()
        if self._run(words, None).returncode != 0:
            raise QuickstartError(f"{' '.join(words)} failed")

    def output(self, *words: str) -> str | None:
        """What a command prints; None when it fails."""
        done = self._run(words, subprocess.PIPE)
        return done.stdout if done.returncode == 0 else None

    def lines(self, *words: str) -> list[str]:
        """
        The lines that it prints.

        @raise QuickstartError: it failed.
        """
        output = self.output(*words)
        if output is None:
            raise QuickstartError(f"{' '.join(words)} failed")
        return [line.strip() for line in output.splitlines()]

    def names(self, program: str) -> list[str]:
        """Of all that a program lists."""
        return self.lines(program, "list", "--no-headers", "-o", "name")

    def wait_for_jobs(self) -> None:
        """
        An interrupted run may have left some; they go on in the daemon.

        @raise QuickstartError: they do not end.
        """
        deadline = time.monotonic() + _JOBS_LIMIT_S
        status = ("gnt-job", "list", "--no-headers", "-o", "status")
        while _LIVE_JOBS.intersection(self.lines(*status)):
            if time.monotonic() > deadline:
                raise QuickstartError("Jobs of an earlier run do not end; see gnt-job list")
            time.sleep(0.1)

    def _run(self, words: tuple[str, ...], output: int | None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._folder.command(), *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=self._folder.inherited,
            text=True,
            timeout=_COMMAND_LIMIT_S,
        )
