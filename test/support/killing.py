"""
Kill a daemon at every place an operation passes, and see that nothing is lost.

A L{Pair} is an operation and its inverse, so that each run brings the cluster
to where the next one begins. The places are learnt from an undisturbed run.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from ganeti.model.job import JobStatus
from support.audit import Acknowledged
from support.looks import Look
from support.observe import luxi, problems_at_rest, read_store
from support.virtualcluster import Ran, VirtualCluster, wait_for

SETTLE_S = 1.3
"""In which projections, copies and the nodes' forgetting follow the end of a job."""
LATE_S = 5.0
"""In which they do on a machine that is busy; only waited for when a place was not reached."""
DYING_S = 1.0
"""In which a kill takes effect that was decided before the place was disarmed."""
TRIES = 5
FILES_EVERY = 8
"""After so many kills the audit waits for the files that show the configuration, too."""
FILES = "files"
BACKGROUND = (
    "store_append",
    "store_position",
    "upload_file",
    "set_role",
    "write_ssconf",
    "list_requests",
    "forget_job",
    "watch_task",
    FILES,
)
"""Calls, and the projected files, that every operation has in common."""
HOOKS = "run_hooks"


@dataclass(frozen=True)
class Operation:
    """
    A command, and how to see whether it is done.

    @ivar done: is the cluster as after the command?
    @ivar tells_job: whether the command can print its job's number first.
    """

    name: str
    argv: tuple[str, ...]
    done: Look
    tells_job: bool = True


@dataclass(frozen=True)
class Pair:
    """
    An operation and the one that takes it back; None: it can be done again as it is.

    @ivar before: what must be there for it.
    @ivar after: what must be there for others.
    @ivar background: also kill at what every operation has in common (L{BACKGROUND}).
    """

    there: Operation
    back: Operation | None
    background: bool = True
    before: Callable[[VirtualCluster], object] = lambda cluster: None
    after: Callable[[VirtualCluster], object] = lambda cluster: None

    @property
    def operations(self) -> tuple[Operation, ...]:
        """In the order in which they can be done."""
        return (self.there,) if self.back is None else (self.there, self.back)

    def next(self, cluster: VirtualCluster) -> Operation:
        """What can be done now."""
        return self.back if self.back and self.there.done(cluster) else self.there


@dataclass(frozen=True)
class Victim:
    """The daemon to kill; with C{stays_dead} it is started again only after the job has ended."""

    node: int
    daemon: str
    stays_dead: bool = False

    def __str__(self) -> str:
        return f"{self.daemon.removeprefix('ganeti-')}@node{self.node}" + (
            ", stays dead" if self.stays_dead else ""
        )


@dataclass(frozen=True)
class Point:
    """
    The C{count}-th time that the place C{name} is reached.

    @ivar about: which node call or file; empty for other places.
    """

    name: str
    count: int
    about: str = ""

    @property
    def spec(self) -> str:
        about = f"[{self.about}]" if self.about else ""
        return f"{self.name}{about}:{self.count}=kill"

    @property
    def place(self) -> str:
        return f"{self.name} {self.about}".strip()


@dataclass
class Row:
    """One line of the table: an operation, a victim, a place."""

    operation: str
    victim: str
    place: str
    points: int = 0
    killed: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


@dataclass
class Table:
    """What came of all kills."""

    rows: dict[tuple[str, str, str], Row] = field(default_factory=dict)

    def row(self, operation: str, victim: Victim, place: str) -> Row:
        key = (operation, str(victim), place)
        return self.rows.setdefault(key, Row(*key))

    def missed(self) -> list[str]:
        """Places where nothing was killed; what goes on in the background counts for all."""
        hit = {(kind_of(row.victim), row.place) for row in self.rows.values() if row.killed}
        return [
            f"{row.operation}, {row.victim}, {row.place}"
            for row in self.rows.values()
            if not row.killed
            and not (
                in_background(kind_of(row.victim), row.place)
                and (kind_of(row.victim), row.place) in hit
            )
        ]

    def problems(self) -> list[str]:
        return [
            f"{row.operation}, {row.victim}, {row.place}: {problem}"
            for row in self.rows.values()
            for problem in row.problems
        ]

    def lines(self) -> Iterator[str]:
        yield f"{'operation':24} {'victim':28} {'place':30} points killed  outcomes"
        for row in self.rows.values():
            outcomes = " ".join(f"{name}:{count}" for name, count in sorted(row.outcomes.items()))
            mark = "" if not row.problems else f"  {len(row.problems)} PROBLEMS"
            yield (
                f"{row.operation:24} {row.victim:28} {row.place:30}"
                f" {row.points:6} {row.killed:6}  {outcomes}{mark}"
            )
        total = sum(row.points for row in self.rows.values())
        killed = sum(row.killed for row in self.rows.values())
        yield f"{killed} kills at {total} points; {len(self.problems())} problems"


