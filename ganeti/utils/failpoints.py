"""
Named places where a test may kill, stop or fail the process.

Code says C{reach("call.send.before", "CreateDisk")}; with nothing armed that is
one comparison. Armed by C{GANETI_FAILPOINTS} and C{GANETI_FAILPOINT_TRACE},
which the assembly of a daemon reads and hands to L{configure}.

A specification is a list separated by semicolons::

    file.write.written[config.data]:2=kill; call.send.after:1=error:the wire broke

that is name, C{[a part of the detail]} if it matters, at which reach (1 is the
first), and what to do: C{kill} (SIGKILL to ourselves), C{stop} (SIGSTOP), or
C{error:text} (raise L{FailpointError}). The trace file gets one line for each
place that is reached, so that a test learns which places there are.

A specification C{@/path} names a file that holds the list, and is looked at
before each place: a running daemon is armed by writing (renaming) that file,
and disarmed by removing it. In it, and in the name of the trace file, C{%p} is the
name of the program (and C{%h}, to a daemon, that of its node), since daemons started
by a command have its environment.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from ganeti.errors import GanetiError

_SPEC = re.compile(
    r"(?P<name>[a-z0-9_.-]+)(\[(?P<detail>[^\]]*)\])?:(?P<count>[1-9]\d*)="
    r"(?P<action>kill|stop|error:[^;]+)"
)


class FailpointError(GanetiError):
    """A failpoint was told to fail here."""


@dataclass
class Failpoint:
    """One armed place; C{count} reaches remain until it acts."""

    name: str
    detail: str
    count: int
    action: str

    def matches(self, name: str, detail: str) -> bool:
        return name == self.name and self.detail in detail


@dataclass
class _Armed:
    points: list[Failpoint]
    trace_fd: int
    callback: Callable[[str, str], None] | None
    source: str = ""
    """The file that holds the specification, if one does."""
    seen: tuple[int, int] = (0, 0)
    """Which version of C{source} the points are from: its inode and time."""


_armed: _Armed | None = None
_counting = Lock()
"""Held by the thread that looks at the points: each reach counts, and counts once."""


def reach(name: str, detail: str = "") -> None:
    """
    Say that the place C{name} is reached; usually nothing happens.

    @param detail: which of many: a file's name, a call's tag.
    """
    if _armed is not None:
        _reach(_armed, name, detail)


def parse_spec(spec: str) -> list[Failpoint]:
    """
    Read a specification.

    @raise ValueError: it is malformed.
    """
    points = []
    for part in filter(None, map(str.strip, spec.split(";"))):
        match = _SPEC.fullmatch(part)
        if match is None:
            raise ValueError(f"Malformed failpoint: {part!r}")
        points.append(
            Failpoint(
                name=match["name"],
                detail=match["detail"] or "",
                count=int(match["count"]),
                action=match["action"],
            )
        )
    return points


def configure(spec: str = "", trace_path: str = "") -> None:
    """
    Arm what C{spec} says and trace to C{trace_path}; with neither, disarm.

    @raise ValueError: the specification is malformed.
    """
    source = _for_program(spec.removeprefix("@")) if spec.startswith("@") else ""
    points = [] if source else parse_spec(spec)
    _disarm()
    if points or source or trace_path:
        _arm(_Armed(points, _open_trace(_for_program(trace_path)), None, source))


def _for_program(path: str) -> str:
    return path.replace("%p", os.path.basename(sys.argv[0]))


def on_reach(callback: Callable[[str, str], None] | None) -> None:
    """
    Call C{callback(name, detail)} at every place (tests in one process).

    What it raises, the place raises. C{None} ends it.
    """
    _disarm()
    if callback is not None:
        _arm(_Armed([], -1, callback))


def _open_trace(path: str) -> int:
    if not path:
        return -1
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _arm(armed: _Armed) -> None:
    global _armed
    _armed = armed


def _disarm() -> None:
    global _armed
    if _armed is not None and _armed.trace_fd >= 0:
        os.close(_armed.trace_fd)
    _armed = None


def _reread(armed: _Armed) -> None:
    """Look whether the points are others by now."""
    try:
        status = os.stat(armed.source)
        version = (status.st_ino, status.st_mtime_ns)
        if version != armed.seen:
            with open(armed.source, encoding="ascii") as source:
                armed.points, armed.seen = parse_spec(source.read()), version
    except FileNotFoundError:
        armed.points, armed.seen = [], (0, 0)


def _reach(armed: _Armed, name: str, detail: str) -> None:
    if armed.trace_fd >= 0:
        os.write(armed.trace_fd, f"{name} {detail}\n".encode())
    if armed.callback is not None:
        armed.callback(name, detail)
    with _counting:
        due = _count(armed, name, detail)
    for point in due:
        _act(point.action)


def _count(armed: _Armed, name: str, detail: str) -> list[Failpoint]:
    """The points that act now."""
    if armed.source:
        _reread(armed)
    matching = [point for point in armed.points if point.matches(name, detail)]
    for point in matching:
        point.count -= 1
    return [point for point in matching if point.count == 0]


def _act(action: str) -> None:
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    else:
        raise FailpointError(action.removeprefix("error:"))
