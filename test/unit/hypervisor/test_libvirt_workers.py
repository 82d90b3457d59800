"""Threads for calls that may hang."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti.hypervisor.libvirt.workers import Workers
from ganeti.utils.aio import as_deferred

LIMIT_S = 60.0


class Late(Exception):
    """The call took too long."""


class ClockWithThreads(Clock):
    """What threads hand over is done by C{settle}."""

    def __init__(self) -> None:
        super().__init__()
        self._handed: list[Callable[[], None]] = []
        self._something = threading.Condition()

    def callFromThread(self, function: Callable[..., None], *args: Any) -> None:
        with self._something:
            self._handed.append(lambda: function(*args))
            self._something.notify()

    def settle(self) -> None:
        """Wait for one, and do it."""
        with self._something:
            assert self._something.wait_for(lambda: self._handed, LIMIT_S)
            function = self._handed.pop(0)
        function()


class Hanging:
    """A call that returns when it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.let_go = threading.Event()
        self.thread = ""

    def __call__(self) -> str:
        self.thread = threading.current_thread().name
        self.begun.set()
        assert self.let_go.wait(LIMIT_S)
        return "late"


class WorkersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ClockWithThreads()
        self.workers = Workers(self.clock, "test", 1)
        self.hanging = Hanging()
        self.addCleanup(self.workers.stop)
        self.addCleanup(self.hanging.let_go.set)

    def call(self, function: Callable[[], Any]) -> Deferred[Any]:
        return as_deferred(self.workers.run(function, 5.0, Late()))

    def hang(self) -> Deferred[Any]:
        waiting = self.call(self.hanging)
        self.assertTrue(self.hanging.begun.wait(LIMIT_S))
        return waiting

    def test_result(self) -> None:
        """What the function returns, or raises; in a thread."""
        self.assertTrue(self.workers.idle)
        waiting = self.call(lambda: threading.current_thread().name)
        self.clock.settle()
        self.assertEqual(self.successResultOf(waiting), "test 1")
        failing = self.call(lambda: {}["x"])
        self.clock.settle()
        self.failureResultOf(failing, KeyError)
        self.assertFalse(self.workers.idle)

    def test_one_after_another(self) -> None:
        """Calls wait for a thread, in their order."""
        done: list[int] = []
        waiting = [self.call(lambda number=number: done.append(number)) for number in range(5)]
        for each in waiting:
            self.clock.settle()
            self.successResultOf(each)
        self.assertEqual(done, [0, 1, 2, 3, 4])

    def test_hanging(self) -> None:
        """One that hangs is given up, and another thread takes its place."""
        waiting = self.hang()
        self.clock.advance(5.0)
        self.failureResultOf(waiting, Late)
        other = self.call(lambda: threading.current_thread().name)
        self.clock.settle()
        self.assertEqual(self.successResultOf(other), "test 2")
        self.hanging.let_go.set()
        again = self.call(lambda: threading.current_thread().name)
        self.clock.settle()
        self.assertEqual(self.successResultOf(again), "test 2")

    def test_waiting_behind_a_hanging_one(self) -> None:
        """What waits behind it gets the new thread."""
        waiting = self.hang()
        self.clock.advance(3.0)
        behind = self.call(lambda: "done")
        self.clock.advance(2.0)
        self.failureResultOf(waiting, Late)
        self.clock.settle()
        self.assertEqual(self.successResultOf(behind), "done")

    def test_given_up_before_it_began(self) -> None:
        """A call whose time is over before there is a thread for it is never made."""
        made: list[str] = []
        waiting = self.hang()
        given_up = self.call(lambda: made.append("made"))
        given_up.cancel()
        self.failureResultOf(given_up)
        self.hanging.let_go.set()
        self.clock.settle()
        self.assertEqual(self.successResultOf(waiting), "late")
        last = self.call(lambda: made.append("last"))
        self.clock.settle()
        self.successResultOf(last)
        self.assertEqual(made, ["last"])

    def test_apart(self) -> None:
        """A call apart is in nobody's way, however long it hangs."""
        apart = as_deferred(self.workers.run_apart(self.hanging, 5.0, Late()))
        self.assertTrue(self.hanging.begun.wait(LIMIT_S))
        other = self.call(lambda: "done")
        self.clock.settle()
        self.assertEqual(self.successResultOf(other), "done")
        self.hanging.let_go.set()
        self.clock.settle()
        self.assertEqual(self.successResultOf(apart), "late")

    def test_result_after_the_end(self) -> None:
        """A result that comes just when it is given up is left."""
        waiting = self.call(lambda: "done")
        with self.clock._something:
            self.clock._something.wait_for(lambda: self.clock._handed, LIMIT_S)
        self.clock.advance(5.0)
        self.failureResultOf(waiting, Late)
        self.clock.settle()
