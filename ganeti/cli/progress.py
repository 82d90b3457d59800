"""
Who waits at a terminal is told what for, once it takes longer than two seconds.

The line is on standard error, moves, and is gone when the wait is over. Nothing of it
is written where standard output or standard error is no terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO


class Progress:
    """What a command waits for. This one tells nobody; L{progress_for} chooses."""

    @contextmanager
    def waiting(self, text: str | None = None, total: int | None = None) -> Iterator[None]:
        """
        Around a wait, and around what is part of it.

        @param text: what is waited for; None: what was said last, if anything.
        @param total: how often L{advance} will be called.
        """
        yield

    def now(self, text: str) -> None:
        """What is waited for now."""

    def advance(self) -> None:
        """One part of the whole is done."""

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Around other output to the terminal."""
        yield


def progress_for(stdout: TextIO, stderr: TextIO, environ: Mapping[str, str]) -> Progress:
    """A L{Progress} for these streams."""
    if environ.get("TERM", "dumb") == "dumb" or not (_is_terminal(stdout) and _is_terminal(stderr)):
        return Progress()
    from ganeti.cli.terminalprogress import TerminalProgress

    return TerminalProgress(stderr)


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # it is closed
        return False
