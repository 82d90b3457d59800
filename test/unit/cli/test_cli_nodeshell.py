"""gnt-cluster command and copyfile: which nodes, how they are reached, and what is printed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.commands import Ran, VirtualNode
from zope.interface.verify import verifyObject

from ganeti.cli import nodeshell
from ganeti.cli.nodesetup import SshOptions
from ganeti.cli.nodeshell import INodeShell, Said, SshNodeShell, VirtualNodeShell
from ganeti.errors import SshError
from ganeti.paths import Paths

FIELDS = ("name", "offline", "master", "pip", "sip", "group", "group.uuid", "ndp/ssh_port")
GROUPS = {"node1": "default", "node2": "default", "node3": "other"}


class Master:
    """Knows three nodes; node3 may be out of service."""

    def __init__(self, offline: str = "") -> None:
        self.offline = offline

    def __call__(self, method: str, args: list[Any]) -> Any:
        if method == "QueryGroups":
            known = {*GROUPS.values(), *(f"uuid-{name}" for name in GROUPS.values())}
            return [[name] for name in args[0] if name in known]
        names, fields, _ = args
        assert tuple(fields) == FIELDS
        known = [n for n in ("node1", "node2", "node3") if not names or n in names]
        return [
            [f"{n}.example.com", n == self.offline, n == "node1", f"192.0.2.{n[-1]}",
             f"198.51.100.{n[-1]}", GROUPS[n], f"uuid-{GROUPS[n]}", 22]
            for n in known
        ]  # fmt: skip


def make_node(folder: Path) -> VirtualNode:
    """The master, with the folders of the others beside its own."""
    node = VirtualNode(folder)
    for number in (2, 3):
        (folder / f"node{number}.example.com").mkdir(exist_ok=True)
    return node


def run_on(node: VirtualNode, *words: str, offline: str = "") -> Ran:
    server = node.serve(Master(offline))
    try:
        return node.run("gnt-cluster", *words)
    finally:
        server.stop()


def run(folder: Path, *words: str, offline: str = "") -> Ran:
    return run_on(make_node(folder), *words, offline=offline)


def names(ran: Ran) -> list[str]:
    return [line.partition(": ")[2] for line in ran.stdout.splitlines() if line[:5] == "node:"]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ([], ["node2", "node3", "node1"]),
        (["-n", "node3", "--node=node1"], ["node3", "node1"]),
        (["-g", "default"], ["node2", "node1"]),
        (["-g", "uuid-other"], ["node3"]),
        (["-g", "other"], ["node3"]),
    ],
)
def test_selection(tmp_path: Path, words: list[str], wanted: list[str]) -> None:
    """All nodes, named ones, or those of a group; the master last."""
    ran = run(tmp_path, "command", *words, "true")
    assert names(ran) == [f"{name}.example.com" for name in wanted]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["-n", "nosuch"], "Node 'nosuch' not known"),
        (["-g", "nosuch"], "Node group 'nosuch' not found"),
    ],
)
def test_unknown(tmp_path: Path, words: list[str], text: str) -> None:
    """What is not known is said, and nothing is run."""
    ran = run(tmp_path, "command", *words, "true")
    assert (ran.status, ran.stdout) == (1, "")
    assert "error type: unknown_entity" in ran.stderr
    assert text in ran.stderr


def test_offline(tmp_path: Path) -> None:
    """Nodes out of service are left out, and named."""
    ran = run(tmp_path, "command", "true", offline="node3")
    assert ran.stderr == "Note: skipping offline node(s): node3.example.com\n"
    assert names(ran) == ["node2.example.com", "node1.example.com"]


def test_environment(tmp_path: Path) -> None:
    """In a virtual cluster a command runs in a node's folder, as that node."""
    line = "echo $GANETI_HOSTNAME $GANETI_ROOTDIR; pwd; command -v gnt-node; cat"
    ran = run(tmp_path, "command", "-n", "node2", line)
    root = str(tmp_path / "node2.example.com")
    lines = ran.stdout.splitlines()
    assert lines[2:4] == [f"node2.example.com {root}", root]
    assert lines[4].endswith("/gnt-node")


def test_names(tmp_path: Path) -> None:
    """The node's name before each line."""
    ran = run(tmp_path, "command", "-M", "-n", "node2", "echo a; echo b")
    assert ran.stdout.splitlines()[1:] == [
        "node2.example.com: a",
        "node2.example.com: b",
        "return code = 0",
    ]


def test_failures(tmp_path: Path) -> None:
    """Only failures, if that is what is wanted; the command succeeds all the same."""
    ran = run(tmp_path, "command", "--failure-only", "test $GANETI_HOSTNAME != node3.example.com")
    assert ran.status == 0
    assert names(ran) == ["node3.example.com"]
    assert ran.stdout.endswith("return code = 1\n")


def test_no_folder(tmp_path: Path) -> None:
    """A node that cannot be reached is shown like one that SSH does not reach."""
    ran = run_on(VirtualNode(tmp_path), "command", "-n", "node2", "true")
    assert (ran.status, ran.stderr) == (0, "")
    assert "could not be started: No such file or directory" in ran.stdout
    assert ran.stdout.endswith("return code = 255\n")


# -- copyfile


