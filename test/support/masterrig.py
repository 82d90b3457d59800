"""A master daemon on a Clock, with a journal in memory and nodes that answer from a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cryptography.fernet import Fernet
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from zope.interface import implementer

from ganeti.errors import GanetiError, NodeUnreachable
from ganeti.masterd.master import MasterDaemon, Surroundings
from ganeti.masterd.secrets import SecretBox
from ganeti.model.config import Configuration
from ganeti.model.delta import changes_of
from ganeti.model.job import Job, JobStatus, job_status
from ganeti.model.state import State
from ganeti.opcodes import OpCode
from ganeti.operations.registry import UNITS
from ganeti.operations.unit import Unit
from ganeti.paths import Paths
from ganeti.rpc.calls import (
    Call,
    ForgetJob,
    ListRequests,
    LogPosition,
    RunHooks,
    SetRole,
    StoreAppend,
    StorePosition,
    StoreSnapshot,
    UploadFile,
    WriteSsconf,
    decode_call,
)
from ganeti.rpc.envelope import build_error, build_ok, parse_envelope
from ganeti.rpc.transport import INodeTransport, NodeAddress
from ganeti.store.commit import Store
from ganeti.store.memory_journal import MemoryJournal
from ganeti.store.thread import InPlace, Runs
from ganeti.utils.randomness import SeededRandomness
from ganeti.utils.threads import NoThreads
from support.fakejob import FakeResolver
from support.samples import make_config

START = 1_700_000_000.0

QUIET: dict[type, Any] = {
    SetRole: None,
    WriteSsconf: None,
    UploadFile: None,
    ForgetJob: None,
    ListRequests: (),
    RunHooks: (),
    StorePosition: LogPosition(),
    StoreAppend: LogPosition(),
    StoreSnapshot: LogPosition(),
}
"""What the master says to nodes besides the steps of jobs."""


@implementer(INodeTransport)
class TableTransport:
    """
    Answers calls from a table: a value, an error, or a function of (node, call, envelope).

    What is not in the table is unreachable. C{sent} has all but the quiet calls, as
    (node, call, request id, undoes).
    """

    def __init__(self, answers: Mapping[type, Any]) -> None:
        self.answers: dict[type, Any] = {**QUIET, **answers}
        self.sent: list[tuple[str, Call[Any], str | None, str | None]] = []

    async def send(self, node_uuid: str, body: bytes, timeout_s: float) -> bytes:
        envelope = parse_envelope(body)
        call = decode_call(envelope.call)
        if type(call) not in QUIET:
            self.sent.append((node_uuid, call, envelope.request_id, envelope.undoes))
        known = "@" not in node_uuid
        name = f"node{int(node_uuid[-12:], 16)}.example.com" if known else node_uuid
        answer = self.answers.get(type(call), NodeUnreachable(name, "connection refused"))
        if callable(answer):
            answer = answer(node_uuid, call)
        if isinstance(answer, Deferred):
            answer = await answer
        if isinstance(answer, NodeUnreachable):
            raise answer
        return build_error(answer) if isinstance(answer, GanetiError) else build_ok(answer)

    async def send_to(self, address: NodeAddress, body: bytes, timeout_s: float) -> bytes:
        return await self.send(f"{address.name}@{address.host}", body, timeout_s)

    async def close(self) -> None:
        return


class MasterRig:
    """
    A master that can be started, crashed and started again.

    What is asked of it must have an answer at once, or after C{advance}.
    """

    def __init__(
        self,
        answers: Mapping[type, Any] | None = None,
        units: Mapping[str, type[Unit[Any, Any]]] = UNITS,
        config: Configuration | None = None,
        computing: Runs | None = None,
    ) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.journal = MemoryJournal()
        self.random = SeededRandomness(1)
        self.box = SecretBox(Fernet.generate_key())
        self.transport = TableTransport(answers or {})
        self.units = units
        self.computing = computing or InPlace()
        self.fatal: list[Exception] = []
        self.now(self._fill(config or make_config()))
        self.start()

    async def _fill(self, config: Configuration) -> None:
        store = await Store.open(self.journal, self.clock, 1, on_fatal=self.fatal.append)
        await store.commit(lambda _: changes_of(State(config=config)))
        await store.close()

    def start(self) -> None:
        """Begin a life of the daemon."""
        self.master = MasterDaemon(
            Surroundings(
                paths=Paths("/c/node1.example.com", "node1.example.com"),
                node_uuid=make_config().cluster.master_node,
                clock=self.clock,
                random=self.random,
                journal=self.journal,
                transport=lambda book: self.transport,
                resolver=FakeResolver(),
                units=self.units,
                box=self.box,
                files=dict,
                noded_port=1811,
                threads=NoThreads(),
                computing=self.computing,
                term=1,
                on_fatal=self.fatal.append,
            )
        )
        self.now(self.master.start())

    def crash(self, kept: int = 0) -> None:
        """End this life at once: nothing that it waits for comes any more."""
        self.journal = self.journal.lose_unsynced(kept)
        for call in list(self.clock.getDelayedCalls()):
            call.cancel()

    def restart(self) -> None:
        """Crash, and begin the next life."""
        self.crash()
        self.start()

    def now(self, awaitable: Any) -> Any:
        """The result of something that must not have to wait."""
        return _result(Deferred.fromCoroutine(awaitable))

    def begin(self, awaitable: Any) -> Deferred[Any]:
        """Start something that may have to wait."""
        return Deferred.fromCoroutine(awaitable)

    def submit(self, *ops: OpCode) -> int:
        """Submit one job and return its id."""
        [answer] = self.now(self.master.queue.submit([ops]))
        if isinstance(answer, GanetiError):
            raise answer
        return int(answer)

    def submit_many(self, jobs: Sequence[Sequence[OpCode]]) -> list[Any]:
        return list(self.now(self.master.queue.submit(jobs)))

    def job(self, job_id: int) -> Job:
        """The job as it is shown."""
        job = self.master.jobs.get(job_id)
        assert job is not None
        return job

    def status(self, job_id: int) -> JobStatus:
        return job_status(self.job(job_id))

    def stored(self, job_id: int) -> Job:
        """The job as it is stored."""
        return self.master.store.committed.jobs[job_id]

    def advance(self, seconds: float, step: float = 0.25) -> None:
        """Let time pass."""
        for _ in range(int(seconds / step)):
            self.clock.advance(step)

    def log(self, job_id: int) -> list[Any]:
        """Messages of the job's log."""
        return [line.message for line in self.now(self.master.logs.lines(job_id))]

    def result_of(self, deferred: Deferred[Any]) -> Any:
        return _result(deferred)


def _result(deferred: Deferred[Any]) -> Any:
    outcome: list[Any] = []
    deferred.addBoth(outcome.append)
    if not outcome:
        raise AssertionError("still waits")
    if hasattr(outcome[0], "raiseException"):
        outcome[0].raiseException()
    return outcome[0]


Answer = Callable[[str, Call[Any]], Any]
