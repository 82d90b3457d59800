"""Daemons are started and stopped, and nobody waits for ever."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ganeti.cli import daemons
from ganeti.cli.daemons import DaemonError
from ganeti.paths import NODED, Paths
from ganeti.utils.durable import make_directories

# Does what a daemon does: leaves its starter, locks its pid file, tells, serves.
_DAEMON = """#!/usr/bin/env python3
import os, signal, sys, time
sys.path.insert(0, {checkout!r})
from ganeti.paths import NODED, Paths
from ganeti.errors import PidFileLockError
from ganeti.utils.pidfile import PidFile, holder
pid_file = Paths.from_environ(os.environ).pid_file(NODED)
fd = int(sys.argv[2])
if {how!r} == "early":
    sys.exit("no port")
if os.fork():
    os._exit(0)
os.setsid()
for each in (0, 1, 2):
    os.dup2(os.open(os.devnull, os.O_RDWR), each)
if {how!r} == "error":
    os.write(fd, b"ERROR=it has no certificate\\n")
    os._exit(1)
if {how!r} == "dies":
    os._exit(1)
if {how!r} == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if {how!r} == "overtaken" and os.fork():
    while holder(pid_file) is None:
        time.sleep(0.01)
    try:
        PidFile(pid_file).acquire()
    except PidFileLockError as err:
        os.write(fd, f"ERROR={{err}}\\n".encode())
    os._exit(1)
PidFile(pid_file).acquire()
if {how!r} != "overtaken":
    os.write(fd, b"READY=1\\n")
os.close(fd)
time.sleep(60)
os._exit(0)
"""


class Node:
    def __init__(self, paths: Paths, program: Path) -> None:
        self.paths = paths
        self._program = program

    def behave(self, how: str) -> None:
        checkout = str(Path(daemons.__file__).parents[2])
        self._program.write_text(_DAEMON.format(how=how, checkout=checkout))
        self._program.chmod(0o755)


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    paths = Paths(root=str(tmp_path / "n1"), hostname="n1")
    make_directories(paths)
    program = tmp_path / "daemon"
    monkeypatch.setattr(daemons, "program", lambda name: str(program))
    yield Node(paths, program)
    daemons.stop(paths, NODED, 0)


def children() -> set[str]:
    """The processes that this one started, for whatever test, and has not waited for."""
    mine = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            mine |= {stat.parent.name} if fields[1] == str(os.getpid()) else set()
    return mine


def test_start_and_stop(node: Node) -> None:
    """Each is done once; no child is left."""
    before = children()
    node.behave("well")
    assert not daemons.is_running(node.paths, NODED)
    assert daemons.start(node.paths, NODED, 20)
    assert daemons.is_running(node.paths, NODED)
    assert not daemons.start(node.paths, NODED, 20)
    assert daemons.stop(node.paths, NODED, 20)
    assert not daemons.is_running(node.paths, NODED)
    assert not daemons.stop(node.paths, NODED, 20)
    assert children() <= before


def test_start_overtaken(node: Node) -> None:
    """One that somebody else starts at the same time runs, too."""
    node.behave("overtaken")
    assert not daemons.start(node.paths, NODED, 20)
    assert daemons.is_running(node.paths, NODED)


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("error", "^it has no certificate$"),
        ("dies", "died while it started: see .*node-daemon.log"),
        ("early", "died while it started: no port"),
    ],
)
def test_start_fails(node: Node, how: str, text: str) -> None:
    """The admin reads the daemon's own words, or where to look."""
    node.behave(how)
    with pytest.raises(DaemonError, match=text):
        daemons.start(node.paths, NODED, 20)


def test_no_such_program(node: Node) -> None:
    """A broken installation is an error with a text."""
    with pytest.raises(DaemonError, match="could not be started"):
        daemons.start(node.paths, NODED, 20)


@pytest.mark.slow
def test_never_ready(node: Node) -> None:
    """A daemon that says nothing is not waited for longer than asked."""
    node.behave("well")
    text = (
        node._program.read_text().replace('b"READY=1\\n"', 'b"READY"').replace("os.close(fd)", "")
    )
    node._program.write_text(text)
    begun = time.monotonic()
    with pytest.raises(DaemonError, match="not ready after 1 s"):
        daemons.start(node.paths, NODED, 1)
    assert time.monotonic() - begun < 30


def test_stop_by_force(node: Node) -> None:
    """A daemon that ignores the request is killed."""
    node.behave("stubborn")
    daemons.start(node.paths, NODED, 20)
    assert daemons.stop(node.paths, NODED, 0.3)
    assert not daemons.is_running(node.paths, NODED)


def test_stop_a_frozen_one(node: Node) -> None:
    """Also one that does not run at the moment."""
    node.behave("well")
    daemons.start(node.paths, NODED, 20)
    pid = int(Path(node.paths.pid_file(NODED)).read_text())
    os.kill(pid, signal.SIGSTOP)
    assert daemons.stop(node.paths, NODED, 0.3)


def test_environment() -> None:
    """A daemon belongs to its node, whatever node the caller is."""
    other = {"GANETI_ROOTDIR": "/a/b", "GANETI_HOSTNAME": "b", "NOTIFY_SOCKET": "/x", "A": "1"}
    assert daemons.environment(Paths(), other) == {"A": "1"}
    virtual = daemons.environment(Paths(root="/c/d", hostname="d"), other)
    assert virtual == {"A": "1", "GANETI_ROOTDIR": "/c/d", "GANETI_HOSTNAME": "d"}
