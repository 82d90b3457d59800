"""Threads for calls that may hang, and that nobody waits for at the end of the daemon."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ganeti.utils.aio import with_timeout

T = TypeVar("T")


class Workers:
    """
    So many threads, made when they are first needed.

    A call that is given up before it began is not made. One that is given up later goes on in
    its thread until it ends; another thread takes its place.
    """

    def __init__(self, reactor: Any, name: str, count: int) -> None:
        """@param reactor: provides IReactorTime and IReactorFromThreads."""
        self._reactor = reactor
        self._name = name
        self._count = count
        self._threads = 0
        self._made = 0
        self._tasks: queue.SimpleQueue[_Task[Any] | None] = queue.SimpleQueue()

    @property
    def idle(self) -> bool:
        """Whether there was never anything to do."""
        return not self._made

    async def run(self, thd_call: Callable[[], T], limit_s: float, late: Exception) -> T:
        """
        What the function returns.

        @param late: raised when it takes longer than C{limit_s}, with the time it waited.
        """
        task = _Task(thd_call, self._reactor, self._given_up)
        self._tasks.put(task)
        if self._threads < self._count:
            self._add_thread()
        return await with_timeout(task.answer, limit_s, self._reactor, late)

    async def run_apart(self, thd_call: Callable[[], T], limit_s: float, late: Exception) -> T:
        """The same in a thread of its own, for what is known to hang: it is in nobody's way."""
        task = _Task(thd_call, self._reactor, _ignore)
        self._start_thread(task.thd_run)
        return await with_timeout(task.answer, limit_s, self._reactor, late)

    def stop(self) -> None:
        """The threads end when they have done what is waiting."""
        for _ in range(self._threads):
            self._tasks.put(None)
        self._threads = 0

    def _add_thread(self) -> None:
        self._threads += 1
        self._start_thread(self._thd_work)

    def _start_thread(self, thd_function: Callable[[], object]) -> None:
        self._made += 1
        name = f"{self._name} {self._made}"
        threading.Thread(target=thd_function, name=name, daemon=True).start()

    def _thd_work(self) -> None:
        while (task := self._tasks.get()) is not None:
            if not task.thd_run():
                return  # it has been replaced

    def _given_up(self) -> None:
        """A thread hangs."""
        self._threads -= 1
        if not self._tasks.empty():
            self._add_thread()


def _ignore() -> None:
    """A thread that is used once needs no other in its place."""


class _Stage(Enum):
    WAITING = auto()
    RUNNING = auto()
    ENDED = auto()
    GIVEN_UP = auto()


class _Task(Generic[T]):
    """A call, and who waits for it; given up by cancelling C{answer}."""

    def __init__(
        self, thd_call: Callable[[], T], reactor: Any, on_hanging: Callable[[], None]
    ) -> None:
        self.answer: Deferred[T] = Deferred(self._give_up)
        self._thd_call = thd_call
        self._reactor = reactor
        self._on_hanging = on_hanging
        self._lock = threading.Lock()
        self._stage = _Stage.WAITING

    def thd_run(self) -> bool:
        """Make the call, unless it was given up; False when it was given up meanwhile."""
        if not self._move(_Stage.WAITING, _Stage.RUNNING):
            return True
        outcome = self._thd_outcome()
        if not self._move(_Stage.RUNNING, _Stage.ENDED):
            return False
        self._reactor.callFromThread(self._fire, outcome)
        return True

    def _thd_outcome(self) -> T | Failure:
        try:
            return self._thd_call()
        except Exception:
            return Failure()

    def _fire(self, outcome: T | Failure) -> None:
        if not self.answer.called:  # it may have been given up since
            self.answer.callback(outcome)

    def _give_up(self, _answer: object) -> None:
        if not self._move(_Stage.WAITING, _Stage.GIVEN_UP) and self._move(
            _Stage.RUNNING, _Stage.GIVEN_UP
        ):
            self._on_hanging()

    def _move(self, old: _Stage, new: _Stage) -> bool:
        """Go from one stage to another; False when it is not at the first."""
        with self._lock:
            if self._stage is not old:
                return False
            self._stage = new
            return True
