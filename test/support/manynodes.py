"""A master and many nodes inside one process, in memory, on a Clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import Fernet
from msgspec.structs import replace
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from zope.interface import implementer

from ganeti.errors import GanetiError
from ganeti.masterd.master import MasterDaemon, Surroundings
from ganeti.masterd.secrets import SecretBox
from ganeti.model.config import Configuration
from ganeti.model.delta import changes_of
from ganeti.model.job import Job, JobStatus, is_final, job_status
from ganeti.model.live import OsInfo
from ganeti.model.state import State
from ganeti.noded.drivers import SimulatedMachine
from ganeti.noded.node import Node
from ganeti.noded.service import HANDLERS
from ganeti.noded.services import NodeServices
from ganeti.opcodes import OpCode
from ganeti.operations.node.role_record import build_role_record
from ganeti.operations.registry import UNITS
from ganeti.paths import Paths
from ganeti.rpc.memory import MemoryNetwork, MemoryTransport
from ganeti.rpc.roles import PeerIdentity, decode_role_record, encode_role_record
from ganeti.rpc.transport import AddressBook, INodeTransport, NodeAddress
from ganeti.store.candidate import MemoryCandidate
from ganeti.store.commit import Store
from ganeti.store.entry import Position
from ganeti.store.memory_journal import MemoryJournal
from ganeti.store.nodestate import MemoryNodeState
from ganeti.store.thread import InPlace
from ganeti.utils.randomness import SeededRandomness
from ganeti.utils.scripted import ScriptedProcessRunner
from support.audit import Acknowledged, NodeView, Observed, audit
from support.fakejob import FakeResolver
from support.samples import make_config, make_node, node_uuid

START = 1_700_000_000.0
TERM = 1
PORT = 1811
POOL = 10
OS = OsInfo(
    name="noop",
    path="/os/noop",
    valid=True,
    api_versions=(20,),
    parameters=(("size", "how much of it"),),
)


def position_of(position: Position) -> tuple[int, str]:
    """As L{support.audit} compares them."""
    return (position.index, position.digest)


FILELESS: dict[str, Any] = {
    "thd_check_directory": "",
    "thd_find_hooks": [],
    "thd_local_facts": {},
    "thd_write_file": None,
    "SsconfFiles.write": [],
}
"""What the functions that work on files return here, where there are none."""


class NoFiles:
    """Threads in which nothing but C{FILELESS} may run."""

    def run(self, function: Any, /, *args: Any, **kwargs: Any) -> Deferred[Any]:
        return succeed(FILELESS[function.__qualname__])


@implementer(IReactorTime)
class Life:
    """Time for one life of a daemon in a process that outlives it: at its end all stands still."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: set[Any] = set()
        self.over = False

    def seconds(self) -> float:
        return float(self._clock.seconds())

    def callLater(self, delay: float, call: Any, *args: Any, **kwargs: Any) -> Any:
        self._calls = {each for each in self._calls if each.active()}
        delayed = self._clock.callLater(delay, call, *args, **kwargs)
        self._calls.add(delayed)
        if self.over:
            delayed.cancel()
        return delayed

    def getDelayedCalls(self) -> Any:
        return [call for call in self._calls if call.active()]

    def end(self) -> None:
        """The daemon is killed."""
        self.over = True
        for call in self.getDelayedCalls():
            call.cancel()


@implementer(INodeTransport)
class MortalTransport:
    """A transport on which nothing is sent and nothing arrives when the life is over."""

    def __init__(self, life: Life, transport: MemoryTransport) -> None:
        self._life = life
        self._transport = transport

    async def send(self, node_uuid: str, body: bytes, timeout_s: float) -> bytes:
        return await self._alive(self._transport.send, node_uuid, body, timeout_s)

    async def send_to(self, address: NodeAddress, body: bytes, timeout_s: float) -> bytes:
        return await self._alive(self._transport.send_to, address, body, timeout_s)

    async def _alive(self, send: Any, *args: Any) -> bytes:
        await self._live()
        try:
            answer: bytes = await send(*args)
        except GanetiError:
            await self._live()
            raise
        await self._live()
        return answer

    async def _live(self) -> None:
        if self._life.over:
            await Deferred()

    async def close(self) -> None:
        await self._transport.close()


