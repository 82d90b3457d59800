"""Blocking calls, kept out of the reactor's way (needs Twisted)."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.threads import deferToThreadPool

from ganeti.utils.aio import uncancelled

P = ParamSpec("P")
T = TypeVar("T")


class Threads(Protocol):
    """Runs blocking functions, several at once; by custom they are named C{thd_…}."""

    def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """
        What the function returns.

        It cannot be stopped, and must not go on unseen: who cancels waits for its end.
        """


class ReactorThreads:
    """In the reactor's thread pool."""

    def __init__(self, reactor: IReactorThreads) -> None:
        self._reactor = reactor

    def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        pool = self._reactor.getThreadPool()
        running = deferToThreadPool(self._reactor, pool, function, *args, **kwargs)
        return Deferred.fromCoroutine(uncancelled(running))


class NoThreads:
    """In the caller's thread, at once: for tests and simulation."""

    def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        return maybeDeferred(function, *args, **kwargs)