@dataclass
class Killer:
    """Walks the points of operations on one cluster and fills a table."""

    cluster: VirtualCluster
    table: Table
    acknowledged: set[int] = field(default_factory=set)
    final: dict[int, JobStatus] = field(default_factory=dict)
    kills: int = 0

    def walk(self, pair: Pair, victim: Victim) -> None:
        """Kill C{victim} at every point of both operations of C{pair}."""
        for operation in pair.operations:  # what an earlier walk left to do is done now
            self._undisturbed(operation)
        counts = partial(_counts, pair, victim)
        points = {op.name: self._learn(op, victim, counts) for op in pair.operations}
        left = {name: list(found) for name, found in points.items()}
        tries: Counter[tuple[str, Point]] = Counter()
        while any(left.values()):
            operation = pair.next(self.cluster)
            if not left[operation.name]:
                self._undisturbed(operation)
                continue
            point = left[operation.name].pop(0)
            tries[operation.name, point] += 1
            if not self._kill_at(operation, victim, point):
                if tries[operation.name, point] < TRIES:
                    left[operation.name].append(point)
                else:
                    self._row(operation, victim, point).outcomes["not reached"] += 1
        if pair.back and pair.there.done(self.cluster):
            self._undisturbed(pair.back)

    def _row(self, operation: Operation, victim: Victim, point: Point) -> Row:
        return self.table.row(operation.name, victim, point.place)

    def _learn(
        self, operation: Operation, victim: Victim, counts: Callable[[Point], bool]
    ) -> list[Point]:
        """Run the operation undisturbed; list what counts of what the victim passes."""
        self.cluster.forget_trace(victim.node, victim.daemon)
        self._undisturbed(operation)
        time.sleep(SETTLE_S)  # what follows by itself has no end to wait for
        passed = points_of(self.cluster.trace(victim.node, victim.daemon), victim)
        points = [point for point in passed if counts(point)]
        for point in points:
            self._row(operation, victim, point).points += 1
        return points

    def _undisturbed(self, operation: Operation) -> Ran:
        ran = self.cluster.run(*operation.argv).good()
        problems = problems_at_rest(self.cluster, self._told(), files=False)
        if problems:
            raise AssertionError(f"{operation.name}, undisturbed: {problems}")
        return ran

    def _told(self) -> Acknowledged:
        return Acknowledged(jobs=frozenset(self.acknowledged), final=dict(self.final))

    def _kill_at(self, operation: Operation, victim: Victim, point: Point) -> bool:
        """Arm, run, restart, audit; False when the point was not reached."""
        cluster, row = self.cluster, self._row(operation, victim, point)
        cluster.arm(victim.node, victim.daemon, point.spec)
        told = ("--print-jobid",) if operation.tells_job else ()
        process = cluster.spawn(*operation.argv, *told)
        try:
            died = self._await_death(victim, point, process)
            cluster.disarm(victim.node, victim.daemon)
            if died and not victim.stays_dead:
                cluster.start_member(victim.node, victim.daemon)
            stdout, stderr = process.communicate(timeout=90)
        finally:
            process.kill()
            process.wait()
        if not died and self._is_gone(victim):
            died = point.name in cluster.last_places(victim.node, victim.daemon)  # at last
            if cluster.start_member(victim.node, victim.daemon) and not died:
                row.problems.append(f"#{point.count}: the daemon ended by itself")
        elif died and victim.stays_dead:
            self._audit_while_dead(row, point)
            cluster.start(victim.node, victim.daemon)
        self._remember(stdout, process.returncode)
        self.kills += died
        files = self.kills % FILES_EVERY == 0
        found = problems_at_rest(cluster, self._told(), files=files)
        done = operation.done(cluster)
        if process.returncode == 0 and not done:
            found.append("the command succeeded, and its effect is not there")
        if "Traceback" in stderr:
            found.append(f"a traceback reached the user: {stderr}")
        row.problems += [f"#{point.count}: {problem}" for problem in found]
        if died:
            row.killed += 1
            row.outcomes["done" if done else "undone"] += 1
        return died

    def _is_gone(self, victim: Victim) -> bool:
        """Whether it has ended after all, now that nothing is armed."""
        return wait_for(lambda: self.cluster.pid(victim.node, victim.daemon) is None, DYING_S)

    def _audit_while_dead(self, row: Row, point: Point) -> None:
        found = problems_at_rest(self.cluster, self._told(), may_owe=True, files=False)
        row.problems += [f"#{point.count}, while dead: {problem}" for problem in found]
        if read_store(self.cluster.paths(1)).state.debts:
            row.outcomes["owed"] += 1

    def _await_death(self, victim: Victim, point: Point, process: subprocess.Popen[str]) -> bool:
        """
        Wait until the victim has died, or has survived the command and what follows it.

        It may be started by the command, and may end by itself: then it was not killed.
        """
        cluster = self.cluster
        seen = False

        def dead() -> bool:
            nonlocal seen
            pid = cluster.pid(victim.node, victim.daemon)
            seen = seen or pid is not None
            return seen and pid is None

        if wait_for(lambda: dead() or process.poll() is not None, 90.0) and not dead():
            wait_for(dead, LATE_S)
        return dead() and point.name in cluster.last_places(victim.node, victim.daemon)

    def _remember(self, stdout: str, status: int) -> None:
        """Keep what the client was told: that a job exists, and how it ended."""
        number = re.match(r"(\d+)\n", stdout)
        if number is None:
            return
        job_id = int(number[1])
        self.acknowledged.add(job_id)
        rows = luxi(self.cluster, lambda client: client.call("QueryJobs", [[job_id], ["status"]]))
        if status == 0:
            self.final[job_id] = JobStatus.SUCCESS
        elif rows[0][0] in ("error", "canceled"):  # type: ignore[index]
            self.final[job_id] = JobStatus(rows[0][0])  # type: ignore[index]


