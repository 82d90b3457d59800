"""
Signals while jobs are carried out (hbal(1), Signal handling).

The first SIGINT lets the jobs under way end, and no more are submitted. A second one, or SIGTERM,
ends the program at once; the jobs go on.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Left(BaseException):
    """The program has to end now."""


class Interrupted(Exception):
    """The first SIGINT came during a wait; the wait may be taken up again."""


class Interrupts:
    """
    What came so far.

    @ivar wanted: whether the program is to end when the jobs under way have ended.
    """

    def __init__(self) -> None:
        self.wanted = False
        self._waiting = False

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """
        Around a wait.

        @raise Interrupted: the first SIGINT came.
        """
        self._waiting = True
        try:
            yield
        finally:
            self._waiting = False

    def note_int(self, _number: int, _frame: FrameType | None) -> None:
        """The handler of SIGINT."""
        if self.wanted:
            raise Left
        self.wanted = True
        if self._waiting:
            raise Interrupted

    def note_term(self, _number: int, _frame: FrameType | None) -> None:
        """The handler of SIGTERM."""
        raise Left


@contextmanager
def noted_interrupts() -> Iterator[Interrupts]:
    """Handle the signals inside."""
    interrupts = Interrupts()
    before = signal.signal(signal.SIGINT, interrupts.note_int)
    term = signal.signal(signal.SIGTERM, interrupts.note_term)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)
        signal.signal(signal.SIGTERM, term)
