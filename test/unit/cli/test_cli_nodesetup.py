"""A machine becomes a node: over the file system, over SSH, after interruptions."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.joining import (
    CLUSTER,
    NAME,
    UUID,
    authority_of,
    build_bundle,
    check_joined,
    join,
    node_paths,
)
from support.newcluster import create_cluster, virtual_folder
from zope.interface.verify import verifyObject

from ganeti.cli import clusterfiles, machine, nodejoin
from ganeti.cli.nodesetup import (
    Finished,
    INodeSetup,
    SshNodeSetup,
    SshOptions,
    VirtualNodeSetup,
    ssh_argv,
)
from ganeti.cli.tools.node_daemon_setup import main as setup_main
from ganeti.errors import GanetiError, OpPrereqError, ParseError, SshError
from ganeti.paths import Paths
from ganeti.rpc import certificates
from ganeti.store.nodestate_db import create_node_database, read_role_record
from ganeti.utils.durable import write_atomic
from ganeti.utils.hosts import Host


@pytest.fixture
def master() -> Iterator[Paths]:
    with virtual_folder() as paths:
        create_cluster(paths)
        os.mkdir(node_paths(paths).root)
        yield paths


class FakeSsh:
    """Runs the steps here, as if it were another machine; keeps what it was told."""

    def __init__(self, node: Paths) -> None:
        self.argv: list[list[str]] = []
        self._environ = {"GANETI_ROOTDIR": node.root, "GANETI_HOSTNAME": node.hostname}

    def __call__(self, argv: Sequence[str], text: str, timeout_s: float) -> Finished:
        assert timeout_s > 0
        self.argv.append(list(argv))
        out, err = io.StringIO(), io.StringIO()
        status = setup_main([], self._environ, stdin=io.StringIO(text), stdout=out, stderr=err)
        return Finished(status, out.getvalue(), err.getvalue())


def _setups(master: Paths) -> dict[str, Any]:
    return {
        "virtual": VirtualNodeSetup(master, NAME),
        "ssh": SshNodeSetup(NAME, run=FakeSsh(node_paths(master))),
    }


@pytest.mark.parametrize("kind", ["virtual", "ssh"])
def testjoin(master: Paths, kind: str) -> None:
    """Either way the machine knows its cluster; done again, it keeps its uuid."""
    setup = _setups(master)[kind]
    verifyObject(INodeSetup, setup)
    prepared = join(master, setup)
    assert (prepared.protocol, prepared.node_uuid) == (4000000, "")
    check_joined(master)
    assert join(master, setup).node_uuid == UUID
    check_joined(master)


@pytest.mark.parametrize("kind", ["virtual", "ssh"])
def test_other_cluster(master: Paths, kind: str) -> None:
    """A node of another cluster is refused, unless forced; then nothing of that one is left."""
    node, setup = node_paths(master), _setups(master)[kind]
    create_cluster(node)
    write_atomic(node.ssconf("cluster_name"), b"other.example.com\n")
    create_node_database(node.node_db, 7, read_role_record(master.node_db).record)
    with pytest.raises(GanetiError) as caught:
        join(master, setup)
    assert "belongs to the cluster other.example.com" in str(caught.value)
    assert certificates.load_identity(node).uuid != UUID
    join(master, setup, force_join=True)
    check_joined(master)
    assert not os.path.exists(node.store_db)


def test_no_node(master: Paths) -> None:
    """In a virtual cluster nodes are made by vcluster-setup: a mistyped name makes none."""
    setup = VirtualNodeSetup(master, "web.example.com")
    with pytest.raises(OpPrereqError, match="is no node of this virtual cluster"):
        setup.prepare(CLUSTER, authority_of(master), force_join=False)
    assert sorted(os.listdir(master.cluster_dir)) == ["hosts", "node1.example.com", NAME]


def test_higher_term(master: Paths) -> None:
    """A node that has promised a higher term than this master's is not taken."""
    node, setup = node_paths(master), VirtualNodeSetup(master, NAME)
    join(master, setup)
    create_node_database(node.node_db, 9, b"{}")
    with pytest.raises(GanetiError, match="term 9"):
        join(master, setup)


def test_wrong_certificate(master: Paths) -> None:
    """A certificate for another key is not installed."""
    setup = VirtualNodeSetup(master, NAME)
    first = setup.prepare(CLUSTER, authority_of(master), force_join=False)
    setup.prepare(CLUSTER, authority_of(master), force_join=False)
    with pytest.raises(GanetiError, match="another key"):
        setup.install(build_bundle(master, first.request))


