"""Coroutines that hold cluster locks."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.masterd.locks import LockManager
from ganeti.model.locks import Level, LockMode

A = {(Level.NODE, "a"): LockMode.EXCLUSIVE}
B = {(Level.NODE, "b"): LockMode.EXCLUSIVE}


class LockManagerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.locks = LockManager()

    def acquire(self, owner: int, wanted: dict[tuple[Level, str], LockMode]) -> Deferred[None]:
        return Deferred.fromCoroutine(self.locks.acquire(owner, wanted, 0))

    def test_waits(self) -> None:
        """The second holds the lock as soon as the first lets go."""
        self.successResultOf(self.acquire(1, A))
        second = self.acquire(2, A)
        self.assertNoResult(second)
        self.locks.release(1)
        self.successResultOf(second)

    def test_cancelled_wait(self) -> None:
        """A cancelled wait leaves the queue, and the next in line is not kept."""
        self.successResultOf(self.acquire(1, A))
        second, third = self.acquire(2, A), self.acquire(3, A)
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.locks.release(1)
        self.successResultOf(third)

    def test_grow(self) -> None:
        """Growing gives back first, so that two that want each other's lock both get through."""
        self.successResultOf(self.acquire(1, A))
        self.successResultOf(self.acquire(2, B))
        first = Deferred.fromCoroutine(self.locks.again(1, A | B))
        self.assertNoResult(first)
        second = Deferred.fromCoroutine(self.locks.again(2, A | B))
        self.successResultOf(first)
        self.locks.release(1)
        self.successResultOf(second)

    @pytest.mark.slow
    def test_long_chain(self) -> None:
        """Jobs that hand one lock on do not nest: Python's stack would be too small for so many."""
        done = []

        async def job(owner: int) -> None:
            await self.locks.acquire(owner, A, 0)
            done.append(owner)
            self.locks.release(owner)

        self.successResultOf(self.acquire(1, A))
        jobs = [Deferred.fromCoroutine(job(owner)) for owner in range(2, 502)]
        self.locks.release(1)
        for each in jobs:
            self.successResultOf(each)
        self.assertEqual(done, list(range(2, 502)))
