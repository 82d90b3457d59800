"""A node whose daemon is dead or hangs: clear errors soon, and all is made good when it returns."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.audit import Acknowledged
from support.misbehaviour import NEW, add_argv, add_file_argv, pids, refused, unharmed
from support.observe import problems_at_rest, read_store
from support.osdirs import make_os
from support.ready import make_cluster
from support.virtualcluster import Ran, VirtualCluster, wait_for

from ganeti.paths import NODED
from ganeti.rpc import limits, pulse

NODE = "node2.example.com"
UP, DOWN, ELSEWHERE = "up.example.com", "down.example.com", "elsewhere.example.com"
DISK = ("-s", "1G")
NOTICE_S = max(pulse.EVERY_S * (pulse.MISSES + 2), limits.OPEN_S)
"""Until a daemon that hangs is known to hang."""
COMMAND_S = 20.0
"""What a command may take beside that, on a busy machine."""
NOTHING_LISTENS, HANGS = "nothing listens", "its daemon does not answer"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualCluster]:
    """With three instances, one up and one down on node2, and one elsewhere."""
    found = make_cluster(tmp_path_factory.mktemp("nodes") / "c", nodes=2)
    try:
        found.run(*add_file_argv(*DISK, name=UP)).good()
        found.run(*add_file_argv(*DISK, "--no-start", name=DOWN)).good()
        found.run(*add_file_argv(*DISK, node="node1", name=ELSEWHERE)).good()
        yield found
    finally:
        found.remove()


@contextmanager
def dead(cluster: VirtualCluster) -> Iterator[str]:
    """node2's daemon is killed, and started again at the end; the cause as errors tell it."""
    cluster.kill(2, NODED)
    try:
        yield NOTHING_LISTENS
    finally:
        cluster.start(2, NODED)


@contextmanager
def hanging(cluster: VirtualCluster) -> Iterator[str]:
    """node2's daemon is stopped, and goes on at the end."""
    pid = cluster.pid(2, NODED)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield HANGS
    finally:
        os.kill(pid, signal.SIGCONT)


def is_missed(cluster: VirtualCluster) -> bool:
    """Does the master know that node2's daemon is away?"""
    listed = cluster.run("gnt-node", "list", "--no-headers", "-o", "mfree", "node2").good()
    return listed.stdout.strip() == "?"


def soon(ran: Ran, waits: int = 1) -> Ran:
    """C{ran}, if it did not take longer than to notice the absence so many times."""
    print(f"{ran.seconds:5.2f} s  {' '.join(ran.argv)}")
    assert ran.seconds < waits * NOTICE_S + COMMAND_S, ran.argv
    return ran


def cells(cluster: VirtualCluster, *argv: str) -> dict[str, list[str]]:
    """A listing's rows by their first column."""
    ran = soon(cluster.run(*argv, "--no-headers", "--separator=:").good())
    rows = [line.split(":") for line in ran.stdout.splitlines()]
    return {row[0]: row[1:] for row in rows}


def look(cluster: VirtualCluster, cause: str) -> None:
    """Lists show what is known, and question marks; questions about others are answered."""
    for _ in range(2):
        instances = cells(cluster, "gnt-instance", "list", "-o", "name,status,oper_ram,be/memory")
        assert instances[UP] == ["ERROR_nodedown", "?", "128"]
        assert instances[DOWN] == ["ERROR_nodedown", "?", "128"]
        assert instances[ELSEWHERE] == ["running", "128", "128"]
    nodes = cells(cluster, "gnt-node", "list", "-o", "name,mfree,dfree,pinst_cnt")
    assert nodes[NODE] == ["?", "?", "2"]
    assert "?" not in nodes["node1.example.com"]
    soon(refused(cluster, ("gnt-instance", "info", UP), NODE, cause))
    assert UP in soon(cluster.run("gnt-instance", "info", "--static", UP).good()).stdout
    assert ELSEWHERE in soon(cluster.run("gnt-instance", "info", ELSEWHERE).good()).stdout
    assert NODE in soon(cluster.run("gnt-node", "info", "node2").good()).stdout
    listed = soon(cluster.run("gnt-os", "list").good())
    assert NODE in listed.stderr
    assert cause in listed.stderr
    assert "busybox+default" in listed.stdout


