"""Services that may await, and the daemon around one."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from pathlib import Path
from unittest import mock

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import ConfigurationError, GanetiError
from ganeti.utils.pidfile import PidFile
from ganeti.utils.service import AsyncService, Readiness, RootService


class Probe(AsyncService):
    name = "probe"

    def __init__(self) -> None:
        self.starting: Deferred[None] = Deferred()
        self.stopping: Deferred[None] = Deferred()
        self.stopped = False

    async def start(self) -> None:
        await self.starting

    async def stop(self) -> None:
        self.stopped = True
        await self.stopping


class AsyncServiceTests(SynchronousTestCase):
    def test_stop_waits(self) -> None:
        """Stopping returns when the service has stopped."""
        service = Probe()
        service.startService()
        service.starting.callback(None)
        stopping = service.stopService()
        self.assertNoResult(stopping)
        service.stopping.callback(None)
        self.successResultOf(stopping)

    def test_stopped_while_starting(self) -> None:
        """The start is cancelled, and the service stopped all the same."""
        service = Probe()
        service.startService()
        service.stopping.callback(None)
        self.successResultOf(service.stopService())
        self.assertTrue(service.stopped)

    def test_start_fails(self) -> None:
        """It is logged."""
        service = Probe()
        service.startService()
        service.starting.errback(GanetiError("no"))
        self.assertEqual(len(self.flushLoggedErrors(GanetiError)), 1)


class FakeReactor(Clock):
    stopped = 0

    def callWhenRunning(self, function: object) -> None:
        self.callLater(0, function)

    def stop(self) -> None:
        self.stopped += 1


class RootServiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.probe = Probe()
        self.pid_file = Path(self.enterContext(tempfile.TemporaryDirectory())) / "probe.pid"
        self.statuses: list[int] = []
        self.read_fd, write_fd = os.pipe()
        self.addCleanup(os.close, self.read_fd)
        self.root = RootService(
            self.reactor,
            self.probe,
            pid_file=str(self.pid_file),
            readiness=Readiness(fd=write_fd),
            stop_limit_s=9,
            exit_with=self.statuses.append,
        )
        self.stderr = io.StringIO()
        self.enterContext(mock.patch.object(sys, "__stderr__", self.stderr))

    def told(self) -> bytes:
        return os.read(self.read_fd, 1000) + os.read(self.read_fd, 1000)

    def begin(self) -> None:
        self.root.startService()
        self.reactor.advance(0)

    def test_ready(self) -> None:
        """The starter is told when the service serves; the pid file holds until it stopped."""
        self.begin()
        self.probe.starting.callback(None)
        self.assertEqual(self.told(), b"READY=1\n")
        stopping = self.root.stopService()
        self.assertEqual(self.pid_file.read_text(), f"{os.getpid()}\n")
        self.probe.stopping.callback(None)
        self.successResultOf(stopping)
        self.assertEqual(self.pid_file.read_text(), "")
        self.assertEqual(self.statuses, [])

    def test_start_fails(self) -> None:
        """One line for whoever looks, status 1, and the process ends."""
        self.begin()
        self.probe.starting.errback(ConfigurationError("no\ncertificate"))
        line = "probe did not start: no certificate"
        self.assertEqual(self.told(), f"ERROR={line}\n".encode())
        self.assertEqual(self.stderr.getvalue(), line + "\n")
        self.assertEqual((self.statuses, self.reactor.stopped), ([1], 1))

    def test_a_defect_at_start(self) -> None:
        """Its traceback goes to the log."""
        self.begin()
        self.probe.starting.errback(KeyError("x"))
        self.assertEqual(self.told(), b"ERROR=probe did not start: KeyError: 'x'\n")
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_running_already(self) -> None:
        """A second daemon on a node does not start."""
        with mock.patch.object(PidFile, "acquire", side_effect=ConfigurationError("locked")):
            self.begin()
        self.assertIn(b"locked", self.told())
        self.assertEqual(self.statuses, [1])

    def test_stopped_before_the_reactor_ran(self) -> None:
        """Nothing is started then."""
        self.root.startService()
        self.probe.stopping.callback(None)
        self.successResultOf(self.root.stopService())
        self.reactor.advance(0)
        self.assertIsNone(self.root.started)

    def test_stopped_while_starting(self) -> None:
        """The starter is told so."""
        self.begin()
        self.probe.stopping.callback(None)
        self.successResultOf(self.root.stopService())
        self.assertIn(b"was stopped", self.told())
        self.assertEqual(self.statuses, [])

    def test_stop_hangs(self) -> None:
        """A service that does not stop cannot hold the process."""
        self.begin()
        self.probe.starting.callback(None)
        stopping = self.root.stopService()
        self.reactor.advance(9)
        self.successResultOf(stopping)
        self.assertIn("within 9 s", str(self.flushLoggedErrors(GanetiError)[0].value))

    def test_starter_is_gone(self) -> None:
        """That does not matter."""
        os.dup2(os.open(os.devnull, os.O_RDONLY), self.read_fd)
        self.begin()
        self.probe.starting.callback(None)
        self.probe.stopping.callback(None)
        self.successResultOf(self.root.stopService())
