"""Virtual clusters: their folders, addresses and scripts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ganeti.cli import fleet, vcluster
from ganeti.cli.vcluster import SetupError, setup
from ganeti.cli.vcluster_layout import Layout, node_paths, parse_prefix, prefixes
from ganeti.errors import StorageError
from ganeti.paths import Paths
from ganeti.store.database import MAX_PATH_BYTES, Database
from ganeti.utils.hosts import Resolver, parse_hosts

ROOT = Path(__file__).parents[3]


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_makes_nodes(tmp_path: Path) -> None:
    """Each node has its directories, its name and its address; a second run changes nothing."""
    folder = tmp_path / "c"
    layout = setup(str(folder), nodes=2)
    first = snapshot(folder)
    assert setup(str(folder), nodes=2) == layout
    assert snapshot(folder) == first
    for number, paths in enumerate(fleet.nodes(str(folder)), 1):
        assert paths.hostname == f"node{number}.example.com"
        assert Resolver(paths).resolve(f"node{number}").ip == f"{layout.prefix}.{number + 1}"
        assert Resolver(paths).resolve("cluster.example.com").ip == f"{layout.prefix}.1"
        assert all(os.path.isdir(path) for path, _ in paths.directories())
        assert Path(paths.file_storage_paths_file).read_text().split() == [
            Paths().file_storage_dir,
            Paths().shared_file_storage_dir,
        ]


def test_grows(tmp_path: Path) -> None:
    """More nodes may be added; fewer are never taken away, and addresses stay."""
    folder = str(tmp_path / "c")
    before = setup(folder, nodes=2)
    after = setup(folder, nodes=4)
    assert (after.prefix, after.nodes) == (before.prefix, 4)
    assert setup(folder, nodes=1).nodes == 4


def test_interrupted(tmp_path: Path) -> None:
    """What an interrupted run left is completed."""
    folder = tmp_path / "c"
    folder.mkdir()
    (folder / "..vcluster.new").write_text("")
    setup(str(folder), nodes=1)
    for name in ("hosts", "start-all", "node1.example.com/cmd"):
        (folder / name).unlink()
    layout = setup(str(folder), nodes=2)
    assert (folder / "node1.example.com" / "cmd").exists()
    assert parse_hosts((folder / "hosts").read_text())["node2"].ip == f"{layout.prefix}.3"


def test_not_ours(tmp_path: Path) -> None:
    """A folder with other things in it, or a file, is left alone."""
    (tmp_path / "precious").write_text("")
    for path in (tmp_path, tmp_path / "precious"):
        with pytest.raises(SetupError, match="no virtual cluster"):
            setup(str(path))
    assert os.listdir(tmp_path) == ["precious"]


def test_next_prefix_when_a_port_is_taken(tmp_path: Path) -> None:
    """A cluster whose addresses are in use takes the next network."""
    folder = str(tmp_path / "c")
    first, second, *_ = prefixes(folder)
    with socket.socket() as other:
        other.bind((f"{first}.3", vcluster.NODED_PORT))
        other.listen()
        assert setup(folder, nodes=2).prefix == second
        assert setup(str(tmp_path / "d"), nodes=1).prefix not in (first, second)


def test_told_prefix(tmp_path: Path) -> None:
    """A prefix is taken as told, and does not change afterwards."""
    folder = str(tmp_path / "c")
    assert setup(folder, prefix="192.0.2").prefix == "192.0.2"
    assert setup(folder).prefix == "192.0.2"
    with pytest.raises(SetupError, match=r"192\.0\.2\.0/24 already"):
        setup(folder, prefix="192.0.3")


@pytest.mark.parametrize(
    ("text", "prefix"),
    [("192.0.2", "192.0.2"), ("192.0.2.", "192.0.2"), ("192.0.2.0", "192.0.2")]
    + [("192.0.2.0/24", "192.0.2"), ("192.0", None), ("192.0.256", None), ("a.b.c", None)]
    + [("192.0.2.1", None), ("", None)],
)
def test_prefix_forms(text: str, prefix: str | None) -> None:
    """The ways to write a network."""
    assert parse_prefix(text) == prefix


def test_own_hosts_file(tmp_path: Path) -> None:
    """A hosts file of the admin's is left alone (-E)."""
    folder = tmp_path / "c"
    setup(str(folder), nodes=1)
    (folder / "hosts").write_text("127.9.9.1 cluster.example.com\n")
    setup(str(folder), nodes=2, keep_hosts=True)
    assert (folder / "hosts").read_text() == "127.9.9.1 cluster.example.com\n"


def test_others_lines(tmp_path: Path) -> None:
    """What others have put into the hosts file stays, and so do names of earlier runs."""
    folder = tmp_path / "c"
    setup(str(folder), nodes=1, instances=2)
    with open(folder / "hosts", "a", encoding="utf-8") as stream:
        stream.write("192.0.2.9 web.example.org")
    before = parse_hosts((folder / "hosts").read_text())
    layout = setup(str(folder), nodes=2, instances=1)
    after = parse_hosts((folder / "hosts").read_text())
    assert after["node2"].ip == layout.node_ip(2)
    assert after.items() >= before.items()


