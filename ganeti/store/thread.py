"""The one thread in which a database is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorCore, IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

P = ParamSpec("P")
T = TypeVar("T")


class Runs(Protocol):
    """Runs blocking functions one after another, in the order asked."""

    def run(
        self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Deferred[T]: ...


class Runner(Runs, Protocol):
    """The same, with something to let go of."""

    def close(self) -> None: ...


class OneThread:
    """
    A thread of its own for one blocking library.

    Cancelling what C{run} returned does not stop the function; it only stops waiting for it.
    """

    def __init__(self, reactor: IReactorFromThreads, name: str) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(minthreads=1, maxthreads=1, name=name)
        self._pool.start()
        # Without this a daemon whose start failed half-way would never end.
        self._core = IReactorCore(reactor)
        self._at_end = self._core.addSystemEventTrigger("after", "shutdown", self._pool.stop)

    def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        return deferToThreadPool(self._reactor, self._pool, function, *args, **kwargs)

    def close(self) -> None:
        """Wait for what runs, then end the thread. Call it when nothing is under way."""
        if not self._pool.joined:
            self._core.removeSystemEventTrigger(self._at_end)
            self._pool.stop()


class InPlace:
    """Runs in the caller's thread, at once: for databases in memory."""

    def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        return maybeDeferred(function, *args, **kwargs)

    def close(self) -> None:
        return
