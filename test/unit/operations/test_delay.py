"""The delay that tests the machinery."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from support.fakejob import FakeJob, run_unit
from support.samples import make_config, node_uuid
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from ganeti.errors import ErrorCode, JobCanceled, OpPrereqError
from ganeti.model.locks import Level, exclusive
from ganeti.opcodes.test import OpTestDelay
from ganeti.operations.test import delay
from ganeti.operations.unit import END
from ganeti.paths import Paths
from ganeti.rpc.calls import Delay
from ganeti.utils.sockets import connect_unix


class DelayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.job = FakeJob(make_config(), {Delay: None})

    def start(self, **settings: Any) -> Deferred[None]:
        op = OpTestDelay(**settings)
        return Deferred.fromCoroutine(run_unit(delay.TestDelay, op, self.job))

    def refused(self, text: str, code: ErrorCode, **settings: Any) -> None:
        failure = self.failureResultOf(self.start(**settings), OpPrereqError)
        self.assertEqual((str(failure.value), failure.value.code), (text, code))

    def test_nothing(self) -> None:
        """No duration takes no time and calls nobody."""
        self.assertIsNone(self.successResultOf(self.start(duration=0.0)))
        self.assertEqual(self.job.clock.getDelayedCalls(), [])
        self.assertEqual((self.job.rpc.calls, self.job.lines), ([], []))

    def test_on_master(self) -> None:
        """The master waits as long as asked."""
        waiting = self.start(duration=2.0)
        self.job.clock.advance(1.9)
        self.assertNoResult(waiting)
        self.job.clock.advance(0.1)
        self.assertIsNone(self.successResultOf(waiting))

    def test_on_nodes(self) -> None:
        """Nodes wait all at once, in steps that only need to be ended."""
        self.successResultOf(self.start(duration=2.0, on_master=False, on_nodes=("node2", "node3")))
        self.assertEqual(
            [(step.node, step.call, step.undo) for step in self.job.steps],
            [(node_uuid(n), Delay(duration_s=2.0), END) for n in (2, 3)],
        )

    def test_repeat(self) -> None:
        """Repetitions are numbered in the log."""
        self.successResultOf(self.start(duration=0.0, repeat=2))
        self.assertEqual(
            self.job.lines,
            [" - INFO: Test delay iteration 0/1", " - INFO: Test delay iteration 1/1"],
        )

    def test_canceled_between_repetitions(self) -> None:
        """A canceled job stops at the next repetition."""
        self.job.canceled = True
        self.failureResultOf(self.start(duration=0.0, repeat=2), JobCanceled)

    def test_locks(self) -> None:
        """Nodes are locked only when that is asked for; uuids go before names."""
        op = OpTestDelay(duration=0.0, on_nodes=("node2",))
        self.assertEqual(delay.TestDelay(op, self.job).locks(self.job.state), ())
        op = OpTestDelay(
            duration=0.0, on_nodes=("node2",), on_node_uuids=(node_uuid(3),), no_locks=False
        )
        self.assertEqual(
            delay.TestDelay(op, self.job).locks(self.job.state),
            exclusive(Level.NODE, node_uuid(3)),
        )

    def test_refused(self) -> None:
        """Impossible durations and unknown nodes are refused."""
        for duration in (-1.0, float("nan"), float("inf")):
            self.refused(
                f"The duration must be between 0 and 604800 seconds, not {duration}",
                ErrorCode.WRONG_INPUT,
                duration=duration,
            )
        self.refused(
            "Node 'nosuch' not known", ErrorCode.NOT_FOUND, duration=0.0, on_nodes=("nosuch",)
        )
        self.refused(
            "Only a delay on the master can be interrupted",
            ErrorCode.WRONG_INPUT,
            duration=1.0,
            on_nodes=("node2",),
            interruptible=True,
        )

    def test_interruptible_on_a_clock(self) -> None:
        """Without sockets only time ends the wait."""
        waiting = self.start(duration=1.0, interruptible=True)
        self.job.clock.advance(1)
        self.successResultOf(waiting)
        self.assertEqual(self.job.entries, [])


class InterruptionTests(TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="operations-")
        self.addCleanup(folder.cleanup)
        self.job = FakeJob(make_config())
        self.job.paths = Paths(folder.name + "/node1.example.com", "node1.example.com")
        os.makedirs(self.job.paths.socket_dir)
        self.job.clock = reactor  # type: ignore[assignment]

    async def test_interruption(self) -> None:
        """Whoever connects to the socket that the log names ends the wait."""
        op = OpTestDelay(duration=60.0, interruptible=True)
        waiting = Deferred.fromCoroutine(run_unit(delay.TestDelay, op, self.job))
        kind, (path,) = self.job.entries[0]
        self.assertEqual(kind, "delay-test")
        connect_unix(path, 5).close()
        await waiting
        self.assertNotIn(os.path.basename(path), os.listdir(self.job.paths.socket_dir))
