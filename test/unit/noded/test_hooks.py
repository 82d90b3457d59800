"""Running hook scripts."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from support.osdirs import write_script
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from ganeti.errors import CommandTimeout, HooksFailure, OpExecError
from ganeti.model.live import HookResult, HookStatus
from ganeti.noded.environment import PATH
from ganeti.noded.hooks import OUTPUT_LIMIT, SCRIPT_LIMIT_S, HookRunner
from ganeti.utils.interfaces import Output
from ganeti.utils.process import RealProcessRunner
from ganeti.utils.scripted import Command, ScriptedProcessRunner
from ganeti.utils.threads import NoThreads

TABLE = json.loads((Path(__file__).parents[2] / "compat" / "interface" / "hooks.json").read_text())
ENV = {"GANETI_OP_CODE": "OP_INSTANCE_CREATE", "GANETI_HOOKS_VERSION": "2"}


async def unnoted(pid: int) -> None:
    """Nobody needs to know."""


class ScriptedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.top = Path(tempfile.mkdtemp(prefix="ganeti-test-"))
        self.addCleanup(shutil.rmtree, self.top)
        self.directory = self.top / "instance-add-pre.d"
        self.directory.mkdir()
        self.clock = Clock()
        self.processes = ScriptedProcessRunner()

    def start(self, path: str = "instance-add", phase: str = "pre", **more: Any) -> Deferred[Any]:
        runner = HookRunner(str(self.top), self.processes, NoThreads(), self.clock)
        env = more.pop("env", ENV)
        return Deferred.fromCoroutine(runner.run(path, phase, env, 3600.0, unnoted))

    def run_hooks(self, *args: Any, **more: Any) -> tuple[HookResult, ...]:
        results: tuple[HookResult, ...] = self.successResultOf(self.start(*args, **more))
        return results

    def test_no_directory(self) -> None:
        """No directory, no scripts, no error."""
        self.assertEqual(self.run_hooks("instance-remove"), ())
        self.assertEqual(self.run_hooks(phase="post"), ())

    def test_order_and_rules(self) -> None:
        """Sorted by name; what does not follow the naming rule or cannot be run is skipped."""
        for name in ("20b", "10a", "with.dot", "README~"):
            write_script(self.directory / name, "exit 0")
        write_script(self.directory / "plain", "exit 0", mode=0o644)
        (self.directory / "folder").mkdir()
        (self.directory / "dangling").symlink_to("nowhere")
        found = self.run_hooks()
        self.assertEqual(
            [(each.script, each.status.value) for each in found],
            [
                ("instance-add-pre.d/10a", "ok"),
                ("instance-add-pre.d/20b", "ok"),
                ("instance-add-pre.d/README~", "skip"),
                ("instance-add-pre.d/dangling", "skip"),
                ("instance-add-pre.d/folder", "skip"),
                ("instance-add-pre.d/plain", "skip"),
                ("instance-add-pre.d/with.dot", "skip"),
            ],
        )
        self.assertEqual(
            [command.argv for command in self.processes.commands],
            [(str(self.directory / "10a"),), (str(self.directory / "20b"),)],
        )

    def test_names_of_all_paths(self) -> None:
        """Every path of the table, and the naming rule of the table, are known here."""
        self.assertEqual(TABLE["script_rules"]["name_regex"], "^[a-zA-Z0-9_-]+$")
        for path in TABLE["paths"]:
            self.assertEqual(self.run_hooks(path, "post"), ())

    def test_environment(self) -> None:
        """Scripts get the variables they are sent and PATH, and nothing else."""
        write_script(self.directory / "a", "exit 0")
        self.run_hooks()
        (command,) = self.processes.commands
        self.assertEqual(command.env, ENV | {"PATH": TABLE["env_common"]["PATH"]})
        self.assertEqual(PATH, TABLE["env_common"]["PATH"])
        self.assertEqual(command.timeout_s, SCRIPT_LIMIT_S)

    def test_failures(self) -> None:
        """One that fails does not stop the others; its output, or how it ended, is reported."""
        for name in ("a", "b", "c", "d"):
            write_script(self.directory / name, "exit 0")
        answers = {
            "a": Output(stdout=b" said\n", stderr=b"why\n", status=1),
            "b": Output(status=2),
            "c": Output(status=-9),
            "d": Output(stdout=b"fine\n"),
        }
        self.processes.answer = lambda command: answers[command.argv[0][-1]]
        found = {each.script[-1]: (each.status, each.output) for each in self.run_hooks()}
        self.assertEqual(found["a"], (HookStatus.ERROR, "said\nwhy"))
        self.assertEqual(
            found["b"], (HookStatus.ERROR, "instance-add-pre.d/b exited with status 2")
        )
        self.assertIn("signal 9", found["c"][1])
        self.assertEqual(found["d"], (HookStatus.OK, "fine"))

    def test_timeout(self) -> None:
        """One that took too long is an error; those for which no time is left are not run."""
        for name in ("a", "b", "c"):
            write_script(self.directory / name, "exit 0")

        def late(command: Command) -> Output:
            self.clock.advance(command.timeout_s * 3)
            raise CommandTimeout("a did not end within 900 s and was killed")

        self.processes.answer = late
        found = self.run_hooks()
        self.assertEqual([each.status for each in found], [HookStatus.ERROR] * 3)
        self.assertIn("did not end within 900 s", found[0].output)
        self.assertIn("not run", found[2].output)
        self.assertEqual([c.timeout_s for c in self.processes.commands], [900.0, 900.0])

    def test_output_is_capped(self) -> None:
        """Of much output the end is reported."""
        write_script(self.directory / "a", "exit 0")
        self.processes.answer = lambda command: Output(stdout=b"x" * 100_000 + b"end")
        (found,) = self.run_hooks()
        self.assertLessEqual(len(found.output), OUTPUT_LIMIT)
        self.assertTrue(found.output.endswith("end"))

    def test_refused(self) -> None:
        """Odd paths, phases and variables run nothing."""
        for path, phase in (("../x", "pre"), ("a/b", "pre"), ("", "pre"), ("instance-add", "now")):
            self.failureResultOf(self.start(path, phase), HooksFailure)
        self.failureResultOf(self.start(env={"A": "\0"}), OpExecError)

    def test_too_many(self) -> None:
        """A directory that holds far too much is refused."""
        for number in range(201):
            (self.directory / f"s{number}").touch()
        text = str(self.failureResultOf(self.start(), HooksFailure).value)
        self.assertIn("More than 200 files", text)


class RealTests(TestCase):
    timeout = 90

    async def test_scripts(self) -> None:
        """Real scripts: stdin is empty, output is reported, failures too."""
        top = Path(tempfile.mkdtemp(prefix="ganeti-test-"))
        self.addCleanup(shutil.rmtree, top)
        (top / "node-add-post.d").mkdir()
        write_script(top / "node-add-post.d" / "a", "cat; pwd; echo $GANETI_OP_CODE")
        write_script(top / "node-add-post.d" / "b", "echo no; exit 1")
        runner = HookRunner(str(top), RealProcessRunner(reactor), NoThreads(), reactor)
        found = await runner.run("node-add", "post", ENV, 20.0, unnoted)
        self.assertEqual(
            [(each.status, each.output) for each in found],
            [(HookStatus.OK, "/\nOP_INSTANCE_CREATE"), (HookStatus.ERROR, "no")],
        )
