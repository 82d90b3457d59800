"""Progress at a terminal, drawn by C{rich}, which is loaded when there is something to draw."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from ganeti.cli.progress import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Display

DELAY_S = 2.0
UNTOLD = "Waiting for the master daemon"


class TerminalProgress(Progress):
    """
    Draws from a thread, which is started by the first wait and lives as long as that.

    C{_lock} guards all; what is drawn is a L{Display} while C{_drawn} is not None.
    """

    def __init__(self, stream: TextIO, delay_s: float = DELAY_S) -> None:
        self._stream = stream
        self._delay_s = delay_s
        self._lock = threading.RLock()
        self._texts: list[str | None] = []
        self._total: int | None = None
        self._done = 0
        self._began = 0.0
        self._timer: threading.Timer | None = None
        self._drawn: Display | None = None
        self._due = False
        self._pauses = 0

    @contextmanager
    def waiting(self, text: str | None = None, total: int | None = None) -> Iterator[None]:
        with self._lock:
            if not self._texts:
                self._start(total)
            self._texts.append(text)
            self._update()
        try:
            yield
        finally:
            with self._lock:
                self._texts.pop()
                if self._texts:
                    self._update()
                else:
                    self._stop()

    def now(self, text: str) -> None:
        with self._lock:
            if self._texts:
                self._texts[-1] = text
                self._update()

    def advance(self) -> None:
        with self._lock:
            self._done += 1
            self._update()

    @contextmanager
    def paused(self) -> Iterator[None]:
        with self._lock:  # kept meanwhile: nothing is drawn into what is written
            self._pauses += 1
            self._hide()
            try:
                yield
            finally:
                self._pauses -= 1
                self._show()

    # -- with the lock held

    def _start(self, total: int | None) -> None:
        self._total, self._done = total, 0
        self._began = time.monotonic()
        self._timer = threading.Timer(self._delay_s, self._thd_due)
        self._timer.daemon = True
        self._timer.start()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._due = False
        self._hide()

    def _thd_due(self) -> None:
        with self._lock:
            if threading.current_thread() is self._timer:  # else it was stopped meanwhile
                self._due = True
                self._show()

    def _show(self) -> None:
        if not self._due or self._pauses or self._drawn is not None:
            return
        try:
            self._drawn = _draw(self._stream, self._text(), self._began)
        except ImportError:  # an installation without rich waits in silence
            self._due = False

    def _hide(self) -> None:
        if self._drawn is not None:
            self._drawn.stop()
            self._drawn = None

    def _update(self) -> None:
        if self._drawn is not None:
            self._drawn.update(self._drawn.tasks[0].id, description=self._text())

    def _text(self) -> str:
        text = next((text for text in reversed(self._texts) if text), UNTOLD)
        return text if self._total is None else f"{text} ({self._done} of {self._total} done)"


def _draw(stream: TextIO, text: str, began: float) -> Display:
    """
    Begin to draw a line with what is waited for, and since when.

    @raise ImportError: there is no C{rich} here.
    """
    from rich.console import Console
    from rich.progress import Progress as Display
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(file=stream)
    display = Display(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        get_time=time.monotonic,
    )
    display.add_task(text, total=None)
    display.tasks[0].start_time = began
    display.start()
    console.show_cursor(True)  # else a command that is killed would leave none
    return display