def kind_of(victim: str) -> str:
    """The daemon of a row's victim, wherever it runs."""
    return victim.partition("@")[0]


def in_background(kind: str, place: str) -> bool:
    """
    Whether a place is passed by what goes on beside every operation.

    The log of a candidate is fed after the fact, and not at all once the node has left.
    """
    fed = kind == "noded" and place.startswith("journal.")
    return fed or place.startswith("file.") or place.rpartition(" ")[2] in BACKGROUND


def _counts(pair: Pair, victim: Victim, point: Point) -> bool:
    """Whether a victim is killed at a point, of all that an operation passes."""
    if victim.stays_dead:
        return _decides(point)
    if pair.background:
        return True
    return not in_background(kind_of(str(victim)), point.place) and not _is_repeated(point)


def _is_repeated(point: Point) -> bool:
    """Whether it is in hooks, other than the first: they come around every operation."""
    return point.about == HOOKS and point.count > 1


def _decides(point: Point) -> bool:
    """
    Whether a point is taken when the daemon stays dead, which costs the master's patience.

    Where the node does, or has done, what the operation is for; every call has its turn
    in the tests of many nodes in one process.
    """
    return point.name.startswith("call.handle.") and point.about.endswith("_instance")


def points_of(trace: Sequence[tuple[str, str]], victim: Victim) -> list[Point]:
    """
    The points of a trace. What goes on in the background of every operation (feeding
    candidates, projections) is taken once for each place, all else each time.
    """
    counts: Counter[tuple[str, str]] = Counter()
    points = []
    for name, detail in trace:
        about = detail if name.startswith(("call.", "file.")) and "/" not in detail else ""
        about = FILES if name.startswith("file.") else about
        counts[name, about] += 1
        point = Point(name, counts[name, about], "" if about == FILES else about)
        if point.count == 1 or not in_background(kind_of(str(victim)), point.place):
            points.append(point)
    return points


def print_table(table: Table, write: Callable[[str], object]) -> None:
    for line in table.lines():
        write(line)
