"""
OS and hook scripts that hang, fork and print without end.

They are ended by their limit + 5 s, with their whole process group, and at most
1 MiB of what they print is kept.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from support.osdirs import make_os, write_script
from support.specs import make_spec
from twisted.internet import reactor
from twisted.internet.task import LoopingCall
from twisted.trial.unittest import TestCase

from ganeti.errors import OpExecError
from ganeti.model.live import HookStatus
from ganeti.noded.hooks import OUTPUT_LIMIT, HookRunner
from ganeti.noded.os import OsDirectories
from ganeti.noded.os_scripts import LOG_LIMIT, OsLogFiles, OsScripts, ScriptJob
from ganeti.utils import procfs
from ganeti.utils.process import RealProcessRunner
from ganeti.utils.threads import NoThreads

LIMIT_S = 1.0
LATEST_S = LIMIT_S + 5
HOOKS_LIMIT_S = 600.0

HANGING = {
    "sleeps": "sleep 1000",
    "ignores signals": "trap '' TERM INT HUP; while :; do sleep 1000; done",
    "spins": "while :; do :; done",
    "forks": "for i in $(seq 50); do sleep 1000 & done; wait",
    "forks on and on": "f() { sleep 0.2; sh -c 'sleep 1000' & f; }; f & f & wait",
    "forks and prints": "yes & yes & yes >&2 & wait",
    "stops itself": "kill -STOP $$",
}
LEAVING = {
    "leaves a child with its output": "sleep 1000 & echo done",
    "leaves a silent child": "sleep 1000 </dev/null >/dev/null 2>&1 & echo done",
    "closes its output": "exec >&- 2>&-; sleep 0.1",
}
GIGABYTE = "dd if=/dev/zero bs=1M count=1024 2>/dev/null | tr '\\0' x"
GIGABYTE_OF_LINES = "yes 'a line of output of a talkative script' | head -c 1073741824"


class Watch:
    """
    How long the reactor stood still, and how much memory was taken.

    The first in processor time of this process: that the machine was busy does not count.
    """

    def __init__(self) -> None:
        self.before = self._memory()
        self.most = self.before
        self.pause_s = 0.0
        self._last = time.process_time()
        self._loop = LoopingCall(self._look)
        self._loop.start(0.02)

    def _look(self) -> None:
        now = time.process_time()
        self.pause_s = max(self.pause_s, now - self._last)
        self._last = now
        self.most = max(self.most, self._memory())

    def _memory(self) -> int:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE")

    def stop(self) -> int:
        """Bytes taken meanwhile."""
        self._loop.stop()
        return self.most - self.before


class ScriptTests(TestCase):
    timeout = 300

    def setUp(self) -> None:
        self.top = Path(tempfile.mkdtemp(prefix="ganeti-test-"))
        self.addCleanup(shutil.rmtree, self.top)
        self.pids: list[int] = []
        self.lines: list[str] = []

    async def note(self, pid: int) -> None:
        self.pids.append(pid)

    async def create(self, body: str, limit_s: float = LIMIT_S) -> float:
        """Run a create script; how long that took."""
        shutil.rmtree(self.top / "os", ignore_errors=True)
        shutil.rmtree(self.top / "log", ignore_errors=True)
        make_os(self.top / "os", create=body)
        definitions = OsDirectories([str(self.top / "os")], NoThreads())
        logs = OsLogFiles(str(self.top / "log"), NoThreads())
        scripts = OsScripts(definitions, RealProcessRunner(reactor), logs, reactor)
        job = ScriptJob(
            spec=make_spec(1),
            os_name="tiny",
            disk_paths=(),
            secrets={},
            debug=0,
            limit_s=limit_s,
            on_line=self.lines.append,
            on_start=self.note,
        )
        begin = time.monotonic()
        try:
            await scripts.create(job)
        finally:
            self.took_s = time.monotonic() - begin
        return self.took_s

    def assert_gone(self) -> None:
        """Nothing of the process groups runs."""
        for pid in self.pids:
            self.assertEqual(procfs.group_members(pid), [])

    def log_size(self) -> int:
        (log,) = (self.top / "log").iterdir()
        return log.stat().st_size

    async def test_hanging(self) -> None:
        """However a script hangs, it is ended in time, and nothing of it is left."""
        for name, body in HANGING.items():
            with self.subTest(script=name):
                with self.assertRaisesRegex(OpExecError, "did not end within 1 s and was killed"):
                    await self.create(body)
                self.assertLess(self.took_s, LATEST_S)
                self.assert_gone()
                self.assertLess(self.log_size(), LOG_LIMIT + 1000)

    async def test_leaving_children(self) -> None:
        """What a script leaves behind does not delay its end, and is ended with it."""
        for name, body in LEAVING.items():
            with self.subTest(script=name):
                self.assertLess(await self.create(body, limit_s=60.0), 30)
                self.assert_gone()

    async def test_gigabyte(self) -> None:
        """A script that prints a gigabyte may end well; little of it is kept, in memory or not."""
        for name, body in {"one line": GIGABYTE, "lines": GIGABYTE_OF_LINES}.items():
            with self.subTest(output=name):
                self.lines.clear()
                watch = Watch()
                await self.create(body + "; echo the end >&2", limit_s=120.0)
                self.assertLess(watch.stop(), 16 << 20)
                self.assertLess(watch.pause_s, 0.5)
                self.assertLess(sum(map(len, self.lines)), 1 << 20)
                self.assertLess(self.log_size(), LOG_LIMIT + 1000)
                self.assert_gone()

    async def test_gigabyte_and_failure(self) -> None:
        """A script that fails after a gigabyte is still reported with its last words."""
        with self.assertRaisesRegex(OpExecError, r"(?s)status 3\).*no space for the system$"):
            await self.create(f"{GIGABYTE}; echo no space for the system >&2; exit 3", 120.0)
        self.assert_gone()

    async def test_hooks(self) -> None:
        """Hooks have the same limits."""
        directory = self.top / "hooks" / "instance-add-pre.d"
        directory.mkdir(parents=True)
        write_script(directory / "a-talks", f"{GIGABYTE}; echo the end")
        write_script(directory / "b-hangs", "for i in 1 2 3; do sleep 1000 & done; wait")
        runner = HookRunner(
            str(self.top / "hooks"), RealProcessRunner(reactor), NoThreads(), _Hurry(reactor)
        )
        watch = Watch()
        found: Any = await runner.run("instance-add", "pre", {}, HOOKS_LIMIT_S, self.note)
        self.assertLess(watch.stop(), 16 << 20)
        self.assertEqual([each.status for each in found], [HookStatus.OK, HookStatus.ERROR])
        self.assertTrue(found[0].output.endswith("the end"))
        self.assertLessEqual(len(found[0].output), OUTPUT_LIMIT)
        self.assertIn("did not end within", found[1].output)
        self.assert_gone()


DIES_BEFORE_THE_NOTE = """
import os, signal, sys
from twisted.internet import reactor
from twisted.internet.defer import Deferred
sys.path.insert(0, sys.argv[1])
from ganeti.utils.process import RealProcessRunner

