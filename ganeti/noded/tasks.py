"""What tasks print, kept for who watches them; and what is left of them after a crash."""

from __future__ import annotations

from collections import deque

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ganeti.errors import GanetiError
from ganeti.utils import procfs
from ganeti.utils.aio import Condition, with_timeout
from ganeti.utils.process import end_group

log = Logger()

MAX_LINES = 1000
MAX_CHARS = 256 * 1024
LONGEST_LINE = 4096

_GONE_LIMIT_S = 5.0
_TICKS_BITS = 40


class Progress:
    """The last lines of a task, numbered from 0; older ones are dropped."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque()
        self._chars = 0
        self._first = 0  # number of the first line kept
        self._news = Condition()
        self.ended = False

    @property
    def next(self) -> int:
        """The number that the next line will have."""
        return self._first + len(self._lines)

    def add(self, line: str) -> None:
        """One more line; a very long one is cut."""
        line = line[:LONGEST_LINE]
        self._lines.append(line)
        self._chars += len(line)
        while len(self._lines) > MAX_LINES or self._chars > MAX_CHARS:
            self._chars -= len(self._lines.popleft())
            self._first += 1
        self._news.notify_all()

    def end(self) -> None:
        """There will be no more."""
        self.ended = True
        self._news.notify_all()

    def since(self, number: int) -> tuple[int, tuple[str, ...]]:
        """How many lines from C{number} on were dropped, and those that are kept."""
        dropped = max(0, self._first - number)
        start = max(0, number - self._first)
        return dropped, tuple(list(self._lines)[start:])

    async def wait(self, number: int, seconds: float, clock: IReactorTime) -> None:
        """Return when there is line C{number}, or the end, or the time is over."""
        if self.ended or self.next > number or seconds <= 0:
            return
        try:
            await with_timeout(self._news.wait(), seconds, clock, _NothingNew())
        except _NothingNew:
            return


class _NothingNew(GanetiError):
    """Nobody printed anything meanwhile."""


def mark_of(pid: int) -> int:
    """
    A number that names a process together with its pid, for as long as the machine exists.

    When it was started, in ticks since the machine's start, and, above those, which start of
    the machine that was. 0 when there is no such process.
    """
    started = procfs.start_time(pid)
    return 0 if started is None else _boot() << _TICKS_BITS | started


def _boot() -> int:
    return int(procfs.boot_id().replace("-", "")[:5], 16)


async def end_leftovers(pid: int, mark: int, clock: IReactorTime) -> bool:
    """
    Kill what is left of a process group that an earlier life of this daemon started.

    @return: whether none of it runs any more.
    """
    if mark >> _TICKS_BITS != _boot():
        return True
    # While a process of the group lives, the kernel does not give its number to another.
    leader = mark_of(pid)
    if leader not in (0, mark) or (leader == 0 and not procfs.group_members(pid)):
        return True
    log.warn("Killing process group {pid}, left over from before the restart", pid=pid)
    return await end_group(clock, pid, _GONE_LIMIT_S)
