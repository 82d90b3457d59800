"""Running OS scripts: real small ones, and scripted ones."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from support.osdirs import make_os
from support.specs import file_disk, make_spec
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from ganeti.errors import CommandTimeout, OpExecError
from ganeti.model.live import OsInfo
from ganeti.model.secret import Secret
from ganeti.noded.environment import check_environment
from ganeti.noded.os import FixedOsDefinitions, OsDirectories
from ganeti.noded.os_scripts import (
    LOG_LIMIT,
    PROGRESS_LIMIT,
    NoOsLogs,
    OsLogFiles,
    OsScripts,
    ScriptJob,
    thd_open_log,
)
from ganeti.utils.interfaces import Output
from ganeti.utils.process import RealProcessRunner
from ganeti.utils.scripted import Command, ScriptedProcessRunner
from ganeti.utils.threads import NoThreads

TINY = OsInfo(name="tiny", path="/os/tiny", valid=True, api_versions=(15,))
NEWER = OsInfo(name="tiny", path="/os/tiny", valid=True, api_versions=(15, 20))


async def unnoted(pid: int) -> None:
    """Nobody needs to know."""


def script_job(**settings: Any) -> ScriptJob:
    values = {
        "spec": make_spec(1),
        "os_name": "tiny",
        "disk_paths": (),
        "secrets": {},
        "debug": 0,
        "limit_s": 20.0,
        "on_line": lambda line: None,
        "on_start": unnoted,
    }
    return ScriptJob(**values | settings)


class ScriptedTests(SynchronousTestCase):
    """What is run, and what is made of how it ended."""

    def setUp(self) -> None:
        self.processes = ScriptedProcessRunner()

    def scripts(self, *definitions: OsInfo) -> OsScripts:
        found = FixedOsDefinitions(*definitions)
        return OsScripts(found, self.processes, NoOsLogs(), Clock())

    def run_create(self, *definitions: OsInfo, reinstall: bool = False, **job: Any) -> None:
        scripts = self.scripts(*definitions)
        running = Deferred.fromCoroutine(scripts.create(script_job(**job), reinstall))
        self.successResultOf(running)

    def refused(self, *definitions: OsInfo, **job: Any) -> str:
        running = Deferred.fromCoroutine(self.scripts(*definitions).create(script_job(**job)))
        return str(self.failureResultOf(running, OpExecError).value)

    def test_create(self) -> None:
        """The create script runs in its directory, with a time limit and the OS's variables."""
        self.run_create(TINY, limit_s=99.0)
        (command,) = self.processes.commands
        self.assertEqual(command.argv, ("/os/tiny/create",))
        self.assertEqual((command.cwd, command.timeout_s), ("/os/tiny", 99.0))
        self.assertEqual(command.env["INSTANCE_NAME"], "inst1.example.com")
        self.assertNotIn("INSTANCE_REINSTALL", command.env)

    def test_verify(self) -> None:
        """From API 20 on the definition is asked first whether it takes the parameters."""
        self.run_create(NEWER, os_name="tiny+x", secrets={"a-b": Secret("c")}, debug=1)
        verify, create = self.processes.commands
        self.assertEqual(verify.argv, ("/os/tiny/verify", "parameters"))
        self.assertEqual((verify.cwd, verify.timeout_s), ("/os/tiny", 20.0))
        self.assertEqual(verify.env, {name: create.env[name] for name in verify.env})
        self.assertEqual((verify.env["OSP_A_B"], create.argv), ("c", ("/os/tiny/create",)))

    def test_verify_refuses(self) -> None:
        """When it does not, nothing else runs, and the error ends with what it says."""
        self.processes.answer = lambda command: Output(stderr=b"size is no number\n", status=1)
        self.assertEqual(
            self.refused(NEWER),
            "OS Parameters validation failed: OS verify script of 'tiny' failed"
            " (exited with status 1), last lines:\nsize is no number",
        )
        self.assertEqual(len(self.processes.commands), 1)

    def test_verify_too_slow(self) -> None:
        """It gets a minute, not the hours that an installation may take."""

        def late(command: Command) -> Output:
            raise CommandTimeout("verify did not end")

        self.processes.answer = late
        self.assertIn("not end within 60 s", self.refused(NEWER, limit_s=9999.0))

    def test_reinstall(self) -> None:
        """A reinstallation tells the script so."""
        self.run_create(TINY, reinstall=True)
        self.assertEqual(self.processes.commands[0].env["INSTANCE_REINSTALL"], "1")

    def test_forced_variant(self) -> None:
        """A variant that the definition does not list is passed on: the master decides."""
        self.run_create(TINY, os_name="tiny+x")
        self.assertEqual(self.processes.commands[0].env["OS_VARIANT"], "x")

    def test_rename(self) -> None:
        """The rename script gets the old name."""
        renaming = self.scripts(TINY).rename(script_job(), "old.example.com")
        self.successResultOf(Deferred.fromCoroutine(renaming))
        (command,) = self.processes.commands
        self.assertEqual(command.argv, ("/os/tiny/rename",))
        self.assertEqual(command.env["OLD_INSTANCE_NAME"], "old.example.com")

    def test_secrets(self) -> None:
        """Secret parameters reach the script, and only it."""
        text = self.refused_after(Output(status=1), secrets={"pw": Secret("hunter2")})
        self.assertEqual(self.processes.commands[0].env["OSP_PW"], "hunter2")
        self.assertNotIn("hunter2", text)

    def refused_after(self, output: Output, **job: Any) -> str:
        self.processes.answer = lambda command: output
        return self.refused(TINY, **job)

    def test_failure(self) -> None:
        """The error names script, OS, instance, status and log, and ends with what was printed."""
        text = self.refused_after(Output(stdout=b"one\ntwo\n", status=3))
        self.assertRegex(
            text,
            r"(?s)^OS create script of 'tiny' for instance inst1.example.com failed"
            r" \(exited with status 3\); log file add-tiny-inst1.*\.log, last lines:\none\ntwo$",
        )
        self.assertIn("died of signal 11; ", self.refused_after(Output(status=-11)))
        self.assertIn("it printed nothing", self.refused_after(Output(status=1)))

    def test_last_lines(self) -> None:
        """Only the last lines are told, each not too long."""
        printed = b"".join(b"%d%s\n" % (n, b"x" * 1000) for n in range(100))
        text = self.refused_after(Output(stdout=printed, status=1))
        self.assertEqual(len(text.splitlines()), 21)
        self.assertTrue(text.splitlines()[1].startswith("80x"))
        self.assertLess(len(text), 20 * 501 + 300)

    def test_end_of_much_output(self) -> None:
        """When too much was printed for all to be kept, the end is told."""
        printed = b"y\n" * (LOG_LIMIT // 2) + b"the reason\n"
        text = self.refused_after(Output(stdout=printed, status=1))
        self.assertTrue(text.endswith("the reason"), text[-200:])

    def test_progress(self) -> None:
        """Lines are passed on as they come; not without end."""
        lines: list[str] = []
        self.processes.answer = lambda command: Output(stdout=b"x\n" * 5000)
        self.run_create(TINY, on_line=lines.append)
        self.assertEqual(len(lines), PROGRESS_LIMIT + 1)
        self.assertRegex(lines[-1], r"further output is in .*\.log")

    def test_unusable(self) -> None:
        """A missing, a broken and an untrusted definition are refused before anything runs."""
        self.assertEqual(self.refused(), "Directory for OS tiny not found in search path")
        broken = OsInfo(name="tiny", path="/os/tiny", valid=False, reason="no create")
        self.assertIn("no create", self.refused(broken))
        untrusted = OsInfo(
            name="tiny", path="/os/tiny", valid=True, api_versions=(20,), trusted=False
        )
        self.assertIn("helper VM", self.refused(untrusted))
        self.assertEqual(self.processes.commands, [])

    def test_impossible_environment(self) -> None:
        """A parameter that cannot be a variable is named."""
        for secrets in ({"a=b": Secret("c")}, {"nul": Secret("a\0b")}):
            self.assertIn("environment variable", self.refused(TINY, secrets=secrets))
        self.assertIn("OSP_BIG", self.refused(TINY, secrets={"big": Secret("x" * 70_000)}))
        with self.assertRaisesRegex(OpExecError, "too large"):
            check_environment({f"v{n}": "x" * 60_000 for n in range(30)})

    def test_timeout(self) -> None:
        """A script that took too long was killed, and the error says after how long."""

        def late(command: Command) -> Output:
            raise CommandTimeout("create did not end")

        self.processes.answer = late
        self.assertIn("did not end within 20 s and was killed", self.refused(TINY))


class RealTests(TestCase):
    """Shell scripts."""

    timeout = 180

    def setUp(self) -> None:
        self.top = Path(tempfile.mkdtemp(prefix="ganeti-test-"))
        self.addCleanup(shutil.rmtree, self.top)
        self.logs = self.top / "log"
        self.lines: list[str] = []
        self.pids: list[int] = []

    def scripts(self) -> OsScripts:
        definitions = OsDirectories([str(self.top / "os")], NoThreads())
        logs = OsLogFiles(str(self.logs), NoThreads())
        return OsScripts(definitions, RealProcessRunner(reactor), logs, reactor)

    async def noted(self, pid: int) -> None:
        self.pids.append(pid)

    async def create(self, **settings: Any) -> None:
        settings = {"on_line": self.lines.append, "on_start": self.noted} | settings
        await self.scripts().create(script_job(**settings))

    def log_text(self) -> str:
        (log,) = self.logs.iterdir()
        return log.read_text()

    async def test_install(self) -> None:
        """A script writes to the disk that it is told; what it prints is streamed and logged."""
        disk = self.top / "disk"
        disk.write_bytes(b"\0" * 4096)
        make_os(
            self.top / "os",
            create='echo "installing $INSTANCE_NAME"; pwd; echo oops >&2;'
            ' printf system | dd of="$DISK_0_PATH" conv=notrunc 2>/dev/null',
        )
        spec = make_spec(1, disks=(file_disk(1),))
        await self.create(spec=spec, disk_paths=(str(disk),))
        self.assertEqual(disk.read_bytes()[:6], b"system")
        wanted = {"installing inst1.example.com", str(self.top / "os" / "tiny"), "oops"}
        self.assertEqual(set(self.lines), wanted)
        self.assertEqual(set(self.log_text().splitlines()), wanted)
        self.assertEqual(len(self.pids), 2)  # of verify and create

    async def test_clean_environment(self) -> None:
        """A script sees what the interface says, and nothing of ours."""
        os.environ["GANETI_TEST_LEAK"] = "leak"
        self.addCleanup(os.environ.pop, "GANETI_TEST_LEAK")
        make_os(self.top / "os", create="env")
        await self.create()
        names = {line.partition("=")[0] for line in self.lines}
        # The shell adds two of its own.
        self.assertFalse({n for n in names if not n.startswith(("INSTANCE_", "OS_", "NIC_"))} - {
            "PATH", "DEBUG_LEVEL", "HYPERVISOR", "DISK_COUNT", "PWD", "_", "SHLVL",
        })  # fmt: skip

    async def test_stdin_is_closed(self) -> None:
        """A script that reads gets nothing, and does not wait."""
        make_os(self.top / "os", create="cat; echo end")
        await self.create()
        self.assertEqual(self.lines, ["end"])

    async def test_failing(self) -> None:
        """A failing script: the log holds all, the error the end."""
        make_os(self.top / "os", create="echo preparing; echo disk is bad >&2; exit 7")
        with self.assertRaisesRegex(OpExecError, r"(?s)status 7\).*disk is bad"):
            await self.create()
        self.assertIn("preparing\n", self.log_text())

    async def test_vanished(self) -> None:
        """A script whose interpreter is missing is a clean error."""
        path = make_os(self.top / "os")
        (path / "create").write_text("#!/no/such/interpreter\n")
        with self.assertRaisesRegex(OpExecError, "OS create script of 'tiny'"):
            await self.create()

    async def test_logs_of_one_second(self) -> None:
        """Two runs in one second have a log each."""
        first, second = (thd_open_log(str(self.logs), "add-tiny-web1") for _ in range(2))
        for opened in (first, second):
            os.close(opened.fd)
        self.assertEqual(
            sorted(path.name for path in self.logs.iterdir()),
            ["add-tiny-web1-1.log", "add-tiny-web1.log"],
        )

    async def test_no_log(self) -> None:
        """Nothing is run that cannot be logged."""
        self.logs.write_text("not a directory")
        make_os(self.top / "os", create="touch ../ran")
        with self.assertRaisesRegex(OpExecError, "Cannot open a log"):
            await self.create()
        self.assertEqual(list((self.top / "os").iterdir()), [self.top / "os" / "tiny"])
