"""Running instance allocators, the hostile ones too."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from support.osdirs import write_script
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import TestCase

from ganeti.errors import OpExecError
from ganeti.noded.allocators import Allocators, remove_inputs
from ganeti.paths import Paths
from ganeti.utils import procfs
from ganeti.utils.aio import sleep
from ganeti.utils.allocators import allocator_names, find_allocator, is_allocator
from ganeti.utils.durable import make_directories
from ganeti.utils.process import RealProcessRunner
from ganeti.utils.threads import NoThreads

DOCUMENT = b'{"version": 2}'
LIMIT = 100_000


class AllocatorTests(TestCase):
    timeout = 180

    def setUp(self) -> None:
        root = tempfile.mkdtemp(prefix="ganeti-test-")
        self.addCleanup(shutil.rmtree, root)
        self.paths = Paths(root=root)
        make_directories(self.paths)
        self.local, self.packaged = map(Path, self.paths.iallocator_search_path)
        self.local.mkdir(parents=True)
        self.packaged.mkdir(parents=True)
        self.pids: list[int] = []
        self.allocators = Allocators(
            paths=self.paths,
            processes=RealProcessRunner(reactor),
            threads=NoThreads(),
            output_limit=LIMIT,
        )

    async def noted(self, pid: int) -> None:
        self.pids.append(pid)

    async def run_one(self, body: str | None = None, limit_s: float = 20.0, *more: str) -> bytes:
        if body is not None:
            write_script(self.local / "mine", body)
        try:
            return await self.allocators.run("mine", DOCUMENT, more, limit_s, self.noted)
        finally:
            self.assertEqual(self.inputs(), [])

    async def assert_fails(self, text: str, body: str | None, **more: Any) -> None:
        with self.assertRaisesRegex(OpExecError, text):
            await self.run_one(body, **more)
        for pid in self.pids:
            self.assertEqual(procfs.group_members(pid), [])

    def inputs(self) -> list[str]:
        return [name for name in os.listdir(self.paths.run_dir) if "iallocator" in name]

    # -- well-behaved ones

    async def test_run(self) -> None:
        """It gets its input's name, which only we can read, and the arguments behind it."""
        body = 'stat -c %a "$1"; cat "$1"; shift; echo; echo "$@"; pwd; echo aside >&2'
        printed = await self.run_one(body, 20.0, "--key=value", "--flag")
        self.assertEqual(printed, b'600\n{"version": 2}\n--key=value --flag\n/\n')
        self.assertEqual(len(self.pids), 1)

    def test_search(self) -> None:
        """The first executable in the path is it; names are names."""
        write_script(self.packaged / "a", "exit 0")
        write_script(self.packaged / "b", "exit 0")
        write_script(self.local / "b", "exit 0")
        write_script(self.local / "plain", "exit 0", mode=0o644)
        (self.local / "folder").mkdir()
        self.assertEqual(find_allocator(self.paths, "a"), str(self.packaged / "a"))
        self.assertEqual(find_allocator(self.paths, "b"), str(self.local / "b"))
        for name in ("plain", "folder", "none", "", ".", "..", "../iallocators/b", "a\n"):
            self.assertIsNone(find_allocator(self.paths, name), name)
            self.assertFalse(is_allocator(self.paths, name))
        self.assertEqual(allocator_names(self.paths), ["a", "b", "hail"])

    def test_built_in(self) -> None:
        """Ours is used unless an admin installed another; one of a package does not count."""
        self.assertTrue(is_allocator(self.paths, "hail"))
        write_script(self.packaged / "hail", "exit 0")
        self.assertIsNone(find_allocator(self.paths, "hail"))
        write_script(self.local / "hail", "exit 0")
        self.assertEqual(find_allocator(self.paths, "hail"), str(self.local / "hail"))

    def test_leftovers(self) -> None:
        """What a killed daemon left in its directory goes at the next start; nothing else does."""
        run_dir = Path(self.paths.run_dir)
        before = set(os.listdir(run_dir))
        (run_dir / "ganeti-iallocator.abc").touch()
        remove_inputs(str(run_dir))
        self.assertEqual(set(os.listdir(run_dir)), before)

    # -- the others

    async def test_missing(self) -> None:
        """There is none of that name."""
        await self.assert_fails("There is no instance allocator 'mine'", None)

    async def test_failure(self) -> None:
        """What a failed one printed is shown, harmlessly."""
        body = "echo out; printf '\\033[2Jred' >&2; exit 3"
        with self.assertRaises(OpExecError) as caught:
            await self.run_one(body)
        text = str(caught.exception)
        self.assertIn("exited with status 3", text)
        self.assertIn("out\n", text)
        self.assertNotIn("\033", text)
        await self.assert_fails("exited with status 1\\), it printed nothing", "exit 1")

    async def test_killed_by_signal(self) -> None:
        """One that dies of a signal failed."""
        await self.assert_fails("died of signal 9", "kill -9 $$")

    async def test_not_a_program(self) -> None:
        """One whose interpreter is missing failed."""
        (self.local / "mine").write_text("#!/no/such/interpreter\n")
        (self.local / "mine").chmod(0o755)
        await self.assert_fails("Instance allocator 'mine' ", None)

    async def test_much_output(self) -> None:
        """Megabytes of output are read and thrown away, and an error."""
        body = "head -c 100000000 /dev/zero"
        await self.assert_fails(f"printed more than {LIMIT} bytes", body)
        self.assertEqual(len(await self.run_one(f"head -c {LIMIT} /dev/zero")), LIMIT)

    async def test_sleeps_for_ever(self) -> None:
        """Time over: it is killed with all that it started, SIGTERM or not."""
        body = "trap '' TERM HUP INT; sleep 1000 & sleep 1000; sleep 1000"
        start = time.monotonic()
        await self.assert_fails("did not end within 0.5 s and was killed", body, limit_s=0.5)
        self.assertLess(time.monotonic() - start, 10)

    async def test_leaves_others(self) -> None:
        """What it leaves running when it has answered is ended."""
        self.assertEqual(await self.run_one("sleep 1000 & echo done"), b"done\n")
        self.assertEqual(procfs.group_members(self.pids[0]), [])

    async def test_cancelled(self) -> None:
        """Who asked has gone: nothing of it runs on, and its input is removed."""
        running = Deferred.fromCoroutine(self.run_one("trap '' TERM; sleep 1000"))
        while not self.pids or not self.inputs():
            await sleep(reactor, 0.01)
        running.cancel()
        with self.assertRaises(CancelledError):
            await running
        self.assertEqual(procfs.group_members(self.pids[0]), [])
