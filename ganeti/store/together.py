"""One sync for many changes: what waits for a database is done in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, ParamSpec, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ganeti.store.nodestate_db import Outcome
from ganeti.store.thread import Runs

P = ParamSpec("P")
T = TypeVar("T")

MOST = 256
"""Calls in one transaction."""


class Grouping(Protocol):
    """A database that makes several calls of its methods in one transaction."""

    def together(self, calls: Sequence[Callable[[], Any]]) -> list[Outcome]:
        """
        What became of each, in their order.

        @raise errors.StorageError: none of them has changed anything.
        """


class _Call(NamedTuple):
    make: Callable[[], Any]
    answer: Deferred[Any]


class Together:
    """
    Makes calls in the order asked; those that come while others are made are made together.

    Cancelling what C{run} returned does not stop the call; it only stops waiting for it.
    """

    def __init__(self, runner: Runs, database: Grouping) -> None:
        self._runner = runner
        self._database = database
        self._waiting: list[_Call] = []
        self._busy = False

    def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        answer: Deferred[T] = Deferred()
        self._waiting.append(_Call(partial(function, *args, **kwargs), answer))
        self._next()
        return answer

    async def drained(self) -> None:
        """Wait until nothing is under way."""
        while self._busy:
            await self.run(_nothing)

    def _next(self) -> None:
        if self._busy or not self._waiting:
            return
        self._busy = True
        calls, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        made = self._runner.run(self._database.together, [call.make for call in calls])
        made.addBoth(self._made, calls)

    def _made(self, outcomes: list[Outcome] | Failure, calls: Sequence[_Call]) -> None:
        self._busy = False
        self._next()
        if isinstance(outcomes, Failure):
            for call in calls:
                call.answer.errback(outcomes)
            return
        for call, (result, error) in zip(calls, outcomes, strict=True):
            if error is None:
                call.answer.callback(result)
            else:
                call.answer.errback(error)


def _nothing() -> None:
    return
