"""Waiting for several things, for a while, for a turn (needs Twisted)."""

from __future__ import annotations

from collections import deque
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Coroutine,
    Hashable,
    Iterable,
    Mapping,
)
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

from twisted.internet.defer import CancelledError, Deferred, FirstError, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from ganeti.errors import GanetiError

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


def as_deferred(awaitable: Awaitable[T]) -> Deferred[T]:
    """Start a coroutine; a Deferred is returned as it is."""
    if isinstance(awaitable, Deferred):
        return awaitable
    if isinstance(awaitable, Coroutine):
        return Deferred.fromCoroutine(awaitable)
    return Deferred.fromCoroutine(_await(awaitable))


async def _await(awaitable: Awaitable[T]) -> T:
    return await awaitable


async def gather(awaitables: Iterable[Awaitable[T]]) -> list[T]:
    """
    The results of all, in order.

    The first error ends the others: they are cancelled and have ended when
    this raises it. Being cancelled cancels all.
    """
    running = [as_deferred(each) for each in awaitables]
    try:
        return await gatherResults(running, consumeErrors=True)
    except FirstError as first:
        await _cancel(running)
        error = first.subFailure.value
        assert error is not None
        raise error from None
    except CancelledError:
        await _cancel(running)
        raise


async def _cancel(running: Iterable[Deferred[T]]) -> None:
    for each in running:
        each.cancel()
    for each in running:
        ended = Event()
        each.addBoth(_set, ended)
        await ended.wait()


def _set(_: object, event: Event) -> None:
    event.set()


async def gather_results(awaitables: Mapping[K, Awaitable[T]]) -> dict[K, T | GanetiError]:
    """
    The result of each, or the error that it ended with.

    All are waited for. An error that is not a L{GanetiError} is a defect: it
    is raised, after all have ended.
    """
    answers = await gather([_result(each) for each in awaitables.values()])
    for answer in answers:
        if isinstance(answer, _Defect):
            raise answer.error
    return {
        key: answer
        for key, answer in zip(awaitables, answers, strict=True)
        if not isinstance(answer, _Defect)
    }


class _Defect:
    def __init__(self, error: Exception) -> None:
        self.error = error


async def _result(awaitable: Awaitable[T]) -> T | GanetiError | _Defect:
    try:
        return await awaitable
    except CancelledError:
        raise
    except GanetiError as error:
        return error
    except Exception as error:
        return _Defect(error)


async def with_timeout(
    awaitable: Awaitable[T], seconds: float, clock: IReactorTime, error: Exception
) -> T:
    """
    What C{awaitable} gives, or C{error} raised after C{seconds}.

    What took too long is cancelled, and has ended when the error is raised;
    should it end well in spite of that, its result counts.
    """
    running = as_deferred(awaitable)
    late = False

    def end() -> None:
        nonlocal late
        late = True
        running.cancel()

    timer = clock.callLater(seconds, end)
    try:
        return await running
    except CancelledError:
        if late:
            raise error from None
        raise
    finally:
        if timer.active():
            timer.cancel()


async def uncancelled(awaitable: Awaitable[T]) -> T:
    """
    Finish C{awaitable} even when cancelled meanwhile; raise CancelledError after.

    For cleaning up, which must be short or limit itself.
    """
    outcome: list[T | Failure] = []
    ended = Event()
    as_deferred(awaitable).addBoth(_keep, outcome, ended)
    cancelled: CancelledError | None = None
    while not ended.is_set():
        try:
            await ended.wait()
        except CancelledError as error:
            cancelled = error
    result = outcome[0]
    if isinstance(result, Failure):
        assert result.value is not None
        raise result.value
    if cancelled:
        raise cancelled
    return result


def _keep(result: T | Failure, outcome: list[T | Failure], event: Event) -> None:
    outcome.append(result)
    event.set()


async def sleep(clock: IReactorTime, seconds: float) -> None:
    """Wait; can be cancelled."""
    timer: Any = None
    ended: Deferred[None] = Deferred(lambda _: timer.cancel())
    timer = clock.callLater(seconds, ended.callback, None)
    await ended


class _Waiters(Generic[T]):
    """Deferreds in the order they were asked for; a cancelled one leaves."""

    def __init__(self) -> None:
        self._queue: deque[Deferred[T]] = deque()

    def __bool__(self) -> bool:
        return bool(self._queue)

    def add(self) -> Deferred[T]:
        waiter: Deferred[T] = Deferred(self._leave)
        self._queue.append(waiter)
        return waiter

    def _leave(self, waiter: Deferred[T]) -> None:
        if waiter in self._queue:  # else it is about to be woken
            self._queue.remove(waiter)

    def wake_one(self, value: T) -> None:
        self._queue.popleft().callback(value)

    def wake_all(self, value: T) -> None:
        queue, self._queue = self._queue, deque()
        for waiter in queue:
            if not waiter.called:  # one that was woken may cancel another
                waiter.callback(value)


class Event:
    """Something that has happened, or not yet."""

    def __init__(self) -> None:
        self._set = False
        self._waiters: _Waiters[None] = _Waiters()

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        """It has happened: wake all who wait."""
        self._set = True
        self._waiters.wake_all(None)

    def clear(self) -> None:
        """Who waits from now on waits for the next C{set}."""
        self._set = False

    async def wait(self) -> None:
        """Return when it has happened; at once if it already has."""
        if not self._set:
            await self._waiters.add()


class Condition:
    """Wakes all who wait, each time that something changed."""

    def __init__(self) -> None:
        self._waiters: _Waiters[None] = _Waiters()

    async def wait(self) -> None:
        """Return at the next C{notify_all}."""
        await self._waiters.add()

    def notify_all(self) -> None:
        """Wake those who wait now."""
        self._waiters.wake_all(None)


class KeyedLock:
    """One lock per key, granted in the order asked; C{async with lock.hold(key)}."""

    def __init__(self) -> None:
        self._held: dict[Hashable, _Waiters[None]] = {}

    @asynccontextmanager
    async def hold(self, key: Hashable) -> AsyncIterator[None]:
        """Hold C{key} for the length of the block; cancelling leaves the queue."""
        await self._acquire(key)
        try:
            yield
        finally:
            self._release(key)

    async def _acquire(self, key: Hashable) -> None:
        if key in self._held:
            await self._held[key].add()
        else:
            self._held[key] = _Waiters()

    def _release(self, key: Hashable) -> None:
        waiters = self._held[key]
        if waiters:
            waiters.wake_one(None)
        else:
            del self._held[key]
