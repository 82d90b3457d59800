"""Blocking functions in threads."""

from __future__ import annotations

import threading
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from ganeti.utils.threads import ReactorThreads

LIMIT_S = 60.0


class ThreadTests(TestCase):
    timeout = 90

    async def test_result(self) -> None:
        """What the function returns."""
        self.assertEqual(await ReactorThreads(reactor).run(max, 1, 2), 2)

    async def test_cancelled(self) -> None:
        """Who cancels waits for the end of what cannot be stopped."""
        goes_on = threading.Event()
        self.addCleanup(goes_on.set)
        outcome: list[Any] = []
        running = ReactorThreads(reactor).run(goes_on.wait, LIMIT_S).addBoth(outcome.append)
        running.cancel()
        await deferLater(reactor, 0.05, lambda: None)
        self.assertEqual(outcome, [])
        goes_on.set()
        await running
        self.assertIsInstance(outcome[0].value, CancelledError)

    async def test_error(self) -> None:
        """What it raises, also when it was cancelled."""
        running: Deferred[int] = ReactorThreads(reactor).run(int, "x")
        running.cancel()
        with self.assertRaises(ValueError):
            await running
