"""How a command starts and ends, whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.commands import VirtualNode
from support.fakemaster import HangUp

from ganeti import errors
from ganeti.luxi.client import may_be_repeated
from ganeti.luxi.methods import METHODS

ROOT = Path(__file__).parents[3]
CLUSTER = {
    "software_version": "4",
    "protocol_version": 4,
    "config_version": 3,
    "os_api_version": 20,
    "export_version": 0,
    "vcs_version": "v",
}


@pytest.fixture
def node(tmp_path: Path) -> VirtualNode:
    return VirtualNode(tmp_path)


def _raising(error: Exception) -> Any:
    def answer(_method: str, _args: list[Any]) -> Any:
        raise error

    return answer


def test_unknown_command(node: VirtualNode) -> None:
    """An unknown sub-command, or none, shows what there is, and fails."""
    for words in ([], ["nosuch"], ["-h"], ["--nosuch"]):
        ran = node.run("gnt-node", *words)
        assert (ran.status, ran.stderr) == (1, "")
        assert ran.stdout.startswith("Usage: gnt-node {command} [options...] [argument...]\n")
        assert " list-fields - " in ran.stdout


@pytest.mark.parametrize("command", ["add", "list", "info", "remove", "list-fields"])
def test_help(node: VirtualNode, command: str) -> None:
    """Help is on standard output, with an example."""
    assert node.run("gnt-node", "--help").status == 0
    ran = node.run("gnt-node", command, "--help")
    assert (ran.status, ran.stderr) == (0, "")
    assert ran.stdout.startswith(f"Usage\n=====\n  gnt-node {command} ")
    assert f"Example\n=======\n  gnt-node {command}" in ran.stdout


def test_long_options_may_be_short(node: VirtualNode) -> None:
    """A long option may be cut as long as it is unique."""
    with_server = node.serve(lambda method, args: {"fields": [], "data": []})
    assert node.run("gnt-node", "list", "--no-head", "--sep=:").status == 0
    assert node.run("gnt-node", "list", "--no").status == 0
    assert node.run("gnt-instance", "add", "--no-i", "x").status == 2
    with_server.stop()


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (
            errors.OpPrereqError("no", "wrong_state"),
            1,
            "Failure: prerequisites not met for this operation:\n"
            "error type: wrong_state, error details:\nno\n",
        ),
        (errors.OpExecError("no"), 1, "Failure: command execution error:\nno\n"),
        (errors.TypeEnforcementError("no"), 1, "Parameter Error: no\n"),
        (errors.ConfigurationError("no"), 2, "Corrupt configuration file: no\nAborting.\n"),
        (errors.TagError("no"), 1, "Failure: invalid tag(s) given:\nno\n"),
        (errors.GanetiError("no"), 1, "Unhandled Ganeti error: no\n"),
        (
            errors.HooksAbort([("n1", "10-x", "said"), ("n2", "20-y", "")]),
            1,
            "Failure: hooks execution failed:\n"
            "  node: n1, script: 10-x, output: said\n  node: n2, script: 20-y, no output\n",
        ),
        (
            errors.ResolverError("host", 2, "why"),
            1,
            "Failure: can't resolve hostname 'host': why\n",
        ),
        (errors.LockError(""), 1, "Unhandled Ganeti error: LockError\n"),
        (errors.StorageError("disk full"), 1, "Failure: cannot store or read data:\ndisk full\n"),
    ],
)
def test_errors(node: VirtualNode, error: Exception, status: int, text: str) -> None:
    """Each kind of error has its words and its status."""
    server = node.serve(_raising(error))
    ran = node.run("gnt-cluster", "version")
    server.stop()
    assert ran == (status, "", text, "")


def test_daemon_not_running(node: VirtualNode) -> None:
    """On the master it is said at once which daemon to start, and how."""
    ran = node.run("gnt-node", "list")
    assert ran.status == 1
    assert "ganeti-masterd does not run on this node" in ran.stderr
    assert f"'{node.paths.root}/cmd ganeti-masterd'" in ran.stderr


def test_stale_socket(node: VirtualNode) -> None:
    """A socket that nobody listens on is the same."""
    node.serve(lambda method, args: None).stop()
    Path(node.paths.query_socket).touch()
    assert "does not run on this node" in node.run("gnt-node", "list").stderr


def test_other_master(tmp_path: Path) -> None:
    """Elsewhere the master is named."""
    node = VirtualNode(tmp_path, master="node9.example.com")
    assert "please connect to node 'node9.example.com'" in node.run("gnt-node", "list").stderr


def test_no_cluster(tmp_path: Path) -> None:
    """A machine without a cluster is told so."""
    node = VirtualNode(tmp_path, master=None)
    assert "Cluster not initialized" in node.run("gnt-node", "list").stderr
    assert node.run("gnt-cluster", "getmaster").status == 2


def test_wrong_environment(node: VirtualNode) -> None:
    """A virtual node that contradicts itself is refused with a text."""
    ran = node.run("gnt-node", "list", environ={"GANETI_HOSTNAME": "other"})
    assert ran.status == 2
    assert "must equal GANETI_HOSTNAME" in ran.stderr


def test_forced_socket(node: VirtualNode) -> None:
    """FORCE_LUXI_SOCKET names a path, or one of the usual two."""
    server = node.serve(lambda method, args: CLUSTER)
    os.symlink("ganeti-query", node.paths.master_socket)
    for value in ("query", "master", node.paths.query_socket):
        ran = node.run("gnt-cluster", "version", environ={"FORCE_LUXI_SOCKET": value})
        assert ran.status == 0
    ran = node.run("gnt-cluster", "version", environ={"FORCE_LUXI_SOCKET": "/nonexistent/x"})
    server.stop()
    assert ran.status == 1


def test_default_arguments(node: VirtualNode) -> None:
    """GNT_NODE_LIST is put before what is typed; it must be shell text."""
    server = node.serve(lambda method, args: {"fields": [], "data": []})
    environ = {"GNT_NODE_LIST": "-o 'name,role' node1"}
    node.run("gnt-node", "list", "node2", environ=environ)
    ran = node.run("gnt-node", "list", environ={"GNT_NODE_LIST": "'"})
    server.stop()
    (asked,) = server.asked("Query")
    wanted = ["|", ["=", "name", "node1"], ["=", "name", "node2"]]
    assert asked == ["node", ["name", "role"], wanted]
    assert ran.status == 1
    assert "GNT_NODE_LIST" in ran.stderr


def test_debug(node: VirtualNode) -> None:
    """With -d the requests are shown on standard error, and where an error came from."""
    server = node.serve(lambda method, args: CLUSTER)
    ran = node.run("gnt-cluster", "version", "-d")
    server.stop()
    assert "DEBUG QueryClusterInfo: " in ran.stderr
    assert "Command line: gnt-cluster version -d" in ran.stderr
    assert "Traceback" in node.run("gnt-cluster", "version", "-d").stderr
    assert "Traceback" not in node.run("gnt-cluster", "version").stderr


def test_not_text(node: VirtualNode) -> None:
    """An argument that is no UTF-8 is refused."""
    ran = node.run("gnt-node", "list", "n\udcff")
    assert (ran.status, ran.stdout) == (1, "")
    assert "not valid UTF-8" in ran.stderr


def test_strange_answer(node: VirtualNode) -> None:
    """An answer of another shape is an error, not a traceback."""
    server = node.serve(lambda method, args: [1])
    ran = node.run("gnt-cluster", "version")
    server.stop()
    assert ran.status == 1
    assert ran.stderr.startswith("Internal error, please report it: TypeError")


def test_master_hangs_up(node: VirtualNode) -> None:
    """A change whose answer is lost is not repeated, and that is said."""

    def answer(_method: str, _args: list[Any]) -> Any:
        raise HangUp

    server = node.serve(answer)
    ran = node.run("gnt-cluster", "queue", "drain")
    server.stop()
    assert ran.status == 1
    assert "not known whether it was carried out" in ran.stderr
    assert len(server.calls) == 1


def test_repeatable_methods() -> None:
    """The client knows which methods only read."""
    for name, method in METHODS.items():
        assert may_be_repeated(name) == method.REPEATABLE, name


# -- In a process of its own


@pytest.fixture
def process(node: VirtualNode) -> Iterator[dict[str, Any]]:
    server = node.serve(lambda method, args: _many_nodes())
    environ = {**os.environ, **node.environ, "PYTHONPATH": str(ROOT)}
    environ.pop("PYTHONUNBUFFERED", None)  # would take one short write for the whole
    yield {"env": environ, "stderr": subprocess.PIPE, "text": True}
    server.stop()


def _many_nodes() -> dict[str, Any]:
    field = {"name": "name", "title": "Node", "kind": "text", "doc": ""}
    return {"fields": [field], "data": [[[0, f"node{i}"]] for i in range(20_000)]}


def _command(*words: str) -> list[str]:
    code = "import os, sys; from ganeti.cli.main import main;"
    code += "status = main(sys.argv[1], sys.argv[2:], os.environ);"
    code += "heavy = {'twisted', 'msgspec', 'cryptography', 'rich', 'ganeti.cli.plans'};"
    code += "heavy &= set(sys.modules);"
    code += "sys.exit(f'{heavy} loaded' if heavy else status)"
    return [sys.executable, "-c", code, *words]


def test_broken_pipe(process: dict[str, Any]) -> None:
    """When nobody reads any more, a command ends without a word."""
    with subprocess.Popen(
        _command("gnt-node", "list", "-o", "name"), stdout=subprocess.PIPE, **process
    ) as command:
        assert command.stdout is not None and command.stderr is not None
        assert command.stdout.readline() == "Node\n"
        command.stdout.close()
        assert command.stderr.read() == ""
        assert command.wait(20) == 1


def test_full_disk(process: dict[str, Any]) -> None:
    """Output that cannot be written is an error of one line."""
    words = ("gnt-node", "list", "-o", "name"), ("gnt-node", "--version")
    for command in words:
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                _command(*command), stdout=full, timeout=60, check=False, **process
            )
        message = "Error: [Errno 28] No space left on device\n"
        assert (done.returncode, done.stderr) == (1, message)


def test_closed_streams(process: dict[str, Any]) -> None:
    """Without standard streams a command works all the same, and says nothing."""
    shell = ("sh", "-c", 'exec "$@" <&- >&-', "sh")
    done = subprocess.run(
        [*shell, *_command("gnt-node", "list", "-o", "name")],
        stdout=subprocess.PIPE,
        timeout=60,
        check=False,
        **process,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("program", ["gnt-node", "gnt-job"])
def test_light(process: dict[str, Any], program: str) -> None:
    """Lists load neither Twisted nor msgspec: they must start fast."""
    done = subprocess.run(
        _command(program, "list", "-o", "name"),
        stdout=subprocess.DEVNULL,
        timeout=60,
        check=False,
        **process,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_ascii_output(process: dict[str, Any]) -> None:
    """What the terminal cannot show does not stop a command."""
    process["env"]["PYTHONIOENCODING"] = "ascii"
    done = subprocess.run(
        _command("gnt-node", "list", "--separator=→", "-o", "name"),
        stdout=subprocess.PIPE,
        timeout=60,
        check=False,
        **process,
    )
    assert (done.returncode, done.stderr) == (0, "")
