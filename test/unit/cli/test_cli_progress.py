"""What is shown at a terminal while a command waits."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from ganeti.cli.progress import Progress, progress_for
from ganeti.cli.terminalprogress import UNTOLD, TerminalProgress

SOON_S = 0.05
LIMIT_S = 20.0
ESCAPE = "\x1b"


class Screen(io.StringIO):
    """A terminal that keeps what is written, and can be waited for."""

    def __init__(self, *, terminal: bool = True) -> None:
        super().__init__()
        self._terminal = terminal
        self._changed = threading.Condition()

    def isatty(self) -> bool:
        return self._terminal

    def write(self, text: str, /) -> int:
        with self._changed:
            self._changed.notify_all()
            return super().write(text)

    def shows(self, text: str) -> None:
        """Wait until it has been drawn."""
        with self._changed:
            assert self._changed.wait_for(lambda: text in self.getvalue(), LIMIT_S), self.getvalue()


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    return Screen()


@pytest.mark.parametrize(
    ("out", "err", "term", "drawn"),
    [
        (True, True, "xterm", True),
        (False, True, "xterm", False),
        (True, False, "xterm", False),
        (True, True, "dumb", False),
        (True, True, None, False),
    ],
)
def test_terminals_only(out: bool, err: bool, term: str | None, drawn: bool) -> None:
    """Nothing is drawn unless both streams are terminals that can do it."""
    environ = {} if term is None else {"TERM": term}
    chosen = progress_for(Screen(terminal=out), Screen(terminal=err), environ)
    assert isinstance(chosen, TerminalProgress) is drawn


def test_closed_stream() -> None:
    """A stream that is closed is no terminal."""
    closed = io.StringIO()
    closed.close()
    assert type(progress_for(closed, closed, {"TERM": "xterm"})) is Progress


def test_nobody_is_told() -> None:
    """Without a terminal all is as if it were not there."""
    progress = Progress()
    with progress.waiting("x", total=3), progress.paused():
        progress.now("y")
        progress.advance()


@pytest.fixture
def no_threads() -> Iterator[None]:
    """Other tests of this process may have threads of their own; this one leaves none."""
    others = set(threading.enumerate())
    yield
    until = time.monotonic() + LIMIT_S
    while set(threading.enumerate()) - others and time.monotonic() < until:
        time.sleep(0.01)
    assert set(threading.enumerate()) - others == set()


@pytest.mark.usefixtures("no_threads")
def test_short_wait(screen: Screen) -> None:
    """What ends before its time is not drawn, and leaves no thread."""
    progress = TerminalProgress(screen, delay_s=60)
    with progress.waiting("something"):
        pass
    assert screen.getvalue() == ""


@pytest.mark.usefixtures("no_threads")
def test_long_wait(screen: Screen) -> None:
    """What takes longer is drawn, follows what happens, and is wiped out in the end."""
    progress = TerminalProgress(screen, delay_s=SOON_S)
    with progress.waiting("Job 5"):
        screen.shows("Job 5")
        progress.now("Job 5 is [running]")
        screen.shows("Job 5 is [running]")
    assert screen.getvalue().endswith(f"{ESCAPE}[2K")


def test_cursor_stays(screen: Screen) -> None:
    """A command that is killed leaves a terminal with a cursor."""
    progress = TerminalProgress(screen, delay_s=SOON_S)
    with progress.waiting("x"):
        screen.shows(f"{ESCAPE}[?25h")


def test_nested(screen: Screen) -> None:
    """A wait within a wait has its own text, if it has one; they are one wait."""
    progress = TerminalProgress(screen, delay_s=SOON_S)
    with progress.waiting("outer", total=3):
        with progress.waiting("inner"), progress.waiting():
            screen.shows("inner (0 of 3 done)")
        progress.advance()
        screen.shows("outer (1 of 3 done)")


def test_without_text(screen: Screen) -> None:
    """Who says nothing waits for the master daemon."""
    with TerminalProgress(screen, delay_s=SOON_S).waiting():
        screen.shows(UNTOLD)


def test_paused(screen: Screen) -> None:
    """Other output is on lines of its own: the drawn one is wiped out before, and drawn again."""
    progress = TerminalProgress(screen, delay_s=SOON_S)
    with progress.waiting("Job 5"):
        screen.shows("Job 5")
        before = len(screen.getvalue())
        with progress.paused():
            wiped = screen.getvalue()[before:]
            screen.write("a line\n")
            with progress.paused():
                screen.write("another\n")
        after = screen.getvalue()[before + len(wiped) :]
    assert f"{ESCAPE}[2K" in wiped
    assert after.startswith("a line\nanother\n")
    assert "Job 5" in after


def test_due_while_paused(screen: Screen) -> None:
    """A question at the terminal is not drawn over."""
    progress = TerminalProgress(screen, delay_s=SOON_S)
    with progress.waiting("Job 5"):
        with progress.paused():
            time.sleep(4 * SOON_S)
            assert screen.getvalue() == ""
        screen.shows("Job 5")


@pytest.mark.usefixtures("no_threads")
def test_broken_wait(screen: Screen) -> None:
    """A failure ends the drawing, too."""
    progress = TerminalProgress(screen, delay_s=SOON_S)
    with contextlib.suppress(KeyboardInterrupt), progress.waiting("Job 5"):
        screen.shows("Job 5")
        raise KeyboardInterrupt
    assert screen.getvalue().endswith(f"{ESCAPE}[2K")


def test_without_rich(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without the library waits in silence."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)
    progress = TerminalProgress(screen, delay_s=SOON_S)
    with progress.waiting("Job 5"):
        time.sleep(4 * SOON_S)
        with progress.paused():
            screen.write("a line\n")
    assert screen.getvalue() == "a line\n"
