"""One operation, and everything that may happen to it, at each place that it passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from msgspec.structs import replace
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from ganeti.hypervisor.fake_store import FakeGuest
from ganeti.masterd.recovery import OWED_TEXT
from ganeti.model.config import Configuration
from ganeti.model.instance import AdminState
from ganeti.model.job import Job, JobStatus, job_status
from ganeti.opcodes import OpCode
from support.clusterfacts import Facts, about, changed, facts
from support.forked import run_all
from support.manynodes import START, digest
from support.misfortunes import Misfortune
from support.samples import make_config, make_disk, make_instance, make_node, node_uuid
from support.simcluster import Seen, SimCluster, Watch

BATCH = 40
"""Strikes for one process: what they leave in memory is not swept up, as it is dead, not over."""

# -- operations


def _unchanged(config: Configuration) -> Configuration:
    return config


@dataclass(frozen=True)
class Operation:
    """
    One opcode, or several jobs of one, and the cluster for it; the first node is the master.

    @ivar also: opcodes of further jobs, submitted with the first; each about its own instance.
    @ivar machines: how many there are; with C{joins} the last is no node yet.
    @ivar candidates: how many of the nodes are candidates; there should be C{pool}.
    @ivar admin_state: of the instances on node2, one for each job; None: there is none.
    @ivar change: what else is to be otherwise before.
    @ivar common: strike also at what every operation has in common: hooks, and what feeds nodes.
    @ivar starts: how often guests are started and stopped tells whether it is done.
    """

    name: str
    op: OpCode
    also: tuple[OpCode, ...] = ()
    machines: int = 2
    joins: bool = False
    candidates: int = 2
    pool: int = 2
    admin_state: AdminState | None = None
    change: Callable[[Configuration], Configuration] = _unchanged
    common: bool = False
    starts: bool = False

    @property
    def ops(self) -> tuple[OpCode, ...]:
        """One for each job."""
        return (self.op, *self.also)

    def cluster(self) -> SimCluster:
        """The cluster before, at rest."""
        cluster = SimCluster(self.machines, self._config())
        cluster.resolver.hosts = {node.paths.hostname: node.host for node in cluster.nodes}
        self._make_disks(cluster)
        if self.admin_state is AdminState.UP:
            self._start_guests(cluster)
        cluster.advance(2)
        for effects in cluster.effects.values():
            effects.clear()
        return cluster

    def _instances(self) -> range:
        return range(1, 1 + (0 if self.admin_state is None else len(self.ops)))

    def _config(self) -> Configuration:
        config = make_config(0)
        pool = range(1, self.candidates + 1)
        certs = {node_uuid(number): digest(number) for number in pool}
        cluster = replace(config.cluster, candidate_certs=certs, candidate_pool_size=self.pool)
        nodes = range(1, self.machines + (not self.joins))
        numbers = self._instances()
        return self.change(
            Configuration.build(
                cluster=cluster,
                groups=config.groups.values(),
                nodes=[make_node(number, master_candidate=number in pool) for number in nodes],
                instances=[
                    make_instance(each, 2, admin_state=self.admin_state) for each in numbers
                ],
                disks=[make_disk(each, nodes=(node_uuid(2),)) for each in numbers],
                ctime=START,
                mtime=START,
            )
        )

    def _make_disks(self, cluster: SimCluster) -> None:
        disks = cluster.nodes[1].machine.disks
        for disk in cluster.master.store.committed.config.disks.values():
            cluster.wait(disks.create(disk))

    def _start_guests(self, cluster: SimCluster) -> None:
        guests = cluster.nodes[1].machine.guests
        for instance in map(make_instance, self._instances()):
            guest = FakeGuest(name=instance.name, uuid=instance.uuid, memory_mib=128, vcpus=1)
            cluster.wait(guests.save(guest))


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
        row.outcomes.update(outcome.hows)
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


HOOKS = "run_hooks"


def points_of(trace: Sequence[Seen], *, common: bool) -> Iterator[tuple[int, Seen]]:
    """
    Where to strike: every call of the job.

    Of what feeds the nodes meanwhile, the last of each kind.

    @param common: also at what feeds the nodes, and at hooks.
    """
    last = {seen.tag: number for number, seen in enumerate(trace)}
    for number, seen in enumerate(trace):
        if seen.tag not in BACKGROUND:
            if common or seen.tag != HOOKS:
                yield number, seen
        elif common and number == last[seen.tag]:
            yield number, seen


@dataclass(frozen=True)
class Outcome:
    """How one strike ended, for each job."""

    hows: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass
class Prober:
    """Lets everything happen everywhere to one operation."""

    operation: Operation

    def learn(self) -> None:
        """Run it undisturbed; note what it passes, and how the cluster is before and after."""
        cluster = self.operation.cluster()
        self.before = self._facts(cluster)
        watch = Watch(trace=[])
        cluster.run_watched(self.operation.ops, watch)
        assert set(cluster.told.values()) == {JobStatus.SUCCESS}, cluster.ended
        assert cluster.audit() == [], cluster.audit()
        self.after = self._facts(cluster)
        assert watch.trace is not None
        self.points = list(points_of(watch.trace, common=self.operation.common))
        self.appends = watch.appended

    def _facts(self, cluster: SimCluster) -> Facts:
        return facts(cluster, starts=self.operation.starts)

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
                cluster.run_watched(self.operation.ops, watch)
            except AssertionError as error:
                return Outcome(("stuck",), (f"{error}",))
        if not watch.struck:
            found.append("it was not reached")
        now = self._facts(cluster)
        hows = [self._judge(place, job, now, found) for place, job in enumerate(cluster.ended)]
        found += cluster.audit() + doubled(cluster) + unexplained(cluster, strike)
        return Outcome(tuple(hows), tuple(found))

    def _judge(self, place: int, job: Job | None, now: Facts, found: list[str]) -> str:
        """What a job's client was told, and what is there of what the job is about."""
        before, after = self._about(place, self.before), self._about(place, self.after)
        now = self._about(place, now)
        done = "done" if now == after else "undone" if now == before else "half done"
        how = f"{told(job)}/{done}"
        if how not in _right(changes=before != after):
            found.append(f"{how}: {changed(after if 'success' in how else before, now)}")
        return how

    def _about(self, place: int, found: Facts) -> Facts:
        if not self.operation.also:
            return found
        return about(found, self.operation.ops[place].instance_name)  # type: ignore[attr-defined]


def _right(*, changes: bool) -> set[str]:
    if not changes:
        return {"success/done", "error/done", "no job/done"}
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
        programs = Counter(
            (command.argv[0], command.env.get("GANETI_OP_TARGET", ""))
            for command in node.processes.commands
        )
        counted = {**effects, **{("program", each): count for each, count in programs.items()}}
        found += [
            f"node{node.number}: {what} {count} times: {which}"
            for (what, which), count in counted.items()
            if count > 1
        ]
    return found


def unexplained(cluster: SimCluster, strike: Strike) -> list[str]:
    """Whether a job that failed does not tell why."""
    found = []
    for job in cluster.ended:
        if job is None or job_status(job) is not JobStatus.ERROR:
            continue
        text = str(job.ops[0].result)
        named = strike.node in text or not strike.misfortune.about_node
        if not named or not any(cause in text for cause in strike.misfortune.causes):
            found.append(f"the error does not name the cause, or the node: {text}")
    return found
