"""The computing thread: one thing after another, and nobody waits who does not want to."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, cast

import pytest
from twisted.internet.interfaces import IReactorFromThreads
from twisted.trial.unittest import SynchronousTestCase

from ganeti.masterd.computing import ComputingThread

LIMIT_S = 90.0


class Inbox:
    """What threads hand to the reactor, taken one by one."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], Any]] = SimpleQueue()

    def callFromThread(self, function: Callable[..., Any], *args: Any) -> None:
        self._calls.put(lambda: function(*args))

    def take(self) -> None:
        self._calls.get(timeout=LIMIT_S)()

    @property
    def empty(self) -> bool:
        return self._calls.empty()


class ComputingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.inbox = Inbox()
        self.name = self.id()  # the threads of other tests may still be there
        self.computing = ComputingThread(cast(IReactorFromThreads, self.inbox), self.name)
        self.addCleanup(self.computing.close)

    def block(self) -> threading.Event:
        """Something that computes until the event is set."""
        begun, end = threading.Event(), threading.Event()

        def compute() -> str:
            begun.set()
            end.wait(LIMIT_S)
            return "late"

        self.blocked = self.computing.run(compute)
        self.assertTrue(begun.wait(LIMIT_S))
        self.addCleanup(end.set)
        return end

    def test_results(self) -> None:
        """Results and errors come back, from another thread than the caller's."""
        found = self.computing.run(lambda a, b: (a + b, threading.current_thread().name), 1, b=2)
        self.assertNoResult(found)
        self.inbox.take()
        self.assertEqual(self.successResultOf(found), (3, self.name))
        failed = self.computing.run(lambda: 1 // 0)
        self.inbox.take()
        self.failureResultOf(failed, ZeroDivisionError)
        again = self.computing.run(int, "7")
        self.inbox.take()
        self.assertEqual(self.successResultOf(again), 7)

    def test_no_thread_before_it_is_needed(self) -> None:
        """A daemon that computes nothing has no such thread."""
        self.assertNotIn(self.name, [thread.name for thread in threading.enumerate()])

    def test_order(self) -> None:
        """One at a time, in the order asked."""
        end = self.block()
        order: list[int] = []
        later = [self.computing.run(order.append, number) for number in range(3)]
        self.assertEqual(order, [])
        end.set()
        for _ in range(4):
            self.inbox.take()
        self.assertEqual((self.successResultOf(self.blocked), order), ("late", [0, 1, 2]))
        for each in later:
            self.successResultOf(each)

    def test_cancelled(self) -> None:
        """Who cancels leaves at once; what had not begun does not begin."""
        end = self.block()
        done: list[str] = []
        waiting = self.computing.run(done.append, "never")
        last = self.computing.run(done.append, "last")
        for each in (self.blocked, waiting):
            each.cancel()
            each.addErrback(lambda _failure: None)
            self.successResultOf(each)
        end.set()
        self.inbox.take()
        self.inbox.take()
        self.successResultOf(last)
        self.assertEqual((done, self.inbox.empty), (["last"], True))

    def test_closed(self) -> None:
        """Closing waits for nothing and begins nothing."""
        end = self.block()
        self.computing.close()
        never = self.computing.run(int, "7")
        end.set()
        self.inbox.take()
        self.assertNoResult(never)


@pytest.mark.slow
def test_end_of_process() -> None:
    """A process ends although something computes."""
    program = (
        "import time\n"
        "from twisted.internet import reactor\n"
        "from ganeti.masterd.computing import ComputingThread\n"
        "computing = ComputingThread(reactor, 'computing')\n"
        "computing.run(lambda: [time.sleep(1) for _ in range(60)])\n"
        "reactor.callLater(0.1, reactor.stop)\n"
        "reactor.run()\n"
    )
    subprocess.run([sys.executable, "-c", program], timeout=30, check=True)


def test_nothing_to_compute_with_is_loaded() -> None:
    """The master daemon loads what computes placement when it is first asked."""
    program = (
        "import sys\n"
        "import ganeti.masterd.service\n"
        "sys.exit(any(name in sys.modules for name in ('numpy', 'ganeti.htools.allocation')))\n"
    )
    subprocess.run([sys.executable, "-c", program], timeout=60, check=True)
