"""A journal in memory that can lose, delay and refuse writes: for tests and simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred

from ganeti.model.state import StateHeader
from ganeti.store.database import LOG_KEPT, Database
from ganeti.store.entry import Entry
from ganeti.store.journal import DatabaseJournal
from ganeti.store.thread import InPlace


@dataclass
class _Unsynced:
    batch: Sequence[Entry]
    header: StateHeader
    done: Deferred[None] = field(default_factory=Deferred)


class MemoryJournal(DatabaseJournal):
    """
    The real tables, in memory.

    By itself every append is durable at once. After C{hold()} appends wait, unsynced, until
    C{sync()}; C{lose_unsynced()} is a crash: what waits is gone, and its waiters never hear of it.
    Hand the journal to the next life of its owner to simulate a restart.
    """

    def __init__(self, *, log_kept: int = LOG_KEPT) -> None:
        super().__init__(Database(":memory:", log_kept=log_kept), InPlace())
        self._held: list[_Unsynced] | None = None
        self._refusals: list[Exception] = []

    async def append(self, batch: Sequence[Entry], header: StateHeader) -> None:
        if self._refusals:
            raise self._refusals.pop(0)
        if self._held is None:
            await super().append(batch, header)
            return
        waiting = _Unsynced(batch, header)
        self._held.append(waiting)
        await waiting.done

    async def probe(self) -> None:
        if self._refusals:
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

    def lose_unsynced(self, kept: int = 0) -> None:
        """Crash: of what waits only the first C{kept} appends reached the disk, unacknowledged."""
        for waiting in (self._held or [])[:kept]:
            self._database.append(waiting.batch, waiting.header)
        self._held = None
        self._refusals = []

    async def close(self) -> None:
        """Nothing to let go of: the next life reads on."""
