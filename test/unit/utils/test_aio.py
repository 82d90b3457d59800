"""Waiting for several things, for a while, for a turn."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import GanetiError, LockError, StorageError
from ganeti.utils import aio


async def give(deferred: Deferred[Any]) -> Any:
    return await deferred


class GatherTests(SynchronousTestCase):
    def test_in_order(self) -> None:
        """Results come in the order asked, whatever ended first."""
        one: Deferred[int] = Deferred()
        two: Deferred[int] = Deferred()
        all_ = Deferred.fromCoroutine(aio.gather([give(one), two]))
        two.callback(2)
        self.assertNoResult(all_)
        one.callback(1)
        self.assertEqual(self.successResultOf(all_), [1, 2])

    def test_nothing(self) -> None:
        """Nothing to wait for."""
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(aio.gather([]))), [])

    def test_first_error_ends_the_others(self) -> None:
        """The error itself is raised, after the others were cancelled and have ended."""
        cleaned: Deferred[None] = Deferred()
        ended: list[str] = []

        async def slow() -> None:
            try:
                await Deferred()
            finally:
                await cleaned
                ended.append("slow")

        bad: Deferred[None] = Deferred()
        all_ = Deferred.fromCoroutine(aio.gather([slow(), bad]))
        bad.errback(StorageError("no room"))
        self.assertNoResult(all_)
        cleaned.callback(None)
        self.assertEqual(ended, ["slow"])
        self.assertEqual(str(self.failureResultOf(all_, StorageError).value), "no room")

    def test_cancel(self) -> None:
        """Cancelling cancels all."""
        cancelled: list[Deferred[None]] = []
        waits = [Deferred(cancelled.append), Deferred(cancelled.append)]
        all_ = Deferred.fromCoroutine(aio.gather(waits))
        all_.cancel()
        self.failureResultOf(all_, CancelledError)
        self.assertEqual(cancelled, waits)

    def test_errors_as_values(self) -> None:
        """Each key has its result or its error."""
        good: Deferred[int] = Deferred()
        bad: Deferred[int] = Deferred()
        all_ = Deferred.fromCoroutine(aio.gather_results({"a": good, "b": give(bad)}))
        error = StorageError("no room")
        bad.errback(error)
        self.assertNoResult(all_)
        good.callback(1)
        self.assertEqual(self.successResultOf(all_), {"a": 1, "b": error})

    def test_a_defect_is_raised(self) -> None:
        """What is no GanetiError is not a value, and still all are waited for."""
        good: Deferred[int] = Deferred()
        bad: Deferred[int] = Deferred()
        all_ = Deferred.fromCoroutine(aio.gather_results({1: bad, 2: good}))
        bad.errback(KeyError("x"))
        self.assertNoResult(all_)
        good.callback(1)
        self.failureResultOf(all_, KeyError)

    def test_errors_as_values_cancelled(self) -> None:
        """Cancelling is no value."""
        all_ = Deferred.fromCoroutine(aio.gather_results({1: give(Deferred())}))
        all_.cancel()
        self.failureResultOf(all_, CancelledError)


class TimeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()

    def with_timeout(self, awaitable: Awaitable[Any]) -> Deferred[Any]:
        return Deferred.fromCoroutine(
            aio.with_timeout(awaitable, 5, self.clock, GanetiError("late"))
        )

    def test_in_time(self) -> None:
        """The result, and no timer is left."""
        self.assertEqual(self.successResultOf(self.with_timeout(_value(3))), 3)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_late(self) -> None:
        """Our own error, after what was waited for has ended."""
        cleaned: Deferred[None] = Deferred()

        async def slow() -> None:
            try:
                await Deferred()
            finally:
                await cleaned

        waiting = self.with_timeout(slow())
        self.clock.advance(5)
        self.assertNoResult(waiting)
        cleaned.callback(None)
        self.assertEqual(str(self.failureResultOf(waiting).value), "late")

    def test_ends_well_although_late(self) -> None:
        """A result that came while being cancelled is not lost."""

        async def stubborn() -> int:
            try:
                await Deferred()
            except CancelledError:
                pass
            return 4

        waiting = self.with_timeout(stubborn())
        self.clock.advance(5)
        self.assertEqual(self.successResultOf(waiting), 4)

    def test_cancelled_from_outside(self) -> None:
        """That is not a timeout."""
        waiting = self.with_timeout(Deferred())
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_own_error(self) -> None:
        """An error in time is raised as it is."""
        failing: Deferred[None] = Deferred()
        waiting = self.with_timeout(failing)
        failing.errback(LockError("x"))
        self.failureResultOf(waiting, LockError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_sleep(self) -> None:
        """Sleeping ends in time, or when cancelled."""
        one = Deferred.fromCoroutine(aio.sleep(self.clock, 2))
        two = Deferred.fromCoroutine(aio.sleep(self.clock, 2))
        two.cancel()
        self.failureResultOf(two, CancelledError)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(2)
        self.successResultOf(one)

    def test_uncancelled(self) -> None:
        """Cleaning up goes on to its end; then the cancellation counts."""
        step: Deferred[None] = Deferred()
        ended: list[int] = []

        async def clean() -> None:
            await step
            ended.append(1)

        waiting = Deferred.fromCoroutine(aio.uncancelled(clean()))
        waiting.cancel()
        self.assertNoResult(waiting)
        step.callback(None)
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(ended, [1])

    def test_uncancelled_result(self) -> None:
        """Its result and its errors come through."""
        done = Deferred.fromCoroutine(aio.uncancelled(_value(2)))
        self.assertEqual(self.successResultOf(done), 2)
        failing: Deferred[None] = Deferred()
        waiting = Deferred.fromCoroutine(aio.uncancelled(failing))
        failing.errback(LockError("x"))
        self.failureResultOf(waiting, LockError)


async def _value(value: int) -> int:
    return value


class EventTests(SynchronousTestCase):
    def test_event(self) -> None:
        """Who waits is woken once; later waits return at once, until it is cleared."""
        event = aio.Event()
        first, second = (Deferred.fromCoroutine(event.wait()) for _ in "12")
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.assertNoResult(first)
        event.set()
        self.successResultOf(first)
        self.successResultOf(Deferred.fromCoroutine(event.wait()))
        event.clear()
        self.assertNoResult(Deferred.fromCoroutine(event.wait()))

    def test_condition(self) -> None:
        """Each change wakes those who waited for it, not who waits anew."""
        condition = aio.Condition()
        seen: list[int] = []

        async def watch() -> None:
            while True:
                await condition.wait()
                seen.append(len(seen))

        watching = Deferred.fromCoroutine(watch())
        condition.notify_all()
        condition.notify_all()
        self.assertEqual(seen, [0, 1])
        watching.cancel()
        self.failureResultOf(watching, CancelledError)

    def test_one_that_is_woken_cancels_another(self) -> None:
        """The other is cancelled, not woken."""
        condition = aio.Condition()

        async def first() -> None:
            await condition.wait()
            second.cancel()

        one = Deferred.fromCoroutine(first())
        second = Deferred.fromCoroutine(condition.wait())
        condition.notify_all()
        self.successResultOf(one)
        self.failureResultOf(second, CancelledError)


class KeyedLockTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.lock = aio.KeyedLock()
        self.order: list[str] = []

    def hold(self, key: str, name: str) -> tuple[Deferred[None], Deferred[None]]:
        release: Deferred[None] = Deferred()

        async def holder() -> None:
            async with self.lock.hold(key):
                self.order.append(name)
                await release

        return Deferred.fromCoroutine(holder()), release

    def test_turns(self) -> None:
        """One at a time per key, in the order asked; other keys are free."""
        _, end_first = self.hold("a", "first")
        self.hold("b", "other")
        second, _ = self.hold("a", "second")
        third, _ = self.hold("a", "third")
        self.assertEqual(self.order, ["first", "other"])
        second.cancel()
        self.failureResultOf(second, CancelledError)
        end_first.callback(None)
        self.assertEqual(self.order, ["first", "other", "third"])
        third.cancel()
        self.failureResultOf(third, CancelledError)
        self.hold("a", "fourth")
        self.assertEqual(self.order[-1], "fourth")
