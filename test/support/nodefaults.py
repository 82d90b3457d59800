"""What may happen to nodes, and to the master, at each node call and each append of a job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from msgspec.structs import replace
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from ganeti.errors import StorageError
from ganeti.hypervisor.fake_store import FakeGuest
from ganeti.masterd.recovery import OWED_TEXT
from ganeti.model.config import Configuration
from ganeti.model.instance import AdminState
from ganeti.model.job import Job, JobStatus, job_status
from ganeti.opcodes import OpCode
from ganeti.utils.aio import sleep, uncancelled
from support.forked import run_all
from support.manynodes import START, VirtualNode, digest
from support.samples import make_config, make_disk, make_instance, make_node, node_uuid
from support.simcluster import (
    JOB,
    AppendStrike,
    Arrival,
    ArrivalStrike,
    HandlerStrike,
    Seen,
    SimCluster,
    Watch,
    never,
)

BATCH = 40
"""Strikes for one process: what they leave in memory is not swept up, as it is dead, not over."""
LATE_S = 5.0
DISK_FULL = "No space left on device"

# -- strikes at a node, when the call arrives there


async def die_before(cluster: SimCluster, arrival: Arrival) -> bytes:
    cluster.crash_node(arrival.node)
    return bytes(await never())


async def die_after(cluster: SimCluster, arrival: Arrival) -> bytes:
    await arrival.forward()
    cluster.crash_node(arrival.node)
    return bytes(await never())


async def restart_before(cluster: SimCluster, arrival: Arrival) -> bytes:
    cluster.restart_node(arrival.node)
    return bytes(await never())


async def restart_after(cluster: SimCluster, arrival: Arrival) -> bytes:
    await arrival.forward()
    cluster.restart_node(arrival.node)
    return bytes(await never())


async def lose_answer(cluster: SimCluster, arrival: Arrival) -> bytes:
    await arrival.forward()
    cluster.break_connection(arrival.node)
    return bytes(await never())


async def stall(cluster: SimCluster, arrival: Arrival) -> bytes:
    """The whole daemon stands still; when it goes on, it finds all that was sent, in order."""
    cluster.stalled.add(arrival.node.number)
    await cluster.healed.wait()
    return await arrival.forward()


async def fill_disk(cluster: SimCluster, arrival: Arrival) -> bytes:
    cluster.journal.refuse(StorageError(DISK_FULL), StorageError(DISK_FULL))
    return await arrival.forward()


def within(strike: HandlerStrike) -> ArrivalStrike:
    """Let C{strike} have the handler that the call runs."""

    async def arrive(cluster: SimCluster, arrival: Arrival) -> bytes:
        cluster.in_handler[arrival.node.number] = strike
        return await arrival.forward()

    return arrive


# -- strikes inside a handler: the request is on record, its answer is not


async def _drop(running: Awaitable[Any]) -> Any:
    running.close()  # type: ignore[attr-defined]
    return await never()


async def die_undone(cluster: SimCluster, node: VirtualNode, running: Awaitable[Any]) -> Any:
    cluster.crash_node(node)
    return await _drop(running)


async def die_done(cluster: SimCluster, node: VirtualNode, running: Awaitable[Any]) -> Any:
    await running
    cluster.crash_node(node)
    return await never()


async def restart_undone(cluster: SimCluster, node: VirtualNode, running: Awaitable[Any]) -> Any:
    cluster.restart_node(node)
    return await _drop(running)


async def restart_done(cluster: SimCluster, node: VirtualNode, running: Awaitable[Any]) -> Any:
    await running
    cluster.restart_node(node)
    return await never()


async def hang(cluster: SimCluster, node: VirtualNode, running: Awaitable[Any]) -> Any:
    """What cannot be stopped, such as a system call, takes until everybody has given up."""

    async def system_call() -> Any:
        await cluster.healed.wait()
        return await running

    return await uncancelled(system_call())


async def hang_done(cluster: SimCluster, node: VirtualNode, running: Awaitable[Any]) -> Any:
    """The effect is there, and the end does not come before the call is stopped."""
    result = await running
    await cluster.healed.wait()
    return result


# -- strikes at the master


async def kill_before(cluster: SimCluster, arrival: Arrival) -> bytes:
    cluster.crash_master()
    return bytes(await never())


async def kill_after(cluster: SimCluster, arrival: Arrival) -> bytes:
    await arrival.forward()
    cluster.crash_master()
    return bytes(await never())


async def kill_late(cluster: SimCluster, arrival: Arrival) -> bytes:
    """The call arrives when the next life of the master has recovered."""
    cluster.crash_master()
    await sleep(cluster.clock, LATE_S)
    return await arrival.forward()


async def refuse_append(cluster: SimCluster, append: Awaitable[None]) -> None:
    append.close()  # type: ignore[attr-defined]
    cluster.journal.refuse(StorageError(DISK_FULL), StorageError(DISK_FULL))
    raise StorageError(DISK_FULL)


async def kill_before_append(cluster: SimCluster, append: Awaitable[None]) -> None:
    append.close()  # type: ignore[attr-defined]
    cluster.crash_master()
    await never()


async def kill_after_append(cluster: SimCluster, append: Awaitable[None]) -> None:
    await append
    cluster.crash_master()
    await never()


GONE = (
    "connection was lost",
    "nothing listens",
    "no answer within",
    "out of reach",
    "does not end",
    "did not end within",
    "was restarted",
)
FULL = (DISK_FULL,)
INTERRUPTED = ("interrupted by a restart of the master daemon",)


@dataclass(frozen=True)
class Misfortune:
    """
    One kind of trouble.

    @ivar about_node: a job that fails has to name the node.
    @ivar causes: one of which it has to name.
    @ivar wanted: at which calls it is another misfortune than those before.
    """

    name: str
    arrival: ArrivalStrike | None = None
    append: AppendStrike | None = None
    about_node: bool = True
    causes: tuple[str, ...] = GONE
    wanted: Callable[[Seen], bool] = lambda seen: True

    def watch(self, number: int) -> Watch:
        """For this to happen at the C{number}-th arrival or append."""
        return Watch(
            arrivals={} if self.arrival is None else {number: self.arrival},
            appends={} if self.append is None else {number: self.append},
        )


def _handled(seen: Seen) -> bool:
    return seen.handled


def _changes(seen: Seen) -> bool:
    """Whether a call was read before or after trouble makes a difference."""
    return seen.changes


def _of_node(name: str, strike: ArrivalStrike, wanted: Any = lambda seen: True) -> Misfortune:
    return Misfortune(name, strike, wanted=wanted)


def _of_master(name: str, strike: ArrivalStrike, wanted: Any = lambda seen: True) -> Misfortune:
    return Misfortune(name, strike, about_node=False, causes=INTERRUPTED, wanted=wanted)


AT_CALLS = (
    _of_node("node dies before", die_before),
    _of_node("node dies, undone", within(die_undone), _handled),
    _of_node("node dies, done", within(die_done), _handled),
    _of_node("node dies after", die_after, _changes),
    _of_node("node restarts before", restart_before),
    _of_node("node restarts, undone", within(restart_undone), _handled),
    _of_node("node restarts, done", within(restart_done), _handled),
    _of_node("node restarts after", restart_after, _changes),
    _of_node("answer lost", lose_answer),
    _of_node("call hangs, runs on", within(hang), _handled),
    _of_node("call hangs, is stopped", within(hang_done), _handled),
    _of_node("node stands still", stall),
    Misfortune("master's disk full", fill_disk, None, False, FULL, _changes),
    _of_master("master dies before", kill_before, _changes),
    _of_master("master dies after", kill_after, _changes),
    _of_master("master dies, call late", kill_late, _changes),
)
AT_APPENDS = (
    Misfortune("append refused", None, refuse_append, about_node=False, causes=FULL),
    Misfortune("dies before append", None, kill_before_append, False, INTERRUPTED),
    Misfortune("dies after append", None, kill_after_append, False, INTERRUPTED),
)


# -- operations


@dataclass(frozen=True)
class Operation:
    """
    One opcode, and the cluster for it; the first node is the master.

    @ivar machines: how many there are; with C{joins} the last is no node yet.
    @ivar candidates: how many of the nodes are candidates; there should be C{pool}.
    @ivar admin_state: of the instance on node2; None: there is none.
    """

    name: str
    op: OpCode
    machines: int = 2
    joins: bool = False
    candidates: int = 2
    pool: int = 2
    admin_state: AdminState | None = None

    def cluster(self) -> SimCluster:
        """The cluster before, at rest."""
        cluster = SimCluster(self.machines, self._config())
        cluster.resolver.hosts = {node.paths.hostname: node.host for node in cluster.nodes}
        if self.admin_state is not None:
            self._make_instance(cluster)
        cluster.advance(2)
        return cluster

    def _config(self) -> Configuration:
        config = make_config(0)
        pool = range(1, self.candidates + 1)
        certs = {node_uuid(number): digest(number) for number in pool}
        cluster = replace(config.cluster, candidate_certs=certs, candidate_pool_size=self.pool)
        there = self.admin_state is not None
        nodes = range(1, self.machines + (not self.joins))
        return Configuration.build(
            cluster=cluster,
            groups=config.groups.values(),
            nodes=[make_node(number, master_candidate=number in pool) for number in nodes],
            instances=[make_instance(1, 2, admin_state=self.admin_state)] if there else (),
            disks=[make_disk(1, nodes=(node_uuid(2),))] if there else (),
            ctime=START,
            mtime=START,
        )

    def _make_instance(self, cluster: SimCluster) -> None:
        machine = cluster.nodes[1].machine
        instance = make_instance(1)
        cluster.wait(machine.disks.create(make_disk(1)))
        if self.admin_state is AdminState.UP:
            guest = FakeGuest(name=instance.name, uuid=instance.uuid, memory_mib=128, vcpus=1)
            cluster.wait(machine.guests.save(guest))
        for effects in cluster.effects.values():
            effects.clear()


def facts(cluster: SimCluster) -> tuple[Any, ...]:
    """What an operation is about: the configuration and the machines, by names."""
    config = cluster.master.store.committed.config
    instances = {each.name: each.admin_state.value for each in config.instances.values()}
    nodes = {each.name: each.master_candidate for each in config.nodes.values()}
    machines = [node.machine for node in cluster.nodes]
    guests = [[each.name for each in cluster.wait(machine.guests.load())] for machine in machines]
    disks = [len(cluster.wait(machine.disks.list())) for machine in machines]
    return sorted(instances.items()), sorted(nodes.items()), guests, disks


# -- the table


@dataclass
class Row:
    """One line: an operation and a misfortune."""

    operation: str
    misfortune: str
    points: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


@dataclass
class Table:
    """What came of everything."""

    rows: dict[tuple[str, str], Row] = field(default_factory=dict)

    def add(self, operation: Operation, strike: Strike, outcome: Outcome) -> None:
        key = (operation.name, strike.misfortune.name)
        row = self.rows.setdefault(key, Row(*key))
        row.points += 1
        row.outcomes[outcome.how] += 1
        row.problems += [f"{strike.place}: {problem}" for problem in outcome.problems]

    def problems(self) -> list[str]:
        return [
            f"{row.operation}, {row.misfortune}, {problem}"
            for row in self.rows.values()
            for problem in row.problems
        ]

    def lines(self) -> Iterator[str]:
        yield f"{'operation':23} {'misfortune':22} points  outcomes"
        for row in self.rows.values():
            outcomes = " ".join(f"{name}:{count}" for name, count in sorted(row.outcomes.items()))
            mark = f"  {len(row.problems)} PROBLEMS" if row.problems else ""
            yield f"{row.operation:23} {row.misfortune:22} {row.points:6}  {outcomes}{mark}"
        points = sum(row.points for row in self.rows.values())
        yield f"{points} points; {len(self.problems())} problems"


BACKGROUND = frozenset(
    {
        "forget_job",
        "list_requests",
        "set_role",
        "store_append",
        "store_position",
        "store_snapshot",
        "upload_file",
        "write_ssconf",
    }
)


def points_of(trace: Sequence[Seen]) -> Iterator[tuple[int, Seen]]:
    """
    Where to strike: every call of the job.

    Of what feeds the nodes meanwhile, the last of each kind to each node.
    """
    last = {(seen.node, seen.tag): number for number, seen in enumerate(trace)}
    for number, seen in enumerate(trace):
        if seen.tag not in BACKGROUND or number == last[seen.node, seen.tag]:
            yield number, seen


@dataclass(frozen=True)
class Outcome:
    """How one strike ended."""

    how: str
    problems: tuple[str, ...]


@dataclass
class Prober:
    """Lets everything happen everywhere to one operation."""

    operation: Operation

    def learn(self) -> None:
        """Run it undisturbed; note what it passes, and how the cluster is before and after."""
        cluster = self.operation.cluster()
        self.before = facts(cluster)
        watch = Watch(trace=[])
        cluster.run_watched(self.operation.op, watch)
        assert cluster.told == {JOB: JobStatus.SUCCESS}, cluster.ended
        assert cluster.audit() == [], cluster.audit()
        self.after = facts(cluster)
        assert watch.trace is not None
        self.points = list(points_of(watch.trace))
        self.appends = watch.appended

    def strikes(self, misfortunes: Sequence[Misfortune]) -> list[Strike]:
        """Each at each of its points."""
        return [strike for each in misfortunes for strike in self._strikes(each)]

    def _strikes(self, misfortune: Misfortune) -> Iterator[Strike]:
        if misfortune.arrival is not None:
            for number, seen in self.points:
                if misfortune.wanted(seen):
                    place = f"#{number} {seen.tag} at node{seen.node}"
                    yield Strike(misfortune, number, place, f"node{seen.node}.example.com")
        if misfortune.append is not None:
            for number in range(self.appends):
                yield Strike(misfortune, number, f"append #{number}")

    def strike(self, strike: Strike) -> Outcome:
        """Let it happen, to a cluster of its own."""
        cluster = self.operation.cluster()
        with heard_failures() as found:
            try:
                watch = strike.misfortune.watch(strike.number)
                cluster.run_watched(self.operation.op, watch)
            except AssertionError as error:
                return Outcome("stuck", (f"{error}",))
        if not watch.struck:
            found.append("it was not reached")
        job, now = cluster.ended, facts(cluster)
        done = "done" if now == self.after else "undone" if now == self.before else "half done"
        how = f"{told(job)}/{done}"
        if how not in self._right():
            found.append(f"{how}: {now}")
        found += cluster.audit() + doubled(cluster) + unexplained(cluster, strike)
        return Outcome(how, tuple(found))

    def _right(self) -> set[str]:
        if self.before == self.after:
            return {"success/done", "error/done", "no job/done"}  # nothing is changed
        return {"success/done", "error/undone", "owed/done", "no job/undone"}


@dataclass(frozen=True)
class Strike:
    """
    One misfortune at one place.

    @ivar node: the name of the node that it happens to.
    """

    misfortune: Misfortune
    number: int
    place: str
    node: str = ""


def probe_all(
    operations: Sequence[Operation], misfortunes: Sequence[Misfortune], table: Table
) -> None:
    """Everything, everywhere, to everyone; on all processors."""
    probers = [Prober(operation) for operation in operations]
    for prober in probers:
        prober.learn()
    todo = [(prober, strike) for prober in probers for strike in prober.strikes(misfortunes)]
    batches = [todo[start : start + BATCH] for start in range(0, len(todo), BATCH)]
    found = run_all([partial(_strike_all, batch) for batch in batches])
    outcomes = [outcome for batch in found for outcome in batch]
    for (prober, strike), outcome in zip(todo, outcomes, strict=True):
        table.add(prober.operation, strike, outcome)


def _strike_all(batch: Sequence[tuple[Prober, Strike]]) -> list[Outcome]:
    return [prober.strike(strike) for prober, strike in batch]


@contextmanager
def heard_failures() -> Iterator[list[str]]:
    """Failures that somebody logs: defects, all of them."""
    found: list[str] = []

    def hear(event: LogEvent) -> None:
        if "log_failure" in event:
            found.append(f"logged: {formatEvent(event)}: {event['log_failure'].getTraceback()}")

    globalLogPublisher.addObserver(hear)
    try:
        yield found
    finally:
        globalLogPublisher.removeObserver(hear)


def told(job: Job | None) -> str:
    """What a client is told of the job; "owed": of an error, and that it will be done later."""
    if job is None:
        return "no job"
    owed = OWED_TEXT in str(job.ops[0].result)
    return "owed" if owed else job_status(job).value


def doubled(cluster: SimCluster) -> list[str]:
    """Effects that were there twice, and handlers that ran again for no reason."""
    found = []
    for node in cluster.nodes:
        effects = cluster.effects[node.number]
        programs = Counter(command.argv[0] for command in node.processes.commands)
        counted = {**effects, **{("program", path): count for path, count in programs.items()}}
        found += [
            f"node{node.number}: {what} {count} times: {which}"
            for (what, which), count in counted.items()
            if count > 1
        ]
    return found


def unexplained(cluster: SimCluster, strike: Strike) -> list[str]:
    """Whether a job that failed does not tell why."""
    job, misfortune = cluster.ended, strike.misfortune
    if job is None or job_status(job) is not JobStatus.ERROR:
        return []
    text = str(job.ops[0].result)
    named = strike.node in text or not misfortune.about_node
    if named and any(cause in text for cause in misfortune.causes):
        return []
    return [f"the error does not name the cause, or the node: {text}"]
