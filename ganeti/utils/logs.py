"""How daemons log: one line an event, with the job that it is about (needs Twisted)."""

from __future__ import annotations

import faulthandler
import os
from contextvars import ContextVar
from typing import IO, cast

from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    formatEvent,
    formatTime,
)
from twisted.python.logfile import LogFile

# The job that the running code works for; survives awaits.
job_id: ContextVar[int | None] = ContextVar("job_id", default=None)

_ROTATE_BYTES = 10 << 20
_ROTATED_FILES = 5


def format_line(event: LogEvent) -> str | None:
    """
    One event as one line; a traceback follows on lines of its own.

    The job must be asked for when the event is made: observers are called then.
    """
    text = formatEvent(event)
    if not text and "log_failure" not in event:
        return None
    job = job_id.get()
    about = f" job {job}" if job is not None else ""
    level = event.get("log_level") or LogLevel.info
    head = f"{formatTime(event.get('log_time'))} {level.name.upper()}{about}"
    body = text.replace("\n", "\n\t")
    failure = event.get("log_failure")
    if failure is not None:
        body += "\n\t" + failure.getTraceback().rstrip().replace("\n", "\n\t")
    return f"{head} [{event.get('log_namespace', '-')}] {body}\n"


class _Log(LogFile):
    """Has the last words, too: where each thread was when the process crashed."""

    def _openFile(self) -> None:
        """Called again for the next part."""
        super()._openFile()  # type: ignore[no-untyped-call]
        faulthandler.enable(self._file)


def open_log(path: str) -> IO[str]:
    """The process's log; kept from growing without limit; old parts get numbers."""
    folder, name = os.path.split(path)
    stream = _Log(  # type: ignore[no-untyped-call]
        name,
        folder,
        rotateLength=_ROTATE_BYTES,
        maxRotatedFiles=_ROTATED_FILES,
        defaultMode=0o600,
    )
    return cast("IO[str]", stream)


def stream_observer(stream: IO[str], debug: bool = False) -> ILogObserver:
    """Log to a file or a terminal."""
    return leveled(FileLogObserver(stream, format_line), debug)


def leveled(observer: ILogObserver, debug: bool) -> ILogObserver:
    """Pass on what is at least C{info}, or everything."""
    level = LogLevel.debug if debug else LogLevel.info
    return FilteringLogObserver(observer, [LogLevelFilterPredicate(defaultLogLevel=level)])
