"""Kill a daemon at every place it passes while a cluster is made."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

from ganeti.paths import MASTERD, NODED
from support.audit import Acknowledged
from support.forkserver import ForkServer
from support.killing import (
    DYING_S,
    LATE_S,
    SETTLE_S,
    TRIES,
    Point,
    Row,
    Table,
    Victim,
    points_of,
)
from support.observe import problems_at_rest
from support.ready import INIT
from support.virtualcluster import Ran, VirtualCluster, wait_for

OPERATION = "init"


def walk_init(folder: Path, forks: ForkServer, victim: Victim, table: Table) -> None:
    """Kill C{victim} at each point of C{gnt-cluster init}, each time without a cluster."""
    folder.mkdir()
    pristine = VirtualCluster(folder / "pristine", nodes=1, failpoints=True, forks=forks)
    pristine.setup()
    points = _learn(_fresh(folder, pristine), victim)
    for point in points:
        row = table.row(OPERATION, victim, point.place)
        row.points += 1
        for _ in range(TRIES):
            cluster = _fresh(folder, pristine)
            try:
                if _kill_at(cluster, victim, point, row):
                    break
            finally:
                cluster.end()
        else:  # how often it is passed depends on time, too; L{Table.missed} tells of whole places
            row.outcomes["not reached"] += 1


def _fresh(folder: Path, pristine: VirtualCluster) -> VirtualCluster:
    """A machine that has no cluster: the same place each time, since addresses hang on it."""
    kept = folder / "kept"
    if not kept.exists():
        pristine.folder.rename(kept)
    shutil.rmtree(pristine.folder, ignore_errors=True)
    shutil.copytree(kept, pristine.folder, symlinks=True)
    return pristine


def _learn(cluster: VirtualCluster, victim: Victim) -> list[Point]:
    try:
        cluster.run(*INIT).good()
        time.sleep(SETTLE_S)  # what follows by itself has no end to wait for
        return points_of(cluster.trace(victim.node, victim.daemon), victim)
    finally:
        cluster.end()


def _kill_at(cluster: VirtualCluster, victim: Victim, point: Point, row: Row) -> bool:
    """
    Arm, make the cluster, and go on as an admin would: start what is down, or begin again.

    @return: whether the point was reached.
    """
    cluster.arm(victim.node, victim.daemon, point.spec)
    process = cluster.spawn(*INIT)
    died = _killed(cluster, victim, process)
    cluster.disarm(victim.node, victim.daemon)
    if died and process.poll() is None:
        cluster.start(victim.node, victim.daemon)
    stdout, stderr = process.communicate(timeout=90)
    died = died or wait_for(lambda: cluster.pid(victim.node, victim.daemon) is None, DYING_S)
    ran = Ran(INIT, process.returncode, stdout, stderr, 0.0)
    found = _recover(cluster, ran)
    if "Traceback" in ran.stderr:
        found.append(f"a traceback reached the user: {ran.stderr}")
    row.problems += [f"#{point.count}: {problem}" for problem in found]
    if died:
        row.killed += 1
        row.outcomes["done" if ran.status == 0 else "failed"] += 1
    return died


def _killed(cluster: VirtualCluster, victim: Victim, process: subprocess.Popen[str]) -> bool:
    """Wait until the daemon has been there and is gone, or has survived all."""
    seen = False

    def dead() -> bool:
        nonlocal seen
        pid = cluster.pid(victim.node, victim.daemon)
        seen = seen or pid is not None
        return (seen or process.poll() is not None) and pid is None

    if wait_for(lambda: dead() or process.poll() is not None, 90.0) and not dead():
        wait_for(dead, LATE_S)
    return dead()


def _recover(cluster: VirtualCluster, first: Ran) -> list[str]:
    """Bring the cluster up, then audit it."""
    if first.status != 0:
        again = cluster.run(*INIT)
        if again.status != 0 and "already" not in again.stderr:
            return [f"a second init failed: {again.stderr}"]
    for daemon in (NODED, MASTERD):
        cluster.start_if_down(1, daemon)
    info = cluster.run("gnt-cluster", "info")
    if info.status != 0:
        return [f"gnt-cluster info failed: {info.stderr}"]
    return problems_at_rest(cluster, Acknowledged())


INIT_VICTIMS: tuple[Victim, ...] = (Victim(1, MASTERD), Victim(1, NODED))
