"""A journal in memory that can lose, delay and refuse writes: for tests and simulation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from twisted.internet.defer import Deferred

from ganeti.model.state import StateHeader
from ganeti.store.database import LOG_KEPT, Database
from ganeti.store.entry import Entry
from ganeti.store.journal import DatabaseJournal
from ganeti.store.thread import InPlace

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class _Unsynced:
    batch: Sequence[Entry]
    header: StateHeader
    done: Deferred[None] = field(default_factory=Deferred)


class MemoryJournal(DatabaseJournal):
    """
    The real tables, in memory.

    By itself every append is durable at once. After C{hold()} appends wait, unsynced, until
    C{sync()}. C{lose_unsynced()} is a crash: what waits is gone, this object never answers again
    (its owner is dead, even if its timers are not), and the journal of the next life is returned.
    """

    def __init__(self, *, log_kept: int = LOG_KEPT, database: Database | None = None) -> None:
        """@param database: of the life before."""
        super().__init__(database or Database(":memory:", log_kept=log_kept), InPlace())
        self._held: list[_Unsynced] | None = None
        self._refusals: list[Exception] = []
        self._dead = False

    async def _run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        if self._dead:
            await Deferred()
        return await super()._run(function, *args, **kwargs)

    async def append(self, batch: Sequence[Entry], header: StateHeader) -> None:
        if self._refusals and not self._dead:
            raise self._refusals.pop(0)
        if self._held is None or self._dead:
            await super().append(batch, header)
            return
        waiting = _Unsynced(batch, header)
        self._held.append(waiting)
        await waiting.done

    async def probe(self) -> None:
        if self._refusals and not self._dead:
            raise self._refusals.pop(0)
        await super().probe()

    def refuse(self, *reasons: Exception) -> None:
        """Let the next appends and probes fail with these, cleanly: one each."""
        self._refusals += reasons

    def hold(self) -> None:
        """From now on appends wait."""
        if self._held is None:
            self._held = []

    @property
    def unsynced(self) -> int:
        """How many appends wait."""
        return len(self._held or ())

    def sync(self, count: int | None = None) -> None:
        """Make the first C{count} appends that wait durable; None: all, and end the hold."""
        held = self._held or []
        self._held = None if count is None else held[count:]
        for waiting in held[:count]:
            self._database.append(waiting.batch, waiting.header)
            waiting.done.callback(None)

    def refuse_unsynced(self, reason: Exception) -> None:
        """Let what waits fail, cleanly; the hold goes on."""
        held, self._held = self._held or [], []
        for waiting in held:
            waiting.done.errback(reason)

    def lose_unsynced(self, kept: int = 0) -> MemoryJournal:
        """
        Crash.

        @param kept: how many of the appends that wait reached the disk, though unacknowledged.
        @return: the journal as the next life opens it.
        """
        for waiting in (self._held or [])[:kept]:
            self._database.append(waiting.batch, waiting.header)
        self._dead = True
        return MemoryJournal(database=self._database)

    async def close(self) -> None:
        """Nothing to let go of: the next life reads on."""
