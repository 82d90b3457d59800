"""The master daemon's one thread for what takes the processor long."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

P = ParamSpec("P")
T = TypeVar("T")


class ComputingThread:
    """
    Computes one thing after another, in the order asked.

    The thread begins with the first computation. Who cancels leaves at once: what is being
    computed then is thrown away when it is there, and what has not begun does not begin.
    Nothing waits for it at the end of the process, either.
    """

    def __init__(self, reactor: IReactorFromThreads, name: str) -> None:
        self._reactor = reactor
        self._name = name
        self._work: SimpleQueue[_Computation | None] = SimpleQueue()
        self._thread: Thread | None = None

    def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """What C{function} returns or raises; it must touch nothing that changes."""
        computation = _Computation(lambda: function(*args, **kwargs))
        self._work.put(computation)
        if self._thread is None:
            self._thread = Thread(target=self._thd_compute, name=self._name, daemon=True)
            self._thread.start()
        return computation.result

    def close(self) -> None:
        """Begin nothing any more."""
        self._work.put(None)

    def _thd_compute(self) -> None:
        while (computation := self._work.get()) is not None:
            if not computation.abandoned:
                result = computation.thd_outcome()
                self._reactor.callFromThread(computation.deliver, result)


class _Computation:
    """One function to call, and who waits for it."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self.abandoned = False
        self.result: Deferred[Any] = Deferred(self._abandon)

    def _abandon(self, _: Deferred[Any]) -> None:
        self.abandoned = True

    def thd_outcome(self) -> Any:
        try:
            return self._function()
        except BaseException:
            return Failure()

    def deliver(self, outcome: Any) -> None:
        if not self.abandoned:
            self.result.callback(outcome)
