"""
A cluster in one process whose nodes and master die, hang and come back when told.

What arrives at nodes and what is appended to the journal is counted from L{SimCluster.watch}
on; at a given count something strikes. What is really done on the nodes is counted, too.
"""

from __future__ import annotations

import os.path
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred, succeed

from ganeti.errors import GanetiError
from ganeti.model.config import Configuration
from ganeti.model.job import Job, JobStatus, is_final, job_status
from ganeti.model.state import StateHeader
from ganeti.noded.hooks import HookScript
from ganeti.noded.node import Node
from ganeti.noded.work import CallContext
from ganeti.opcodes import OpCode
from ganeti.rpc.calls import Call, EndRequest, decode_call, tag_of
from ganeti.rpc.envelope import parse_envelope
from ganeti.rpc.roles import PeerIdentity
from ganeti.store.entry import Entry
from ganeti.store.memory_journal import MemoryJournal
from ganeti.utils.aio import Event
from support.audit import Acknowledged, NodeView, Observed, audit
from support.countedmachine import Effects, counted_machine
from support.manynodes import OS, Life, ManyNodes, NoFiles, VirtualNode, position_of

QUIET_S = 3.0
"""After the end of a job: in which nodes are told what follows from it."""
HEALING_S = 45.0
"""After all trouble: in which everything must have been put right."""
JOB_LIMIT_S = 86400.0
Forward = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True)
class Arrival:
    """A message at a node."""

    node: VirtualNode
    body: bytes
    forward: Forward
    """Lets the node have it, and gives its answer."""


@dataclass(frozen=True)
class Seen:
    """
    What arrived at a node, for those who want to strike there the next time.

    @ivar handled: it was a request, and its handler ran.
    """

    node: int
    tag: str
    changes: bool
    handled: bool


ArrivalStrike = Callable[["SimCluster", Arrival], Awaitable[bytes]]
AppendStrike = Callable[["SimCluster", Awaitable[None]], Awaitable[None]]
HandlerStrike = Callable[["SimCluster", VirtualNode, Awaitable[Any]], Awaitable[Any]]


async def never() -> Any:
    """Nobody is left to go on."""
    await Deferred()


class WatchedJournal(MemoryJournal):
    """Tells the cluster of each append before it is done."""

    cluster: SimCluster | None = None

    async def append(self, batch: Sequence[Entry], header: StateHeader) -> None:
        if self.cluster is None or self._dead:
            await super().append(batch, header)
        else:
            await self.cluster.appending(super().append(batch, header))

    def lose_unsynced(self, kept: int = 0) -> MemoryJournal:
        following = super().lose_unsynced(kept)
        journal = WatchedJournal(database=following._database)
        journal.cluster = self.cluster
        return journal


class NodeFiles(NoFiles):
    """A node without files, but with one hook script for everything, and a way to leave."""

    def __init__(self, node: VirtualNode, left: set[int]) -> None:
        self._node = node
        self._left = left

    def run(self, function: Any, /, *args: Any, **kwargs: Any) -> Deferred[Any]:
        if function.__qualname__ == "thd_find_hooks":
            path = os.path.join(args[0], "note")
            return succeed((HookScript(path, "note", True),))
        if function.__qualname__ == "thd_forget_cluster":
            self._left.add(self._node.number)
            return succeed(None)
        return super().run(function, *args, **kwargs)


@dataclass
class Watch:
    """Counts, and what strikes at which of them."""

    arrivals: dict[int, ArrivalStrike] = field(default_factory=dict)
    appends: dict[int, AppendStrike] = field(default_factory=dict)
    arrived: int = 0
    appended: int = 0
    struck: bool = False
    trace: list[Seen] | None = None