def change(cluster: VirtualCluster, cause: str) -> None:
    """Changes fail, with the node and the cause; others work."""
    soon(refused(cluster, add_file_argv(*DISK), NODE, cause))
    soon(refused(cluster, ("gnt-instance", "startup", DOWN), DOWN, NODE, cause), 2)
    soon(refused(cluster, ("gnt-instance", "shutdown", UP), UP, NODE, cause), 3)
    soon(refused(cluster, ("gnt-instance", "remove", "-f", DOWN), DOWN, NODE, cause), 3)
    soon(refused(cluster, ("gnt-debug", "delay", "--no-master", "-n", NODE, "0"), NODE, cause), 2)
    for command in ("shutdown", "startup"):
        soon(cluster.run("gnt-instance", command, ELSEWHERE).good())


@pytest.mark.parametrize("absence", [dead, hanging], ids=["dead", "hanging"])
def test_away(cluster: VirtualCluster, absence: object) -> None:
    """Everything that may be asked for while a node is away."""
    before = pids(cluster)
    with absence(cluster) as cause:  # type: ignore[operator]
        look(cluster, cause)
        change(cluster, cause)
        debts = read_store(cluster.paths(1)).state.debts.values()
        assert {debt.node_uuid for debt in debts} <= {_uuid(cluster, NODE)}
        assert debts, "so this shows nothing about debts"
    begun = time.monotonic()
    assert problems_at_rest(cluster, Acknowledged()) == []
    print(
        f"{len(debts)} debts are paid, and all is in step, {time.monotonic() - begun:.1f} s later"
    )
    after = pids(cluster)
    assert [name for name in before if before[name] != after[name]] == (
        [f"{NODED} 2"] if absence is dead else []
    )
    restore(cluster)


def _uuid(cluster: VirtualCluster, name: str) -> str:
    return read_store(cluster.paths(1)).state.config.find_node(name).uuid


def restore(cluster: VirtualCluster) -> None:
    """The instances as before: what was begun with a node may have been ended when it was back."""
    with unharmed(cluster):
        states = cells(cluster, "gnt-instance", "list", "-o", "name,status")
        if DOWN not in states:
            cluster.run(*add_file_argv(*DISK, "--no-start", name=DOWN)).good()
        if states[UP] != ["running"]:
            cluster.run("gnt-instance", "startup", UP).good()


def test_pause(cluster: VirtualCluster) -> None:
    """A daemon that hangs for a while in the middle of an installation does no harm to it."""
    definition = make_os(Path(cluster.paths(2).os_search_path[0]), "slow")
    marker = definition / "begun"
    (definition / "create").write_text(f"#!/bin/sh\ntouch {marker}; sleep 2; echo installed\n")
    with unharmed(cluster):
        with cluster.spawn(*add_file_argv(*DISK, "-o", "slow")) as adding:
            assert wait_for(marker.exists, 60)
            with hanging(cluster):
                assert wait_for(lambda: is_missed(cluster), 60)
                assert adding.poll() is None
            out, err = adding.communicate(timeout=90)
        assert adding.returncode == 0, err
        assert "installed" in out
        cluster.run("gnt-instance", "remove", "-f", NEW).good()


def test_away_in_the_middle(cluster: VirtualCluster) -> None:
    """A node whose daemon dies under an installation: it fails, and is cleaned up at its return."""
    definition = make_os(Path(cluster.paths(2).os_search_path[0]), "endless")
    marker = definition / "begun"
    (definition / "create").write_text(f"#!/bin/sh\ntouch {marker}; sleep 1000\n")
    with cluster.spawn(*add_file_argv(*DISK, "-o", "endless")) as adding:
        assert wait_for(marker.exists, 60)
        with dead(cluster):
            assert wait_for(lambda: is_missed(cluster), 60)
        _, err = adding.communicate(timeout=90)
    assert adding.returncode == 1
    assert NODE in err
    assert "The node daemon was restarted while this ran" in err
    assert problems_at_rest(cluster, Acknowledged()) == []


def test_diskless(cluster: VirtualCluster) -> None:
    """What needs nothing of a node goes on without it, with a warning."""
    with dead(cluster) as cause:
        ran = soon(cluster.run(*add_argv()).good(), 2)
        assert "WARNING" in ran.stdout
        assert cause in ran.stdout
    with unharmed(cluster):
        cluster.run("gnt-instance", "remove", "-f", NEW).good()