async def note(pid):
    print(pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

argv = ["/bin/sh", "-c", "touch " + sys.argv[2]]
reactor.callWhenRunning(
    lambda: Deferred.fromCoroutine(
        RealProcessRunner(reactor).run(argv, timeout_s=60, on_start=note)
    )
)
reactor.run()
"""


class KilledDaemonTests(TestCase):
    def test_before_the_note(self) -> None:
        """A daemon that is killed before it noted a script's process leaves no script running."""
        top = Path(tempfile.mkdtemp(prefix="ganeti-test-"))
        self.addCleanup(shutil.rmtree, top)
        code = [sys.executable, "-c", DIES_BEFORE_THE_NOTE]
        argv = [*code, str(Path(__file__).parents[2]), str(top / "ran")]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, -signal.SIGKILL, done.stderr)
        pid = int(done.stdout)
        deadline = time.monotonic() + 5
        while procfs.group_members(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertEqual(procfs.group_members(pid), [])
        self.assertEqual(list(top.iterdir()), [])


class _Hurry:
    """A clock by which one second is left for the second of two hooks."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self._looks = 0

    def seconds(self) -> float:
        self._looks += 1  # once for the deadline, then once for each script
        if self._looks == 1:
            self._begin = float(self._clock.seconds())
        return self._begin if self._looks < 3 else self._begin + HOOKS_LIMIT_S - 1