@dataclass
class VirtualNode:
    """What of a node outlives its daemon, and the daemon."""

    number: int
    state: MemoryNodeState
    machine: SimulatedMachine
    candidate: MemoryCandidate
    processes: ScriptedProcessRunner
    daemon: Node | None = None

    @property
    def uuid(self) -> str:
        return node_uuid(self.number)

    @property
    def host(self) -> str:
        return f"192.0.2.{self.number}"

    @property
    def paths(self) -> Paths:
        name = f"node{self.number}.example.com"
        return Paths(f"/nowhere/{name}", name)


def digest(number: int) -> str:
    """Of a node's certificate."""
    return f"digest-{number}"


def make_cluster_config(nodes: int) -> Configuration:
    """The first node is the master, and the first ten at most are candidates."""
    config = make_config(0)
    pool = range(1, min(nodes, POOL) + 1)
    certs = {node_uuid(number): digest(number) for number in pool}
    cluster = replace(config.cluster, candidate_certs=certs)
    return Configuration.build(
        cluster=cluster,
        groups=config.groups.values(),
        nodes=[
            make_node(number, master_candidate=number in pool) for number in range(1, nodes + 1)
        ],
        ctime=START,
        mtime=START,
    )


class ManyNodes:
    """
    The whole cluster. Nothing happens but in C{run_until} and C{advance}, and always the same.

    @ivar clock: the only time there is.
    """

    def __init__(
        self,
        nodes: int = 20,
        seed: int = 1,
        latency_s: float = 0.001,
        config: Configuration | None = None,
    ) -> None:
        """@param config: of the cluster at first, if not that of L{make_cluster_config}."""
        self.clock = Clock()
        self.clock.advance(START)
        self.network = MemoryNetwork(self.clock, latency_s=latency_s)
        self.random = SeededRandomness(seed)
        self.journal = self.make_journal()
        self.box = SecretBox(Fernet.generate_key())
        self.acknowledged: list[int] = []
        self.fatal: list[Exception] = []
        self.resolver = FakeResolver()
        config = config or make_cluster_config(nodes)
        self.nodes = [self.make_node(number, config) for number in range(1, nodes + 1)]
        self.wait(self._fill(config))
        for node in self.nodes:
            self.start_node(node)
        self.start_master()

    def make_journal(self) -> MemoryJournal:
        """The master's, empty."""
        return MemoryJournal()

    def make_node(self, number: int, config: Configuration) -> VirtualNode:
        """A machine that node setup has prepared."""
        state = MemoryNodeState()
        record = encode_role_record(build_role_record(config, TERM))
        self.wait(state.set_role(TERM, record))
        return VirtualNode(
            number=number,
            state=state,
            machine=SimulatedMachine(oses=(OS,)),
            candidate=MemoryCandidate(),
            processes=ScriptedProcessRunner(),
        )

    async def _fill(self, config: Configuration) -> None:
        store = await Store.open(self.journal, self.clock, TERM, on_fatal=self.fatal.append)
        await store.commit(lambda _: changes_of(State(config=config)))
        await store.close()

    # -- lives of daemons

    def make_daemon(self, node: VirtualNode, clock: Any) -> Node:
        """One life of a node's daemon."""
        drivers = node.machine.drivers(clock)
        services = NodeServices(
            paths=node.paths,
            name=node.paths.hostname,
            uuid=node.uuid,
            certificate_digest=digest(node.number),
            clock=clock,
            threads=NoFiles(),
            processes=node.processes,
            state=node.state,
            hypervisors=drivers.hypervisors,
            storage=drivers.storage,
            os_definitions=drivers.os_definitions,
            os_logs=drivers.os_logs,
        )
        return Node(services, node.candidate, HANDLERS, self.fatal.append)

    def start_node(self, node: VirtualNode) -> None:
        """Begin a life of a node's daemon."""
        node.daemon = self.make_daemon(node, self.clock)
        self.wait(node.daemon.start())
        self.network.attach(node.host, node.uuid, node.daemon.dispatcher)

    def surroundings(self, clock: Any) -> Surroundings:
        """What one life of the master daemon is handed."""
        master = self.nodes[0]
        identity = PeerIdentity(uuid=master.uuid, digest=digest(1))

        def transport(book: AddressBook) -> Any:
            made = MemoryTransport(self.network, identity, book)
            return MortalTransport(clock, made) if isinstance(clock, Life) else made

        return Surroundings(
            paths=master.paths,
            node_uuid=master.uuid,
            clock=clock,
            random=self.random,
            journal=self.journal,
            transport=transport,
            resolver=self.resolver,
            units=UNITS,
            box=self.box,
            files=dict,
            noded_port=PORT,
            threads=NoFiles(),
            computing=InPlace(),
            term=TERM,
            on_fatal=self.fatal.append,
        )

    def start_master(self) -> None:
        """Begin a life of the master daemon."""
        self.life = Life(self.clock)
        self.master = MasterDaemon(self.surroundings(self.life))
        self.wait(self.master.start())

    def restart_master(self) -> None:
        """Kill the master daemon, and begin its next life."""
        self.life.end()
        self.journal = self.journal.lose_unsynced()
        self.start_master()

    # -- time

    def wait(self, awaitable: Any, limit_s: float = 60.0) -> Any:
        """The result of something, letting as much time pass as it takes."""
        outcome: list[Any] = []
        Deferred.fromCoroutine(awaitable).addBoth(outcome.append)
        self.run_until(lambda: bool(outcome), limit_s)
        if hasattr(outcome[0], "raiseException"):
            outcome[0].raiseException()
        return outcome[0]

    def run_until(self, done: Any, limit_s: float) -> None:
        """Go from event to event until C{done()}."""
        end = self.clock.seconds() + limit_s
        while not done():
            calls = self.clock.getDelayedCalls()
            now = self.clock.seconds()
            if not calls or now > end:
                raise AssertionError(f"not done within {limit_s:g} s")
            self.clock.advance(max(0.0, min(call.getTime() for call in calls) - now))

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        end = self.clock.seconds() + seconds
        self.run_until(lambda: self.clock.seconds() >= end, seconds + 1)

    # -- jobs

    def submit(self, jobs: Sequence[Sequence[OpCode]]) -> list[int]:
        """Submit jobs; their ids."""
        ids = self.wait(self.master.queue.submit(jobs))
        self.acknowledged += ids
        return list(ids)

    def run(self, jobs: Sequence[Sequence[OpCode]], limit_s: float = 600.0) -> list[Job]:
        """Submit jobs and wait until all have ended."""
        ids = self.submit(jobs)
        self.run_until(lambda: all(is_final(self.job(job_id)) for job_id in ids), limit_s)
        return [self.job(job_id) for job_id in ids]

    def job(self, job_id: int) -> Job:
        job = self.master.jobs.get(job_id)
        assert job is not None
        return job

    # -- looking

    def audit(self) -> list[str]:
        """What is wrong with the cluster at rest."""
        store = self.master.store
        final = {job.id: job_status(job) for job in store.committed.jobs.values()}
        return audit(
            Observed(
                state=store.committed,
                nodes={node.uuid: self._view(node) for node in self.nodes},
                locks=[row.name for row in self.master.locks.rows()],
                reservations=sorted(self.master.reservations.owners()),
                master_position=position_of(store.position),
                acknowledged=Acknowledged(jobs=self.acknowledged, final=final),
            )
        )

    def _view(self, node: VirtualNode) -> NodeView:
        assert node.daemon is not None
        candidate = node.candidate
        position = self.wait(candidate.journal.load()).position if candidate.kept else None
        guests = self.wait(node.machine.guests.load())
        requests = self.wait(node.daemon.requests.list())
        return NodeView(
            running=[guest.name for guest in guests],
            disks=self.wait(node.machine.disks.list()),
            requests=[request.request_id for request in requests],
            position=None if position is None else position_of(position),
            role=None if node.state.role is None else decode_role_record(node.state.role.record),
        )

    def statuses(self, jobs: Sequence[Job]) -> set[JobStatus]:
        """How jobs ended."""
        return {job_status(job) for job in jobs}
