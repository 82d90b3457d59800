"""Programs that behave, and programs that do not."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from ganeti.errors import CommandError, CommandTimeout
from ganeti.utils import procfs
from ganeti.utils.aio import sleep
from ganeti.utils.interfaces import IProcessRunner
from ganeti.utils.process import RealProcessRunner


class RealProcessRunnerTests(TestCase):
    timeout = 90

    def setUp(self) -> None:
        self.runner = RealProcessRunner(reactor)
        self.pid = 0
        self.dir = tempfile.mkdtemp(prefix="ganeti-test-")
        self.addCleanup(shutil.rmtree, self.dir)

    def started(self, pid: int) -> None:
        self.pid = pid

    async def sh(self, script: str, **kwargs: Any) -> Any:
        kwargs.setdefault("timeout_s", 20)
        return await self.runner.run(["sh", "-c", script], on_start=self.started, **kwargs)

    async def until(self, condition: Callable[[], object]) -> None:
        """The test's own limit ends what never comes."""
        while not condition():
            await sleep(reactor, 0.01)

    def assert_gone(self) -> None:
        self.assertIsNone(procfs.start_time(self.pid))
        self.assertEqual(procfs.group_members(self.pid), [])

    def test_interface(self) -> None:
        """It is an IProcessRunner."""
        verifyObject(IProcessRunner, self.runner)

    async def test_output(self) -> None:
        """What it prints, reads and returns; a session and a group of its own."""
        done = await self.sh("cat; echo err >&2; cut -d' ' -f5,6 /proc/$$/stat", stdin=b"in\n")
        self.assertEqual(done.stdout, f"in\n{self.pid} {self.pid}\n".encode())
        self.assertEqual((done.stderr, done.status), (b"err\n", 0))
        self.assert_gone()

    async def test_clean_environment(self) -> None:
        """A program sees what it is given, and nothing of ours; stdin is empty."""
        done = await self.sh("env | grep -v -e ^PWD -e ^_ -e ^SHLVL; cat", env={"A": "b"})
        self.assertEqual(done.stdout, b"A=b\n")

    async def test_signals(self) -> None:
        """No signal is ignored or blocked, as Python does for itself."""
        for on_start in (None, self.started):
            done = await self.runner.run(
                ["grep", "-E", "Sig(Ign|Blk)", "/proc/self/status"], timeout_s=20, on_start=on_start
            )
            words = done.stdout.split()
            self.assertEqual(words[::2], [b"SigBlk:", b"SigIgn:"])
            # Not the C library's own, 32 and 33, which its posix_spawn ignores.
            self.assertEqual({int(word, 16) & 0x7FFFFFFF for word in words[1::2]}, {0})

    async def test_cwd(self) -> None:
        """It starts where it is told."""
        self.assertEqual((await self.sh("pwd", cwd=self.dir)).stdout, self.dir.encode() + b"\n")
        with self.assertRaisesRegex(CommandError, "/nowhere does not exist"):
            await self.sh("pwd", cwd="/nowhere")

    async def test_failure(self) -> None:
        """The error tells the program, its status and what it said last."""
        with self.assertRaisesRegex(CommandError, "sh exited with status 3: no luck"):
            await self.sh("echo no luck >&2; exit 3")
        self.assertEqual((await self.sh("exit 3", check=False)).status, 3)
        with self.assertRaisesRegex(CommandError, "sh was ended by signal 15"):
            await self.sh("kill -TERM $$")

    async def test_cannot_start(self) -> None:
        """A missing program, one that may not be run, one whose interpreter is missing."""
        script = os.path.join(self.dir, "script")
        with open(script, "w") as stream:
            stream.write("#!/no/such/interpreter\n")
        for argv in (["/no/such"], ["no-such-program"], [script], [self.dir], ["./nothing"]):
            with self.assertRaisesRegex(CommandError, "no such program"):
                await self.runner.run(argv, timeout_s=5)
        os.chmod(script, 0o755)
        with self.assertRaisesRegex(CommandError, "No such file"):
            await self.runner.run([script], timeout_s=5)

    async def test_relative_to_cwd(self) -> None:
        """A path with a slash is looked up where the program will be."""
        script = os.path.join(self.dir, "script")
        with open(script, "w") as stream:
            stream.write("#!/bin/sh\necho here\n")
        os.chmod(script, 0o755)
        done = await self.runner.run(["./script"], timeout_s=5, cwd=self.dir)
        self.assertEqual(done.stdout, b"here\n")

    async def test_timeout(self) -> None:
        """A program that hangs is killed with its children, even when it ignores SIGTERM."""
        begun = time.monotonic()
        with self.assertRaisesRegex(CommandTimeout, r"sh did not end within 0.3 s"):
            await self.sh("trap '' TERM; sleep 100 & sleep 100", timeout_s=0.3, kill_grace_s=0.2)
        self.assertLess(time.monotonic() - begun, 50)
        self.assert_gone()

    async def test_grace(self) -> None:
        """A program that is asked to end may clean up."""
        path = os.path.join(self.dir, "cleaned")
        script = f"trap 'echo > {path}; exit' TERM; echo ready; while :; do sleep 0.05; done"
        lines: list[str] = []
        running = Deferred.fromCoroutine(self.sh(script, on_line=lines.append, kill_grace_s=20))
        await self.until(lambda: lines)
        running.cancel()
        with self.assertRaises(CancelledError):
            await running
        self.assertTrue(os.path.exists(path))

    async def test_cancel(self) -> None:
        """Cancelling kills it, and raises when it is gone."""
        running = Deferred.fromCoroutine(self.sh("sleep 100 & sleep 100"))
        await sleep(reactor, 0.2)
        running.cancel()
        with self.assertRaises(CancelledError):
            await running
        self.assert_gone()

    async def test_cancel_at_once(self) -> None:
        """Also when it has hardly been started."""
        running = Deferred.fromCoroutine(self.sh("sleep 100"))
        running.cancel()
        with self.assertRaises(CancelledError):
            await running
        self.assert_gone()

    async def test_flood(self) -> None:
        """Only the last part of endless output is kept, and the reactor lives."""
        lines: list[str] = []
        with open(os.path.join(self.dir, "log"), "wb+") as log:
            kept = {"max_output": 1000, "on_line": lines.append, "output": log.fileno()}
            flood = Deferred.fromCoroutine(self.sh("yes & yes >&2", **kept))
            await self.until(lambda: len(lines) > 500)
            for _ in range(5):
                await sleep(reactor, 0.05)
            flood.cancel()
            with self.assertRaises(CancelledError):
                await flood
            self.assertLess(log.tell(), 1100)
            log.seek(0)
            self.assertIn(b"(output beyond 1000 bytes is cut)", log.read())
        self.assertEqual(lines[:2], ["y", "y"])
        self.assertEqual(len(lines), 501)
        self.assertIn("1000 bytes", lines[-1])
        self.assert_gone()

    async def test_tail(self) -> None:
        """Of long output the end is kept."""
        done = await self.sh("seq 100000; echo end", max_output=10)
        self.assertEqual(done.stdout, b"00000\nend\n"[-10:])

    async def test_leaves_children(self) -> None:
        """What a program leaves in its group ends with it, and cannot hold the answer back."""
        begun = time.monotonic()
        done = await self.sh("sleep 100 & echo done")
        self.assertEqual(done.stdout, b"done\n")
        self.assertLess(time.monotonic() - begun, 50)
        self.assert_gone()

    async def test_daemon_with_our_pipe(self) -> None:
        """A daemon that left the session lives on; it does not hold the answer back."""
        mark = os.path.join(self.dir, "mark")
        daemon = f"echo $$; echo > {mark}; exec sleep 100"
        done = await self.sh(
            f"setsid -f sh -c '{daemon}' 2>&1; until [ -e {mark} ]; do sleep 0.01; done"
        )
        pid = int(done.stdout)
        self.addCleanup(os.kill, pid, signal.SIGKILL)
        self.assertIsNotNone(procfs.start_time(pid))

    async def test_lines(self) -> None:
        """Lines come whole, of both streams, the last one also without its end."""
        lines: list[str] = []
        await self.sh("printf 'a\\nb'; sleep 0.1; printf 'c\\r\\n\\377'", on_line=lines.append)
        self.assertEqual(lines, ["a", "bc", "\ufffd"])

    async def test_very_long_line(self) -> None:
        """A line without end does not grow in memory."""
        lines: list[str] = []
        await self.sh("head -c 20000 /dev/zero | tr '\\0' x", on_line=lines.append)
        self.assertEqual([len(line) for line in lines], [8192, 8192, 20000 - 2 * 8192])

    async def test_waits_for_on_start(self) -> None:
        """Nothing of the program happens before it was noted."""
        mark = os.path.join(self.dir, "mark")
        seen: list[bool] = []

        async def note(pid: int) -> None:
            self.pid = pid
            await sleep(reactor, 0.2)
            seen.append(os.path.exists(mark))

        argv = ["sh", "-c", f"echo $$ > {mark}; cat; env | grep -e SHLVL -e OLDPWD"]
        done = await self.runner.run(argv, timeout_s=60, on_start=note, stdin=b"in", check=False)
        self.assertEqual((seen, done.stdout), ([False], b"in"))
        with open(mark) as stream:
            self.assertEqual(stream.read(), f"{self.pid}\n")

    async def test_callbacks_fail(self) -> None:
        """A defect of the caller ends the program and is raised."""

        def fail(_: object) -> None:
            raise KeyError("defect")

        with self.assertRaises(KeyError):
            await self.sh("echo x; sleep 0.1; echo y", on_line=fail)
        with self.assertRaises(KeyError):
            await self.runner.run(["sleep", "100"], timeout_s=5, on_start=fail)

    async def test_many(self) -> None:
        """Nothing is left of many: descriptors, children."""
        await self.sh("true")  # the reactor opens a pipe for SIGCHLD
        before = set(os.listdir("/proc/self/fd"))
        for _ in range(20):
            await self.sh("echo x; exit 1", check=False)
        self.assertEqual(set(os.listdir("/proc/self/fd")) - before, set())
