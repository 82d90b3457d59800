"""Daemons are killed at every place an operation passes; nothing is lost, nothing is left."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.killing import (
    Killer,
    Operation,
    Pair,
    Table,
    Victim,
    admin_up,
    cluster_has,
    in_config,
    negate,
    print_table,
    tagged,
)
from support.killinit import INIT_VICTIMS, walk_init
from support.ready import add_node_argv, make_cluster

from ganeti.paths import MASTERD, NODED

NAME = "web1.example.com"
STILL = "still.example.com"
COMMON = ("-B", "memory=128M", "-n", "node2.example.com", "--ignore-ipolicy")
EXISTS = in_config("instances", NAME)

ADD = ("gnt-instance", "add", "-o", "busybox+default")
REMOVE = ("gnt-instance", "remove", "-f", NAME)
ADD_FILE = Pair(
    Operation(
        "add -t file",
        (*ADD, "-t", "file", "-s", "1G", *COMMON, NAME),
        EXISTS,
    ),
    Operation("remove (file)", REMOVE, negate(EXISTS)),
)
ADD_DISKLESS = Pair(
    Operation(
        "add -t diskless",
        (
            "gnt-instance",
            "add",
            "-t",
            "diskless",
            "-o",
            "busybox+default",
            "--no-install",
            *COMMON,
            NAME,
        ),
        EXISTS,
    ),
    Operation("remove (diskless)", REMOVE, negate(EXISTS)),
)
STARTUP = Pair(
    Operation("startup", ("gnt-instance", "startup", STILL), admin_up(STILL)),
    Operation("shutdown", ("gnt-instance", "shutdown", STILL), negate(admin_up(STILL))),
)
NODE_REMOVE = ("gnt-node", "remove", "node3.example.com")
NODE = in_config("nodes", "node3.example.com")
NODE_ADD = Pair(
    Operation("node add", add_node_argv(3), NODE, tells_job=False),
    Operation("node remove", NODE_REMOVE, negate(NODE), tells_job=False),
)
GROUP = in_config("groups", "rack2")
GROUP_ADD = Pair(
    Operation(
        "group add",
        ("gnt-group", "add", "--node-parameters=spindle_count=2", "rack2"),
        GROUP,
    ),
    Operation("group remove", ("gnt-group", "remove", "rack2"), negate(GROUP)),
    background=False,
)
TAGGED = tagged(STILL, "owner:alice")
TAGS = Pair(
    Operation("add-tags", ("gnt-instance", "add-tags", STILL, "owner:alice"), TAGGED),
    Operation("remove-tags", ("gnt-instance", "remove-tags", STILL, "owner:alice"), negate(TAGGED)),
    background=False,
)
SEVEN = cluster_has("max_running_jobs", 7)
MODIFY = Pair(
    Operation("cluster modify", ("gnt-cluster", "modify", "--max-running-jobs=7"), SEVEN),
    Operation(
        "cluster modify back", ("gnt-cluster", "modify", "--max-running-jobs=20"), negate(SEVEN)
    ),
    background=False,
)

MASTER = Victim(1, MASTERD)
TARGET = Victim(2, NODED)
JOINING = Victim(3, NODED)
DEAD_TARGET = Victim(2, NODED, stays_dead=True)
Walk = tuple[Pair, Victim]
WALKS: tuple[tuple[Walk, ...], ...] = (
    ((ADD_FILE, MASTER), (STARTUP, TARGET), (NODE_ADD, JOINING)),
    ((ADD_FILE, TARGET), (STARTUP, MASTER)),
    ((ADD_DISKLESS, MASTER), (ADD_DISKLESS, TARGET), (NODE_ADD, MASTER), (STARTUP, DEAD_TARGET)),
    ((GROUP_ADD, MASTER), (TAGS, MASTER), (MODIFY, MASTER)),
)


def walk_all(folder: Path, walks: tuple[Walk, ...], table: Table) -> None:
    """Do some of the walks on a cluster of their own."""
    cluster = make_cluster(folder, failpoints=True)
    try:
        add = (*ADD, "-t", "diskless", "--no-install", "--no-start")
        cluster.run(*add, *COMMON, STILL).good()
        killer = Killer(cluster, table)
        for pair, victim in walks:
            if pair is NODE_ADD:
                cluster.run(*NODE_REMOVE).good()
            killer.walk(pair, victim)
            if pair is NODE_ADD:
                cluster.run(*NODE_ADD.there.argv).good()
    finally:
        cluster.end()


def make_all(folder: Path, table: Table) -> None:
    """The same for making a cluster."""
    folder.mkdir()
    for victim in INIT_VICTIMS:
        walk_init(folder / str(victim), victim, table)


@pytest.mark.slow
def test_kill_anywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The audit is content after a kill at each point of each operation."""
    tables = [Table() for _ in range(len(WALKS) + 1)]
    with ThreadPoolExecutor(len(tables)) as pool:
        running = [
            pool.submit(walk_all, tmp_path / f"c{number}", walks, tables[number])
            for number, walks in enumerate(WALKS)
        ]
        running.append(pool.submit(make_all, tmp_path / "init", tables[-1]))
    table = Table()
    for part in tables:
        table.rows.update(part.rows)
    with capsys.disabled():
        print()
        print_table(table, print)
    for walk in running:
        walk.result()
    assert table.problems() == []
    assert table.missed() == []
