"""quickstart, whatever happens to it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ganeti.cli import fleet
from ganeti.paths import MASTERD, NODED
from ganeti.utils.pidfile import holder

ROOT = Path(__file__).parents[2]
QUICKSTART = str(ROOT / "quickstart")
_LIMIT_S = 120
INSTANCES = ["instance1.example.com", "instance2.example.com"]


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_LIMIT_S
    )


def quickstart(*words: str | Path) -> str:
    done = run(QUICKSTART, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def daemons(folder: Path) -> list[int]:
    """The pids of those that run."""
    pids = [
        holder(paths.pid_file(daemon))
        for paths in fleet.nodes(str(folder))
        for daemon in (MASTERD, NODED)
    ]
    return [pid for pid in pids if pid]


def instances(folder: Path) -> list[str]:
    command = folder / "node1.example.com" / "cmd"
    listing = run(command, *("gnt-instance", "list", "--no-headers", "-o", "name,status"))
    return listing.stdout.split()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "c"
    yield path
    done = run(QUICKSTART, "destroy", path)
    assert done.returncode == 0, done.stdout + done.stderr


def assert_complete(folder: Path) -> None:
    assert len(daemons(folder)) == 4
    expected = [word for name in INSTANCES for word in (name, "running")]
    assert instances(folder) == expected


def test_up_stop_up_destroy(folder: Path) -> None:
    """It makes a cluster, stops it, brings it up again, and removes it without a trace."""
    printed = quickstart(folder)
    assert_complete(folder)
    for text in ("gnt-node list", "node3.example.com", *INSTANCES, "destroy"):
        assert text in printed
    (disk,) = (folder / "node1.example.com/srv/ganeti/file-storage/instance1.example.com").iterdir()
    assert run("/sbin/debugfs", "-R", "cat /etc/hostname", disk).stdout == "instance1.example.com\n"
    quickstart("stop", folder)
    assert daemons(folder) == []
    quickstart(folder)
    assert_complete(folder)
    pids = daemons(folder)
    quickstart("destroy", folder)
    assert not folder.exists()
    assert [pid for pid in pids if Path(f"/proc/{pid}/cwd").exists()] == []


def begin(folder: Path, line: str) -> subprocess.Popen[str]:
    """Start it, and return when it has printed a line that begins so."""
    process = subprocess.Popen(
        [QUICKSTART, str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    for printed in process.stdout:
        if printed.startswith(line):
            return process
    raise AssertionError(f"{line!r} never came")


@pytest.mark.parametrize(
    "line", ["Initialising", "Starting", "Adding node2", "Adding node3", "Adding instance1"]
)
def test_killed(folder: Path, line: str) -> None:
    """Killed anywhere, with its daemons, it goes on when it is run again."""
    process = begin(folder, line)
    with process:
        os.killpg(process.pid, signal.SIGKILL)
    for pid in daemons(folder):
        os.kill(pid, signal.SIGKILL)
    quickstart(folder)
    assert_complete(folder)


def test_killed_alone(folder: Path) -> None:
    """What it had started goes on meanwhile, and is waited for."""
    with begin(folder, "Initialising") as process:
        process.kill()
    quickstart(folder)
    assert_complete(folder)


def test_foreign_folder(tmp_path: Path) -> None:
    """A folder that is something else is left alone by all of it."""
    (tmp_path / "precious").write_text("")
    for words in ([tmp_path], ["stop", tmp_path], ["destroy", tmp_path]):
        done = run(QUICKSTART, *words)
        assert done.returncode == 1
        assert "no virtual cluster" in done.stderr
    assert os.listdir(tmp_path) == ["precious"]


def test_usage(tmp_path: Path) -> None:
    """Wrong words are refused."""
    for words in (["--help"], ["a", "b"], ["stop", "a", "b"]):
        done = run(QUICKSTART, *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("Usage:")
