"""
The master daemon without its surroundings: everything it needs is handed in.

A real daemon gives it a database, sockets and the reactor; a test a journal in
memory, a transport that calls virtual nodes, and a Clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ganeti.errors import ConfigurationError
from ganeti.masterd.allocators import Allocators
from ganeti.masterd.background import Repeating, ended_within
from ganeti.masterd.context import Reads, Services
from ganeti.masterd.debts import Debts
from ganeti.masterd.ending import Ending
from ganeti.masterd.forgetting import Forgetting
from ganeti.masterd.hooks import HookRunner
from ganeti.masterd.jobcontrol import JobControl
from ganeti.masterd.joblog import LogBook
from ganeti.masterd.jobs import Jobs
from ganeti.masterd.locks import LockManager
from ganeti.masterd.locktable import wanted_from_locks
from ganeti.masterd.pool import CandidatePool
from ganeti.masterd.processor import Processor
from ganeti.masterd.queue import JobQueue
from ganeti.masterd.recovery import Recoverer
from ganeti.masterd.replication import ClusterFiles, Replication
from ganeti.masterd.secrets import SecretBox
from ganeti.masterd.settings import Settings
from ganeti.model.job import Job, OpStatus, is_final, job_priority
from ganeti.operations.unit import NameResolver, Unit
from ganeti.paths import Paths
from ganeti.rpc.nodes import NodeRpc
from ganeti.rpc.transport import INodeTransport, NodeAddress
from ganeti.store.commit import Store
from ganeti.store.journal import IJournal
from ganeti.store.reservations import ReservationTable
from ganeti.store.thread import Runs
from ganeti.utils.randomness import Randomness
from ganeti.utils.threads import Threads

GRACE_S = 20.0
"""What running opcodes get at a stop."""
TEND_EVERY_S = 10.0
"""How often nodes that did not answer are tried again."""


@dataclass(kw_only=True, frozen=True)
class Surroundings:
    """
    Everything that a master daemon is handed.

    @ivar node_uuid: this node's, from its certificate.
    @ivar transport: made for an address book, which knows the committed nodes.
    @ivar files: reads the files that candidates have.
    @ivar units: which unit serves which opcode.
    @ivar computing: the thread for what takes the processor long.
    @ivar term: in which this node is the master, by its own role record.
    @ivar on_fatal: ends the process; what is on the disk is not known any more.
    """

    paths: Paths
    node_uuid: str
    clock: IReactorTime
    random: Randomness
    journal: IJournal
    transport: Callable[[Callable[[str], NodeAddress | None]], INodeTransport]
    resolver: NameResolver
    units: Mapping[str, type[Unit[Any, Any]]]
    box: SecretBox
    files: ClusterFiles
    noded_port: int
    threads: Threads
    computing: Runs
    term: int
    on_fatal: Callable[[Exception], None]


class MasterDaemon:
    """
    The master's engine: jobs, recovery, replication.
    """

    log = Logger()

    def __init__(self, given: Surroundings) -> None:
        self.given = given
        self._started = False

    async def start(self) -> None:
        """
        Load, recover, and begin to run jobs.

        Interrupted jobs hold their locks before the first new job is looked at; their
        recovery runs beside the rest.

        @raise ConfigurationError: this node is not the master, or the database is not usable.
        """
        await self._open_store()
        self._build()
        self._resume_interrupted()
        self.queue.open()
        self.replication.start()
        self._tending.start()
        self._started = True

    async def stop(self, grace_s: float = GRACE_S) -> None:
        """Start no opcode any more; what runs has C{grace_s}, then it is left as by a crash."""
        if not self._started:
            return
        self._started = False
        self.processor.stopping = True
        await ended_within(self.queue.close(), grace_s, self.given.clock)
        await self._tending.stop()
        await self.replication.stop()
        await self._transport.close()
        await self.store.close()

    async def _open_store(self) -> None:
        given = self.given
        self.store = await Store.open(
            given.journal, given.clock, given.term, on_fatal=given.on_fatal
        )
        config = self.store.committed.config
        if config.cluster.master_node != given.node_uuid:
            raise ConfigurationError(
                f"This node is not the master: the configuration says that it is"
                f" {config.master.name}"
            )

    def _build(self) -> None:
        """All parts, each with those it uses."""
        given, store = self.given, self.store
        self._transport = given.transport(self._address)
        self.rpc = NodeRpc(self._transport, store.term, self._address, given.clock)
        self.jobs = Jobs(store)
        self.logs = LogBook(store, self.jobs)
        self.locks = LockManager()
        self.reservations = ReservationTable.from_state(store.committed)
        self.debts = Debts(store, self.rpc, given.clock, self.reservations)
        self.forgetting = Forgetting(store, self.rpc, self.debts)
        services = Services(
            store=store,
            jobs=self.jobs,
            logs=self.logs,
            locks=self.locks,
            reservations=self.reservations,
            rpc=self.rpc,
            noded_port=given.noded_port,
            debts=self.debts,
            recoverer=Recoverer(store, self.jobs, self.rpc, given.clock, given.random),
            hooks=HookRunner(store, self.rpc, given.paths),
            resolver=given.resolver,
            paths=given.paths,
            clock=given.clock,
            random=given.random,
            forget=self.forgetting.ended,
            files=given.files,
            allocators=Allocators(
                store,
                self.reservations,
                Reads(self.rpc, given.noded_port),
                given.computing,
                given.clock,
                given.paths,
            ),
        )
        ending = Ending(services)
        self.processor = Processor(services, given.units, given.box, ending)
        self.queue = JobQueue(store, given.clock, self.jobs, self.processor.run, given.box)
        ending.children = self.queue
        self.control = JobControl(store, given.clock, self.jobs, self.logs, self.queue, self.locks)
        self.replication = Replication(
            store,
            self.rpc,
            given.clock,
            given.random,
            given.files,
            self.debts,
            self.forgetting,
        )
        self.forgetting.wake = self.replication.wake
        self.debts.paid = self.forgetting.paid
        self.settings = Settings(store, self.queue, given.paths, given.threads, given.random)
        self.pool = CandidatePool(store, self.rpc)
        self._tending = Repeating(self._tend, TEND_EVERY_S, given.clock)

    async def _tend(self) -> None:
        """Put right what could not be done when it was due, because nodes did not answer."""
        await self.debts.try_all()
        await self.pool.fill()

    def now_ns(self) -> int:
        """The time, in nanoseconds since the epoch."""
        return int(self.given.clock.seconds() * 1e9)

    def _address(self, node_uuid: str) -> NodeAddress | None:
        """The address book of node calls."""
        node = self.store.committed.config.nodes.get(node_uuid)
        if node is None:
            return None
        return NodeAddress(node.uuid, node.name, node.primary_ip, self.given.noded_port)

    def _resume_interrupted(self) -> None:
        interrupted = [job for job in self.jobs.all() if _interrupted(job)]
        for job in interrupted:
            self.locks.adopt(job.id, wanted_from_locks(job.locks), job_priority(job))
        for job in interrupted:
            self.log.info("Job {id} was interrupted and is recovered", id=job.id)
            self.queue.adopt(job, self.processor.resume)


def _interrupted(job: Job) -> bool:
    """
    Whether an opcode had begun to act.

    Its state is stored before its first effect, so all others can start anew.
    """
    running = any(op.status is OpStatus.RUNNING for op in job.ops)
    return not is_final(job) and (running or bool(job.recovery))
