"""Commands that take long, at a terminal and on pipes."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.clustermaster import ClusterMaster, a_node, an_instance
from support.commands import VirtualNode
from support.fakemaster import ScriptedMaster

ROOT = Path(__file__).parents[2]


class SlowMaster(ScriptedMaster):
    """Jobs that take a while."""

    def __init__(self, seconds: float, **settings: Any) -> None:
        super().__init__(**settings)
        self._seconds = seconds

    def __call__(self, method: str, args: list[Any]) -> Any:
        if method != "WaitForJobChange":
            return super().__call__(method, args)
        if args[2] is None:
            return [["running"], [[1, [1795180557, 0], "message", "first"]]]
        time.sleep(self._seconds)
        return super().__call__(method, args)


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[VirtualNode]:
    node = VirtualNode(tmp_path)
    log = [("message", "first"), ("message", "second")]
    server = node.serve(SlowMaster(4.5, first_id=7, log=log))
    yield node
    server.stop()


def _start(
    node: VirtualNode, *words: str, main: str = "ganeti.cli.main", **streams: Any
) -> subprocess.Popen[bytes]:
    program, *rest = words or ("gnt-debug", "delay", "3")
    code = f"import os, sys; from {main} import main;"
    code += f"status = main({program!r}, {rest!r}, os.environ);"
    code += "sys.exit(status or 40 + ('rich' in sys.modules))"
    environ = {**os.environ, **node.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    return subprocess.Popen(
        [sys.executable, "-c", code], env=environ, stdin=subprocess.DEVNULL, **streams
    )


def test_on_pipes(slow: VirtualNode) -> None:
    """Nothing but the log is written to pipes, and nothing is loaded for it."""
    with _start(slow, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as command:
        out, err = command.communicate(timeout=60)
    assert command.returncode == 40
    assert [line.split(b" ")[-1] for line in out.splitlines()] == [b"first", b"second"]
    assert err == b""


def test_at_a_terminal(slow: VirtualNode) -> None:
    """There it is said what is waited for, and since when; the log is as it was."""
    ours, theirs = pty.openpty()
    with _start(slow, stdout=theirs, stderr=theirs) as command:
        os.close(theirs)
        shown = _read(ours)
        assert command.wait(60) == 41
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.search(r"Job 7 is running +0:00:0[2-4]", text)
    assert re.search(r"^\w{3} \w{3} [^\r\n]* first\r\n", text)
    assert re.search(r"\r\w{3} \w{3} [^\r\n]* second\r\n", text)
    assert shown.endswith("\x1b[2K")


def test_balancing_at_a_terminal(tmp_path: Path) -> None:
    """hbal tells there which job it waits for, and how many of the set have ended."""
    node = VirtualNode(tmp_path)
    nodes = [a_node(f"node{number}") for number in range(1, 5)]
    instances = [an_instance(f"a{n}", "node1", "node2") for n in (1, 2)]
    instances += [an_instance(f"b{n}", "node3", "node4") for n in (1, 2)]
    server = node.serve(ClusterMaster(nodes=nodes, instances=instances, job_s=4.5))
    ours, theirs = pty.openpty()
    streams = {"stdout": theirs, "stderr": theirs}
    with _start(node, "hbal", "-L", "-X", main="ganeti.cli.htools.main", **streams) as command:
        os.close(theirs)
        shown = _read(ours)
        assert command.wait(60) == 41
    server.stop()
    assert "Got job IDs 1,2\r\n" in shown
    assert "Job 1 is running (0 of 2 done)" in shown
    assert shown.endswith("\x1b[2K")


def _read(terminal: int) -> str:
    data = b""
    until = time.monotonic() + 60
    while time.monotonic() < until and select.select([terminal], [], [], 60)[0]:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
        data += part
    os.close(terminal)
    return data.decode()