def test_copy(tmp_path: Path) -> None:
    """A file of the master goes to the same place of the others, with its mode."""
    node = make_node(tmp_path)
    source = tmp_path / "node1.example.com" / "etc" / "motd"
    source.parent.mkdir(parents=True)
    source.write_text("hello\n")
    source.chmod(0o640)
    for given in ("/etc/motd", str(source)):
        assert run_on(node, "copyfile", given) == (0, "", "", "")
        for number in (2, 3):
            place = tmp_path / f"node{number}.example.com" / "etc" / "motd"
            assert (place.read_text(), place.stat().st_mode & 0o777) == ("hello\n", 0o640)
            place.unlink()


def test_copy_of_machine(tmp_path: Path) -> None:
    """A file that only the machine has lands below each node's root, and nowhere else."""
    outside = tmp_path / "outside"
    outside.write_text("x")
    ran = run(tmp_path, "copyfile", "-n", "node2", str(outside))
    assert ran.status == 0
    assert Path(f"{tmp_path}/node2.example.com{outside}").read_text() == "x"
    assert not Path(f"{tmp_path}/node3.example.com{outside}").exists()


def test_copy_fails(tmp_path: Path) -> None:
    """A failure is said for each node, and fails the command."""
    source = tmp_path / "file"
    source.write_text("x")
    (tmp_path / "node2.example.com").mkdir()
    (tmp_path / "node2.example.com" / "tmp").touch()
    ran = run(tmp_path, "copyfile", str(source))
    assert ran.status == 1
    assert ran.stderr.startswith(f"Copy of file {source} to node node2.example.com failed: ")
    assert Path(f"{tmp_path}/node3.example.com{source}").exists()


def test_copy_no_file(tmp_path: Path) -> None:
    """Folders and what is not there are no files, and nothing is made anywhere."""
    node = make_node(tmp_path)
    for given, text in (
        ("", "No such filename ''"),
        (f"{tmp_path}/nosuch", f"No such filename '{tmp_path}/nosuch'"),
        (str(tmp_path), f"'{tmp_path}' is not a regular file"),
        ("/dev/null", "'/dev/null' is not a regular file"),
    ):
        ran = run_on(node, "copyfile", given)
        assert ran.status == 1
        assert text in ran.stderr
    assert not list(tmp_path.glob("node[23].example.com/*"))


def test_copy_breaks_off(tmp_path: Path) -> None:
    """What could not be put in place is removed again."""
    source = tmp_path / "file"
    source.write_text("x")
    place = tmp_path / f"node2.example.com{source}"
    place.mkdir(parents=True)
    assert run(tmp_path, "copyfile", "-n", "node2", str(source)).status == 1
    assert os.listdir(place.parent) == ["file"]


# -- real nodes


class Programs:
    """Notes what is to be run."""

    def __init__(self, said: Said = Said(0, "")) -> None:  # noqa: B008
        self.said = said
        self.argvs: list[list[str]] = []

    def __call__(self, argv: Sequence[str], env: Mapping[str, str], cwd: str) -> Said:
        assert (env, cwd) == ({"HOME": "/root"}, "/")
        self.argvs.append(list(argv))
        return self.said


def shell(programs: Programs, host: str = "node2", **options: Any) -> SshNodeShell:
    known = "/var/lib/ganeti/known_hosts"
    given = SshOptions(known_hosts=known, **options)
    return SshNodeShell(host, given, {"HOME": "/root"}, programs)


COMMON = [
    "-oHashKnownHosts=no",
    "-oConnectTimeout=10",
    "-oServerAliveInterval=15",
    "-oStrictHostKeyChecking=ask",
    "-oBatchMode=yes",
    "-oGlobalKnownHostsFile=/var/lib/ganeti/known_hosts",
]


def test_ssh() -> None:
    """The command line is one word for ssh, whatever is in it, and nobody is asked anything."""
    programs = Programs(Said(3, "out"))
    assert shell(programs, port=2222).run("echo 'a b'; exit 3") == (3, "out")
    tail = ["-oEscapeChar=none", "-T", "-p2222", "-4", "root@node2", "--", "echo 'a b'; exit 3"]
    assert programs.argvs == [["ssh", *COMMON, *tail]]


def test_scp() -> None:
    """Mode and times are kept; addresses may be of either family."""
    programs = Programs()
    shell(programs).copy("/etc/hosts")
    shell(programs, "2001:db8::1", ipv6=True).copy("/etc/hosts")
    tails = (
        ["-P22", "--", "/etc/hosts", "root@node2:/etc/hosts"],
        ["-P22", "--", "/etc/hosts", "root@[2001:db8::1]:/etc/hosts"],
    )
    assert programs.argvs == [["scp", "-q", "-p", *COMMON, *tail] for tail in tails]


@pytest.mark.parametrize(
    ("said", "text"),
    [(Said(1, "lost connection\n"), "lost connection"), (Said(1, ""), "scp ended with status 1")],
)
def test_scp_fails(said: Said, text: str) -> None:
    """What scp says is the reason."""
    with pytest.raises(SshError, match=text):
        shell(Programs(said)).copy("/etc/hosts")


def test_interface() -> None:
    """Both ways are ways."""
    verifyObject(INodeShell, shell(Programs()))
    verifyObject(INodeShell, VirtualNodeShell(Paths("/c/node1", "node1"), "node2", {}))


def test_no_program() -> None:
    """A program that is not there is said by its name."""
    with pytest.raises(SshError, match="/nonexistent could not be started"):
        nodeshell.run_program(["/nonexistent"], os.environ, "/")
