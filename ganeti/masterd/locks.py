"""Hold sets of cluster locks from coroutines."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from twisted.internet.defer import CancelledError, Deferred

from ganeti.masterd.locktable import Key, LockRow, LockTable, Wanted
from ganeti.model.locks import LockMode


class LockManager:
    """
    The lock table with somebody to wake.

    An owner is a job id. It acquires once, may grow (giving all back first, in
    its old place) or shrink, and releases. A cancelled wait leaves the queue.
    """

    def __init__(self) -> None:
        self._table = LockTable()
        self._waiters: dict[int, Deferred[None]] = {}
        self._granted: deque[int] = deque()
        self._waking = False

    async def acquire(self, owner: int, wanted: Wanted, priority: int) -> None:
        """Return when C{owner} holds all of C{wanted}."""
        if not self._table.request(owner, wanted, priority):
            await self._wait(owner)

    async def again(self, owner: int, wanted: Wanted) -> None:
        """Give back what C{owner} holds and return when it holds C{wanted}."""
        granted = self._table.again(owner, wanted)
        self._wake(other for other in granted if other != owner)
        if owner not in granted:
            await self._wait(owner)

    def adopt(self, owner: int, held: Wanted, priority: int) -> None:
        """Enter the holder of C{held}: a job that was interrupted before the start."""
        self._table.adopt(owner, held, priority)

    def release(self, owner: int) -> None:
        """Free all of C{owner}; harmless when it holds nothing."""
        self._wake(self._table.release(owner))

    def shrink(self, owner: int, keep: Iterable[Key]) -> None:
        """Free all of C{owner} but C{keep}."""
        self._wake(self._table.shrink(owner, keep))

    def reprioritise(self, owner: int, priority: int) -> None:
        """Move C{owner} among the waiting."""
        self._wake(self._table.reprioritise(owner, priority))

    def held(self, owner: int) -> Mapping[Key, LockMode]:
        """What C{owner} holds; empty while it waits."""
        return self._table.held(owner)

    def obtainable(self, wanted: Wanted) -> Wanted:
        """Those of C{wanted} that would be granted at once, each alone."""
        return self._table.obtainable(wanted)

    def owners(self) -> set[int]:
        """All that hold locks."""
        return self._table.owners()

    def rows(self) -> list[LockRow]:
        """The table as C{gnt-debug locks} shows it."""
        return self._table.rows()

    async def _wait(self, owner: int) -> None:
        waiter: Deferred[None] = Deferred()
        self._waiters[owner] = waiter
        try:
            await waiter
        except CancelledError:
            self._waiters.pop(owner, None)
            self.release(owner)
            raise

    def _wake(self, granted: Iterable[int]) -> None:
        """Resume the granted, one after another: who resumes may free locks and come here again."""
        self._granted.extend(granted)
        if self._waking:
            return
        self._waking = True
        try:
            while self._granted:
                waiter = self._waiters.pop(self._granted.popleft(), None)
                if waiter is not None:
                    waiter.callback(None)
        finally:
            self._waking = False
