"""The runner that runs nothing behaves like the real one."""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ganeti.errors import CommandError
from ganeti.utils.interfaces import IProcessRunner, Output
from ganeti.utils.scripted import Command, ScriptedProcessRunner


class ScriptedProcessRunnerTests(SynchronousTestCase):
    def test_records_and_answers(self) -> None:
        """Commands are kept as values; lines, pid and failures come as from a real one."""
        runner = ScriptedProcessRunner(lambda command: Output(stdout=b"a\nb\n", status=2))
        verifyObject(IProcessRunner, runner)
        lines: list[str] = []
        pids: list[int] = []
        failing = Deferred.fromCoroutine(
            runner.run(["x", "y"], timeout_s=3, on_line=lines.append, on_start=pids.append)
        )
        error = self.failureResultOf(failing, CommandError).value
        self.assertEqual(str(error), "x exited with status 2: a\nb")
        self.assertEqual(runner.commands, [Command(("x", "y"), timeout_s=3)])
        self.assertEqual((lines, pids), (["a", "b"], [runner.PID]))

    def test_takes_time(self) -> None:
        """An awaitable answer is a program that runs."""
        running: Deferred[Output] = Deferred()
        runner = ScriptedProcessRunner(lambda command: running)
        done = Deferred.fromCoroutine(runner.run(["x"], timeout_s=3))
        self.assertNoResult(done)
        running.callback(Output(stdout=b"1"))
        self.assertEqual(self.successResultOf(done).stdout, b"1")