class SimCluster(ManyNodes):
    """
    L{ManyNodes}, mortal.

    @ivar effects: by the number of the node.
    @ivar runs: how often the handler of a request ran, by (number of the node, request id).
    @ivar healed: the trouble is over: what hung goes on.
    @ivar stalled: numbers of nodes that take nothing before all is healed.
    @ivar held: requests that wait for their own undo to overtake them.
    @ivar jobs: ids of those that are watched.
    @ivar told: states of jobs that a client saw as final.
    """

    def __init__(self, nodes: int, config: Configuration) -> None:
        self.effects: dict[int, Effects] = {}
        self.runs: Counter[tuple[int, str]] = Counter()
        self.lives: dict[int, Life] = {}
        self.left: set[int] = set()
        self.healed = Event()
        self.stalled: set[int] = set()
        self.held: dict[str, Event] = {}
        self.told: dict[int, JobStatus] = {}
        self.jobs = range(0)
        self.refused: GanetiError | None = None
        self.watched: Watch | None = None
        self.in_handler: dict[int, HandlerStrike] = {}
        self.master_dead = False
        super().__init__(nodes, config=config)

    # -- parts

    def make_journal(self) -> MemoryJournal:
        journal = WatchedJournal()
        journal.cluster = self
        return journal

    def make_node(self, number: int, config: Configuration) -> VirtualNode:
        node = super().make_node(number, config)
        self.effects[number] = Counter()
        node.machine = counted_machine(self.effects[number], (OS,))
        return node

    def make_daemon(self, node: VirtualNode, clock: Any) -> Node:
        daemon = super().make_daemon(node, clock)
        daemon.services.stop = lambda: clock.callLater(0.1, self.crash_node, node)
        daemon.services.threads = NodeFiles(node, self.left)
        handlers = daemon.dispatcher._handlers  # there is no other way between call and handler
        for kind, handler in list(handlers.items()):
            handlers[kind] = self._watched_handler(node, handler)
        return daemon

    def _watched_handler(self, node: VirtualNode, handler: Any) -> Any:
        async def handle(call: Call[Any], context: CallContext) -> Any:
            if context.request_id is None:
                return await handler(call, context)
            self.runs[node.number, context.request_id] += 1
            strike = self.in_handler.pop(node.number, None)
            running = handler(call, context)
            return await (running if strike is None else strike(self, node, running))

        return handle

    # -- lives

    def start_node(self, node: VirtualNode) -> None:
        """Begin a life; one that has left the cluster has no certificate to begin with."""
        if node.number in self.left:
            return
        life = self.lives[node.number] = Life(self.clock)
        daemon = node.daemon = self.make_daemon(node, life)
        self.wait(daemon.start())

        async def callee(peer: PeerIdentity, body: bytes) -> bytes:
            return await self._arrived(node, body, lambda: daemon.dispatcher(peer, body))

        self.network.attach(node.host, node.uuid, callee)

    def crash_node(self, node: VirtualNode) -> None:
        """Its daemon is killed: connections break, and nothing of it goes on."""
        self.lives[node.number].end()
        self.in_handler.pop(node.number, None)
        self.network.detach(node.host)
        node.daemon = None

    def restart_node(self, node: VirtualNode) -> None:
        self.crash_node(node)
        self.start_node(node)

    def break_connection(self, node: VirtualNode) -> None:
        """The node lives; who waited for answers from it waits in vain."""
        callee = self.network.callees[node.host]
        self.network.detach(node.host)
        self.network.attach(node.host, node.uuid, callee)

    def crash_master(self) -> None:
        """The master daemon is killed; it is started again as soon as somebody looks."""
        self.life.end()
        self.journal = self.journal.lose_unsynced()
        self.master_dead = True

    def start_master(self) -> None:
        self.master_dead = False
        super().start_master()

    # -- watching

    def watch(self, watch: Watch) -> None:
        """Count from here on."""
        self.watched = watch

    async def _arrived(self, node: VirtualNode, body: bytes, forward: Forward) -> bytes:
        watch = self.watched
        if watch is None:
            return await forward()
        number, watch.arrived = watch.arrived, watch.arrived + 1
        strike = watch.arrivals.get(number)
        if strike is not None:
            watch.struck = True
            return await strike(self, Arrival(node, body, forward))
        if node.number in self.stalled:
            await self.healed.wait()
        if self.held:
            return await self._overtake(body, await forward())
        if watch.trace is None:
            return await forward()
        before = self.runs.total()
        answer = await forward()
        envelope = parse_envelope(body)
        call = decode_call(envelope.call)
        handled = envelope.request_id is not None and self.runs.total() > before
        watch.trace.append(Seen(node.number, tag_of(call), call.changes, handled))
        return answer

    async def hold_back(self, request_id: str) -> None:
        """Wait until the request has been undone; at the latest until all is healed."""
        event = self.held[request_id] = Event()
        await event.wait()

    async def _overtake(self, body: bytes, answer: bytes) -> bytes:
        envelope = parse_envelope(body)
        call = decode_call(envelope.call)
        undone = call.request_id if isinstance(call, EndRequest) else envelope.undoes
        event = self.held.pop(undone or "", None)
        if event is not None:
            self.clock.callLater(0, event.set)
        return answer

    async def appending(self, append: Awaitable[None]) -> None:
        """The journal is about to do C{append}."""
        watch = self.watched
        if watch is None:
            return await append
        number, watch.appended = watch.appended, watch.appended + 1
        strike = watch.appends.get(number)
        if strike is None:
            return await append
        watch.struck = True
        return await strike(self, append)

    # -- the jobs that are watched

    def run_watched(self, ops: Sequence[OpCode], watch: Watch) -> None:
        """
        Run a job of each opcode, the first of this cluster, while C{watch} strikes.

        Afterwards everything comes back, and is put right.
        """
        self.watch(watch)
        self.jobs = range(1, 1 + len(ops))
        submission = Deferred.fromCoroutine(self.master.queue.submit([[op] for op in ops]))
        submission.addCallbacks(self.acknowledged.extend, self._refuse)
        self.run_until(self._jobs_ended, JOB_LIMIT_S)
        self.advance(QUIET_S)
        self._see_end()
        self.heal()
        self.watched = None
        self.advance(HEALING_S)

    def _refuse(self, failure: Any) -> None:
        failure.trap(GanetiError)
        self.refused = failure.value

    def _jobs_ended(self) -> bool:
        self._raise_master()
        if any(self.master.jobs.get(job_id) is None for job_id in self.jobs):
            # they were refused, or the master died before they were stored
            return self.refused is not None or bool(self.watched and self.watched.struck)
        return self._see_end()

    def _see_end(self) -> bool:
        for job_id in self.jobs:
            job = self.master.jobs.get(job_id)
            if job is not None and is_final(job):
                self.told.setdefault(job_id, job_status(job))
        return len(self.told) == len(self.jobs)

    def _raise_master(self) -> None:
        if self.master_dead:
            self.start_master()

    def heal(self) -> None:
        """Everything comes back."""
        self._raise_master()
        self.healed.set()
        for event in self.held.values():
            event.set()
        for node in self.nodes:
            if node.daemon is None:
                self.start_node(node)

    def advance(self, seconds: float) -> None:
        end = self.clock.seconds() + seconds

        def over() -> bool:
            self._raise_master()
            return self.clock.seconds() >= end

        self.run_until(over, seconds + 1)

    @property
    def ended(self) -> list[Job | None]:
        """The watched jobs as stored; None for one that never was."""
        return [self.master.store.committed.jobs.get(job_id) for job_id in self.jobs]

    # -- looking

    def audit(self) -> list[str]:
        store, config = self.master.store, self.master.store.committed.config
        inside = [node for node in self.nodes if node.uuid in config.nodes]
        observed = Observed(
            state=store.committed,
            nodes={node.uuid: self._view(node) for node in inside},
            locks=[row.name for row in self.master.locks.rows()],
            reservations=sorted(self.master.reservations.owners()),
            master_position=position_of(store.position),
            acknowledged=Acknowledged(jobs=self.acknowledged, final=self.told),
        )
        found = audit(observed)
        for node in self.nodes:
            found += [] if node in inside else self._outside(node)
        return found + [f"fatal: {error}" for error in self.fatal]

    def _outside(self, node: VirtualNode) -> list[str]:
        """A machine that is no node has nothing of ours."""
        view = self._view(node)
        left = [*view.running, *view.disks]
        return [f"{node.paths.hostname}, which is no node, has {each}" for each in left]

    def _view(self, node: VirtualNode) -> NodeView:
        view = super()._view(node) if node.daemon is not None else None
        return view or NodeView(role=None)
