"""quickstart, whatever happens to it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.realguest import need_guests

from ganeti.cli import fleet
from ganeti.cli.quickstart.folder import Folder
from ganeti.paths import MASTERD, NODED
from ganeti.utils.pidfile import holder
from ganeti.utils.procfs import is_zombie, start_time

ROOT = Path(__file__).parents[2]
QUICKSTART = str(ROOT / "quickstart")
_LIMIT_S = 240
INSTANCES = ["instance1.example.com", "instance2.example.com"]


def run(*words: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_LIMIT_S, env=env
    )


def quickstart(*words: str | Path) -> str:
    """Without a real virtual machine, unless C{words} say otherwise."""
    done = run(QUICKSTART, *(words if len(words) > 1 else ("--fake", *words)))
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
    path = tmp_path / "a c"
    yield path
    done = run(QUICKSTART, "destroy", path)
    assert done.returncode == 0, done.stdout + done.stderr


def assert_complete(folder: Path) -> None:
    assert len(daemons(folder)) == 4
    expected = [word for name in INSTANCES for word in (name, "running")]
    assert instances(folder) == expected


@pytest.fixture
def no_emulator(tmp_path: Path) -> dict[str, str]:
    """An environment in which there is no QEMU, and none can be installed."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for place in reversed([*os.get_exec_path(), "/usr/sbin", "/sbin"]):
        for program in Path(place).glob("*"):
            (programs / program.name).unlink(missing_ok=True)
            (programs / program.name).symlink_to(program)
    for program in (*programs.glob("qemu-system-*"), *programs.glob("apt-get")):
        program.unlink()
    (programs / "apt-get").write_text("#!/bin/sh\nexit 100\n")
    (programs / "apt-get").chmod(0o755)
    return dict(os.environ, PATH=str(programs))


def test_up_stop_up_destroy(folder: Path, no_emulator: dict[str, str]) -> None:
    """
    It makes a cluster, stops it, brings it up again, and removes it without a trace.

    Where QEMU is missing and cannot be installed it says so, and does without.
    """
    done = run(QUICKSTART, folder, env=no_emulator)
    assert done.returncode == 0, done.stdout + done.stderr
    printed = done.stdout
    assert printed.startswith("instance1.example.com will be a fake one: ")
    assert_complete(folder)
    for text in ("gnt-node list", "node3.example.com", *INSTANCES):
        assert text in printed
    what_next = [line.strip() for line in printed.splitlines() if line.startswith("  ")]
    assert run("sh", "-c", what_next[0]).stdout.startswith("- Instance name: instance1.example.com")
    assert what_next[-1].endswith(f"quickstart destroy '{folder}'")
    (disk,) = (folder / "node1.example.com/srv/ganeti/file-storage/instance1.example.com").iterdir()
    assert run("/sbin/debugfs", "-R", "cat /etc/hostname", disk).stdout == "instance1.example.com\n"
    quickstart("stop", folder)
    assert daemons(folder) == []
    quickstart(folder)
    assert_complete(folder)
    pids = daemons(folder)
    quickstart("destroy", folder)
    assert not folder.exists()
    assert alive(pids) == []


def test_real_guest(folder: Path) -> None:
    """
    One instance is a real virtual machine: it greets, outlives the daemons, is found again, also
    when it has died meanwhile, and ends with the cluster.
    """
    need_guests()
    done = run(QUICKSTART, folder)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    for text in ("Hello from instance1.example.com", "s after quickstart began", "counter 3"):
        assert text in done.stdout
    assert_complete(folder)
    (guest,) = Folder(str(folder)).guests()
    assert f"process {guest.pid}" in quickstart("stop", folder)
    os.kill(guest.pid, signal.SIGKILL)
    done = run(QUICKSTART, folder)
    assert "Hello from instance1.example.com (boot 2," in done.stdout, done.stdout + done.stderr
    (guest,) = Folder(str(folder)).guests()
    link = Path(find_link(folder))
    assert link.is_symlink()
    quickstart("destroy", folder)
    assert (folder.exists(), link.is_symlink(), alive([guest.pid])) == (False, False, [])


def find_link(folder: Path) -> str:
    """The short name of the folder of libvirt of the first node."""
    return (folder / "node1.example.com/var/lib/ganeti/libvirt/short-path").read_text().strip()


def alive(pids: list[int]) -> list[int]:
    """Those that have not ended; what nobody has waited for yet has."""
    return [pid for pid in pids if start_time(pid) is not None and not is_zombie(pid)]


def begin(folder: Path, line: str) -> subprocess.Popen[str]:
    """Start it, and return when it has printed a line that begins so."""
    process = subprocess.Popen(
        [QUICKSTART, "--fake", str(folder)],
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


@pytest.mark.parametrize("line", ["Initialising", "Adding instance1"])
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
    """It says how it is called; wrong words are refused."""
    done = run(QUICKSTART, "--help")
    assert (done.returncode, done.stderr, done.stdout[:6]) == (0, "", "Usage:")
    for words in (["--nosuch"], ["a", "b"], ["stop", "a", "b"]):
        done = run(QUICKSTART, *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("Usage:")
