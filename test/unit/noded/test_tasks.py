"""Lines of tasks, and what is left of their processes."""

from __future__ import annotations

import os
import signal
import subprocess
import time

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from ganeti.noded import tasks
from ganeti.noded.tasks import Progress, end_leftovers, mark_of
from ganeti.utils import procfs


class ProgressTests(SynchronousTestCase):
    """A bounded number of lines."""

    def test_numbers(self) -> None:
        """Lines are numbered from 0."""
        progress = Progress()
        for line in "abc":
            progress.add(line)
        self.assertEqual(progress.since(0), (0, ("a", "b", "c")))
        self.assertEqual(progress.since(2), (0, ("c",)))
        self.assertEqual(progress.since(9), (0, ()))
        self.assertEqual(progress.next, 3)

    def test_many_lines(self) -> None:
        """Old lines are dropped, and counted for who missed them."""
        progress = Progress()
        for number in range(tasks.MAX_LINES + 10):
            progress.add(str(number))
        dropped, lines = progress.since(0)
        self.assertEqual((dropped, len(lines), lines[0]), (10, tasks.MAX_LINES, "10"))
        self.assertEqual(progress.since(10)[0], 0)

    def test_long_lines(self) -> None:
        """Long lines are cut, and count by their length."""
        progress = Progress()
        for _ in range(1000):
            progress.add("x" * 100_000)
        _, lines = progress.since(0)
        self.assertEqual(len(lines[0]), tasks.LONGEST_LINE)
        self.assertLessEqual(sum(map(len, lines)), tasks.MAX_CHARS)

    def test_wait(self) -> None:
        """Waiting ends with the line, with the end, or with the time."""
        clock = Clock()
        progress = Progress()
        waits = [Deferred.fromCoroutine(progress.wait(0, s, clock)) for s in (5, 0)]
        self.successResultOf(waits[1])
        self.assertNoResult(waits[0])
        progress.add("x")
        self.successResultOf(waits[0])
        late = Deferred.fromCoroutine(progress.wait(1, 5, clock))
        clock.advance(5)
        self.successResultOf(late)
        last = Deferred.fromCoroutine(progress.wait(1, 5, clock))
        progress.end()
        self.successResultOf(last)
        self.assertEqual(clock.getDelayedCalls(), [])


class LeftoversTests(TestCase):
    """Process groups of an earlier life."""

    timeout = 90

    def spawn(self, script: str = "sleep 100 & sleep 100") -> subprocess.Popen[bytes]:
        process = subprocess.Popen(["sh", "-c", script], start_new_session=True)
        self.addCleanup(self.bury, process)
        return process

    def bury(self, process: subprocess.Popen[bytes]) -> None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()

    async def end(self, pid: int, mark: int) -> bool:
        return await end_leftovers(pid, mark, reactor)  # type: ignore[arg-type]

    async def test_group(self) -> None:
        """All of the group is killed."""
        process = self.spawn()
        self.assertTrue(await self.end(process.pid, mark_of(process.pid)))
        self.assertEqual(process.wait(), -signal.SIGKILL)
        self.assertEqual(procfs.group_members(process.pid), [])

    async def test_leader_is_gone(self) -> None:
        """Also when only children of the program are left."""
        process = self.spawn("sleep 100 & exit 0")
        mark = mark_of(process.pid)
        process.wait()
        self.assertEqual(len(procfs.group_members(process.pid)), 1)
        self.assertTrue(await self.end(process.pid, mark))
        self.assertEqual(procfs.group_members(process.pid), [])

    async def test_another_process(self) -> None:
        """A later process with the same number is left alone."""
        process = self.spawn()
        self.assertTrue(await self.end(process.pid, mark_of(process.pid) - 1))
        self.assertIsNone(process.poll())

    async def test_another_boot(self) -> None:
        """So is everything when the machine was restarted since."""
        process = self.spawn()
        self.assertTrue(await self.end(process.pid, mark_of(process.pid) ^ (1 << 45)))
        self.assertIsNone(process.poll())

    async def test_nothing(self) -> None:
        """Nothing is left: fine, and quick."""
        process = self.spawn("exit 0")
        mark = mark_of(process.pid)
        process.wait()
        begun = time.monotonic()
        self.assertTrue(await self.end(process.pid, mark))
        self.assertLess(time.monotonic() - begun, 4)  # it would wait 5 s

    def test_mark(self) -> None:
        """A mark fits into the record, and differs between processes' starts."""
        self.assertEqual(mark_of(os.getpid()), mark_of(os.getpid()))
        self.assertLess(mark_of(os.getpid()), 1 << 63)
        self.assertEqual(mark_of(2**22 + 5), 0)