# -- SSH


def test_argv() -> None:
    """Options before the machine; the command as one quoted word."""
    argv = ssh_argv("n.ex", ["/a b", "$x"], SshOptions(port=2222, key_check=False, ipv6=True))
    assert argv[0] == "ssh"
    assert argv[-3:] == ["root@n.ex", "--", "'/a b' '$x'"]
    assert {"-p2222", "-6", "-oStrictHostKeyChecking=no", "-T"} <= set(argv)
    usual = ssh_argv("n.ex", ["x"], SshOptions())
    assert {"-p22", "-4", "-oStrictHostKeyChecking=ask"} <= set(usual)


def test_secrets_not_in_argv(master: Paths) -> None:
    """What other users may see of a process has no secret."""
    ssh = FakeSsh(node_paths(master))
    join(master, SshNodeSetup(NAME, run=ssh))
    secret = clusterfiles.read_text(master.hmac_key).strip()
    assert secret
    assert not any(secret in word for argv in ssh.argv for word in argv)


@pytest.mark.parametrize(
    ("done", "error", "text"),
    [
        (Finished(255, "", "Connection refused"), SshError, "by SSH: Connection refused"),
        (Finished(127, "", "not found"), OpPrereqError, "is not installed there"),
        (Finished(1, "", "disk full\n"), OpPrereqError, "at step 'prepare': disk full"),
        (Finished(2, "", ""), OpPrereqError, "exit status 2"),
        (Finished(0, "hello", ""), ParseError, "did not answer as node-daemon-setup"),
        (Finished(0, "[]", ""), ParseError, "did not answer as node-daemon-setup"),
        (Finished(0, '{"protocol": "x"}', ""), ParseError, "did not answer"),
    ],
)
def test_ssh_failures(done: Finished, error: type[Exception], text: str) -> None:
    """Each failure names the node or the step, and what was said."""
    setup = SshNodeSetup(NAME, run=lambda argv, text, timeout_s: done)
    with pytest.raises(error) as caught:
        setup.prepare(CLUSTER, "x", force_join=False)
    assert text in str(caught.value)


# -- The program on the other machine


@pytest.mark.parametrize(
    "text",
    ["", "x", "[]", "{}", '{"step": "nosuch", "values": {}}', '{"step": "prepare", "values": {}}'],
)
def test_garbage(master: Paths, text: str) -> None:
    """Whatever is not a step is refused with one line."""
    environ = {"GANETI_ROOTDIR": master.root, "GANETI_HOSTNAME": master.hostname}
    out, err = io.StringIO(), io.StringIO()
    status = setup_main([], environ, stdin=io.StringIO(text), stdout=out, stderr=err)
    assert (status, out.getvalue()) == (1, "")
    assert err.getvalue().startswith("Not a step of node setup")


def test_usage() -> None:
    """It takes no arguments."""
    out, err = io.StringIO(), io.StringIO()
    assert setup_main(["--help"], {}, stdout=out, stderr=err) == 0
    assert setup_main(["x"], {}, stdout=out, stderr=err) == 2
    assert out.getvalue() == err.getvalue() != ""


def test_steps_are_json() -> None:
    """What travels can be read again."""
    step = json.loads(nodejoin.build_step("prepare", {"a": 1}))
    assert step == {"step": "prepare", "values": {"a": 1}}


# -- /etc/hosts


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "10.0.0.1\tn1.ex n1\n"),
        ("127.0.0.1 localhost", "127.0.0.1 localhost\n10.0.0.1\tn1.ex n1\n"),
        ("10.0.0.1 n1.ex other\n", "10.0.0.1 n1.ex other\n"),
        ("10.0.0.9 n1.ex\n# n1.ex\n", "# n1.ex\n10.0.0.1\tn1.ex n1\n"),
    ],
)
def test_hosts(tmp_path: Path, before: str, after: str) -> None:
    """A machine has one address in the file; other lines stay, and so does the mode."""
    path = tmp_path / "hosts"
    path.write_text(before)
    path.chmod(0o644)
    for _again in range(2):
        machine.add_host(str(path), Host("n1.ex", "10.0.0.1"))
        assert path.read_text() == after
    assert path.stat().st_mode & 0o777 == 0o644