def test_long_path(tmp_path: Path) -> None:
    """The longest path that the database of the last node may have, and one that is too long."""
    start = f"{tmp_path}/{'/'.join(['d' * 100] * 3)}"
    room = MAX_PATH_BYTES - len(f"{node_paths(start, 10).store_db}.new")
    folder = f"{start}/{'e' * (room - 1)}"
    with closing(Database(f"{setup(folder, nodes=10).node_paths()[-1].store_db}.new", create=True)):
        pass
    with pytest.raises(SetupError, match="1 bytes too long"):
        setup(f"{folder}e", nodes=10)
    assert not os.path.exists(f"{folder}e")
    with pytest.raises(StorageError, match="1 bytes too long"):
        Database(f"{node_paths(folder, 10).store_db}.news", create=True)


def test_limits() -> None:
    """Impossible clusters."""
    assert Layout("/x", "", 253, 0).problem() is None
    assert Layout("/x", "", 250, 10).problem()
    assert Layout("/x", "", 0, 0).problem()
    assert Layout("/x:y", "", 1, 0).problem()


@pytest.mark.parametrize("name", ["a b'c\"$d", "x" * 200])
def test_command_script(tmp_path: Path, name: str) -> None:
    """cmd sets the node and finds our programs, whatever the folder is called."""
    folder = tmp_path / name
    setup(str(folder), nodes=1)
    command = folder / "node1.example.com" / "cmd"
    code = "echo $GANETI_ROOTDIR; echo $GANETI_HOSTNAME; command -v gnt-cluster"
    done = subprocess.run([command, "sh", "-c", code], capture_output=True, text=True, timeout=60)
    expected = [str(folder / "node1.example.com"), "node1.example.com"]
    assert done.stdout.splitlines() == [*expected, str(ROOT / "bin" / "gnt-cluster")]
    nothing = subprocess.run([command], capture_output=True, text=True, timeout=60)
    assert (nothing.returncode, nothing.stderr[:6]) == (2, "Usage:")


def test_all_scripts(tmp_path: Path) -> None:
    """Nodes that are not set up are left alone."""
    folder = tmp_path / "c"
    setup(str(folder), nodes=2)
    for script in ("start-all", "restart-all", "stop-all"):
        done = subprocess.run([folder / script], capture_output=True, timeout=60)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_init_script(tmp_path: Path) -> None:
    """An own init script is called for each node; one failure makes a failure."""
    init = tmp_path / "init"
    init.write_text(
        '#!/bin/sh\necho "$GANETI_HOSTNAME $1"\n[ $GANETI_HOSTNAME = node2.example.com ]\n'
    )
    init.chmod(0o755)
    setup(str(tmp_path / "c"), nodes=2, init_script=str(init))
    done = subprocess.run([tmp_path / "c" / "start-all"], capture_output=True, timeout=60)
    assert done.stdout == b"node1.example.com start\nnode2.example.com start\n"
    assert done.returncode == 1


def test_program(tmp_path: Path) -> None:
    """vcluster-setup tells what to type next, and warns of foreign addresses."""
    program = [sys.executable, "-I", "-m", "ganeti.cli.vcluster"]
    options = ["-c", "1", "-p", "192.0.2", "-N", "-n", "eth9"]
    done = subprocess.run(
        [*program, *options, tmp_path / "c"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert "gnt-cluster init" in done.stdout
    warned = [ip for ip in ("192.0.2.2",) if f"Warning: {ip} is not an address" in done.stderr]
    assert warned == vcluster.missing_addresses(["192.0.2.2"])
    bad = subprocess.run([*program, "-p", "x", "y"], capture_output=True, text=True, timeout=60)
    assert (bad.returncode, bad.stdout) == (1, "")
    assert "'x' is no prefix" in bad.stderr


def test_strays(tmp_path: Path) -> None:
    """Daemons of the folder's nodes that are on their way up are killed; nobody else is."""
    setup(str(tmp_path / "c"), nodes=1)
    (node,) = fleet.nodes(str(tmp_path / "c"))
    argv = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]

    def begin(root: str, word: str) -> subprocess.Popen[bytes]:
        environ = {"GANETI_ROOTDIR": root}
        pipe = subprocess.PIPE
        process = subprocess.Popen([*argv, word], env=environ, stdin=pipe, stdout=pipe)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    with (
        begin(node.root, "/a/bin/ganeti-noded") as stray,
        begin(f"{node.root}x", "/a/bin/ganeti-noded") as other,
        begin(node.root, "sh") as shell,
    ):
        fleet.kill_strays(str(tmp_path / "c"))
        assert stray.wait(20) == -signal.SIGKILL
        assert (other.poll(), shell.poll()) == (None, None)
        for process in (other, shell):
            process.kill()
