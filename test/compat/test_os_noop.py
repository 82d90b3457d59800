"""Debian's package ganeti-os-noop works as it is."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from support.specs import make_spec
from twisted.internet import reactor
from twisted.trial.unittest import SkipTest, TestCase

from ganeti.noded.os import OsDirectories
from ganeti.noded.os_scripts import OsLogFiles, OsScripts, ScriptJob
from ganeti.utils.process import RealProcessRunner
from ganeti.utils.threads import NoThreads

PACKAGE = "ganeti-os-noop"


def unpack(directory: Path) -> Path:
    """The search directory of the unpacked package. @raise SkipTest: it cannot be had."""
    installed = Path("/usr/share/ganeti/os")
    if (installed / "noop").is_dir():
        return installed
    for command in (["apt-get", "download", "-q", PACKAGE], ["dpkg", "-x", "*.deb", "."]):
        files = [str(path) for path in directory.glob("*.deb")]
        argv = [arg for part in command for arg in (files if part == "*.deb" else [part])]
        try:
            done = subprocess.run(argv, cwd=directory, capture_output=True, text=True, timeout=60)
        except (FileNotFoundError, subprocess.TimeoutExpired) as err:
            raise SkipTest(f"cannot fetch {PACKAGE}: {err}") from err
        if done.returncode:
            raise SkipTest(f"cannot fetch {PACKAGE}: {done.stderr.strip()[-200:]}")
    return directory / "usr/share/ganeti/os"


async def unnoted(pid: int) -> None:
    """Nobody needs to know."""


class NoopTests(TestCase):
    timeout = 150

    async def test_noop(self) -> None:
        """It is valid, of API 10, and its create and rename scripts run."""
        top = Path(tempfile.mkdtemp(prefix="ganeti-test-"))
        self.addCleanup(shutil.rmtree, top)
        definitions = OsDirectories([str(unpack(top))], NoThreads())
        (found,) = [each for each in await definitions.diagnose() if each.name == "noop"]
        self.assertEqual((found.valid, found.reason, found.trusted), (True, "", True))
        self.assertEqual((found.api_versions, found.variants), ((5, 10), ()))
        logs = OsLogFiles(str(top / "log"), NoThreads())
        scripts = OsScripts(definitions, RealProcessRunner(reactor), logs, reactor)
        job = ScriptJob(
            spec=make_spec(1),
            os_name="noop",
            disk_paths=(),
            secrets={},
            debug=0,
            limit_s=20.0,
            on_line=lambda line: None,
            on_start=unnoted,
        )
        await scripts.create(job)
        await scripts.rename(job, "old.example.com")
        self.assertEqual(len(list((top / "log").iterdir())), 2)
