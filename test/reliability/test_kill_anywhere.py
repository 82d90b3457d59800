"""Daemons are killed at every place an operation passes; nothing is lost, nothing is left."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.forkserver import ForkServer
from support.killing import Killer, Pair, Table, Victim, print_table
from support.killinit import INIT_VICTIMS, walk_init
from support.killpairs import (
    ADD_DISKLESS,
    ADD_FILE,
    ADD_PLACED,
    ASSIGN,
    BATCH,
    CLUSTER_MODIFY,
    GROUP_ADD,
    GUEST_STARTUP,
    MODIFY,
    NODE_ADD,
    NODE_OFFLINE,
    REBOOT,
    REBOOT_SOFT,
    REINSTALL,
    RENAME,
    STARTUP,
    TAGS,
    make_objects,
)
from support.kvm import why_no_guests
from support.ready import make_cluster

from ganeti.paths import MASTERD, NODED

MASTER = Victim(1, MASTERD)
TARGET = Victim(2, NODED)
JOINING = Victim(3, NODED)
DEAD_TARGET = Victim(2, NODED, stays_dead=True)
Walk = tuple[Pair, Victim]
WALKS: tuple[tuple[Walk, ...], ...] = (
    ((NODE_ADD, MASTER),),
    ((NODE_ADD, JOINING), (REBOOT_SOFT, TARGET)),
    ((ADD_FILE, MASTER),),
    ((ADD_FILE, TARGET), (REBOOT, MASTER)),
    ((STARTUP, MASTER), (REBOOT, TARGET)),
    ((STARTUP, TARGET), (STARTUP, DEAD_TARGET)),
    ((ADD_PLACED, MASTER), (ADD_DISKLESS, TARGET), (GUEST_STARTUP, TARGET)),
    ((GROUP_ADD, MASTER), (TAGS, MASTER), (CLUSTER_MODIFY, MASTER), (ASSIGN, MASTER)),
    ((NODE_OFFLINE, MASTER), (NODE_OFFLINE, JOINING), (REINSTALL, MASTER)),
    ((RENAME, MASTER), (MODIFY, MASTER), (REINSTALL, TARGET)),
    ((RENAME, TARGET), (MODIFY, TARGET)),
    ((ADD_DISKLESS, MASTER), (BATCH, MASTER)),
)
"""Each row on a cluster of its own."""


def walk_all(folder: Path, forks: ForkServer, walks: tuple[Walk, ...], table: Table) -> None:
    """Do some of the walks on a cluster of their own."""
    cluster = make_cluster(folder, failpoints=True, forks=forks)
    try:
        make_objects(cluster)
        killer = Killer(cluster, table)
        for pair, victim in walks:
            if pair is GUEST_STARTUP and why_no_guests():
                continue
            pair.before(cluster)
            killer.walk(pair, victim)
            pair.after(cluster)
    finally:
        cluster.end()


def make_all(folder: Path, forks: ForkServer, table: Table) -> None:
    """The same for making a cluster."""
    folder.mkdir()
    for victim in INIT_VICTIMS:
        walk_init(folder / str(victim), forks, victim, table)


@pytest.mark.slow
def test_kill_anywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The audit is content after a kill at each point of each operation."""
    tables = [Table() for _ in range(len(WALKS) + 1)]
    with ForkServer() as forks, ThreadPoolExecutor(len(tables)) as pool:
        running = [
            pool.submit(walk_all, tmp_path / f"c{number}", forks, walks, tables[number])
            for number, walks in enumerate(WALKS)
        ]
        running.append(pool.submit(make_all, tmp_path / "init", forks, tables[-1]))
    table = Table()
    for part in tables:
        table.rows.update(part.rows)
    with capsys.disabled():
        print()
        print_table(table, print)
        print(*table.problems(), sep="\n")
        if why_no_guests():
            print(f"no real guest: {why_no_guests()}")
    for walk in running:
        walk.result()
    assert table.problems() == []
    assert table.missed() == []
