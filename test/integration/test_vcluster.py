"""Virtual clusters of real daemons: beside each other, at long paths, with real addresses."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ganeti.cli.vcluster import INIT_OPTIONS
from ganeti.cli.vcluster_layout import CLUSTER_NAME

ROOT = Path(__file__).parents[2]
SETUP = ROOT / "bin" / "vcluster-setup"
_LIMIT_S = 120


def run(*words: str | Path, status: int = 0) -> str:
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_LIMIT_S
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def command(folder: Path, *words: str, node: int = 1, status: int = 0) -> str:
    return run(folder / f"node{node}.example.com" / "cmd", *words, status=status)


def make(folder: Path) -> None:
    """Two nodes, the second added."""
    run(SETUP, "-c", "2", folder)
    command(folder, "gnt-cluster", "init", *INIT_OPTIONS, CLUSTER_NAME)
    command(folder, "gnt-node", "add", "--no-ssh-key-check", "node2.example.com")


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[list[Path]]:
    """Two folders, one with a path of more than 107 bytes."""
    paths = [tmp_path / "a", tmp_path / ("b" * 100) / ("c" * 100)]
    paths[1].parent.mkdir()
    yield paths
    for path in paths:
        if path.exists():
            run(path / "stop-all")


def nodes_online(folder: Path) -> list[str]:
    fields = ("--no-headers", "--separator=,", "-o", "name,dtotal")
    lines = command(folder, "gnt-node", "list", *fields).splitlines()
    return [line.split(",")[0] for line in lines if line.split(",")[1].isdecimal()]


def test_beside_each_other(folders: list[Path]) -> None:
    """Two clusters live side by side; each starts and stops alone."""
    both = ["node1.example.com", "node2.example.com"]
    for folder in folders:
        make(folder)
    for folder in folders:
        assert nodes_online(folder) == both
        assert command(folder, "gnt-cluster", "getmaster", node=2) == "node1.example.com\n"
    first, second = folders
    run(first / "stop-all")
    assert nodes_online(second) == both
    command(first, "gnt-node", "list", status=1)
    run(first / "start-all")
    run(first / "start-all")
    assert nodes_online(first) == both
    run(first / "restart-all")
    assert nodes_online(first) == both


_NAMESPACE = """
set -e
ip link set lo up
{setup} -c 2 -p 192.0.2 -n lo {folder}
cd {folder}
trap ./stop-all EXIT
./node1.example.com/cmd gnt-cluster init {options} {name}
./node1.example.com/cmd gnt-node add --no-ssh-key-check node2.example.com
./node1.example.com/cmd gnt-node list --no-headers -o name,pip
"""


def test_real_addresses(tmp_path: Path) -> None:
    """In a network namespace a cluster has the addresses that it was told."""
    unshare = ["unshare", "--net", *([] if os.getuid() == 0 else ["--map-root-user"])]
    if subprocess.run([*unshare, "ip", "link"], capture_output=True, timeout=20).returncode != 0:
        pytest.skip("this machine lets us make no network namespace")
    script = _NAMESPACE.format(
        setup=shlex.quote(str(SETUP)),
        folder=shlex.quote(str(tmp_path / "c")),
        options=shlex.join(INIT_OPTIONS),
        name=CLUSTER_NAME,
    )
    printed = run(*unshare, "sh", "-c", script)
    listing = [line.split() for line in printed.splitlines() if line.startswith("node")]
    assert listing == [["node1.example.com", "192.0.2.2"], ["node2.example.com", "192.0.2.3"]]
