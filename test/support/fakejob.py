"""A job context for tests of units: state in memory, node calls answered from a table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from zope.interface import implementer

from ganeti.errors import GanetiError, JobCanceled, NodeUnreachable, OpExecError, ResolverError
from ganeti.htools.requests import Answer
from ganeti.model import codec
from ganeti.model.compensation import compensate
from ganeti.model.config import Configuration
from ganeti.model.delta import Stamp, apply, stamped
from ganeti.model.recovery import Action, Compensation, OnNode
from ganeti.model.reservation import Reservation, ReservationKind
from ganeti.model.state import State
from ganeti.opcodes.base import OpCode
from ganeti.operations.allocators.interface import IInstanceAllocator
from ganeti.operations.allocators.requests import AllocatorRequest, plain_request
from ganeti.operations.unit import END, Change, HookPlan, LockRequest, Unit
from ganeti.paths import Paths
from ganeti.rpc.calls import Call, HookPhase, LogicalFile, RunHooks, decode_call
from ganeti.store.reservations import ReservationTable, job_owner
from ganeti.utils.hosts import Host
from ganeti.utils.randomness import SeededRandomness

Answers = dict[type, Any]
"""By kind of call: a value, an error to raise, or a function of (node, call)."""


class FakeRpc:
    """Answers from a table; what is not in it is unreachable. C{calls} has all that was sent."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.calls: list[tuple[str, Call[Any]]] = []

    def call(self, node_uuid: str, call: Call[Any]) -> Awaitable[Any]:
        return Deferred.fromCoroutine(self._answer(node_uuid, call))

    def call_at(self, name: str, ip: str, call: Call[Any], uuid: str = "") -> Awaitable[Any]:
        return Deferred.fromCoroutine(self._answer(f"{name}@{ip}", call))

    async def call_all(self, nodes: Iterable[str], call: Call[Any]) -> dict[str, Any]:
        answers: dict[str, Any] = {}
        for node in nodes:
            try:
                answers[node] = await self._answer(node, call)
            except GanetiError as err:
                answers[node] = err
        return answers

    async def _answer(self, node: str, call: Call[Any]) -> Any:
        self.calls.append((node, call))
        if type(call) not in self.answers:
            raise NodeUnreachable(node, "connection refused")
        answer = self.answers[type(call)]
        answer = answer(node, call) if callable(answer) else answer
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class FakeResolver:
    """Knows some names; C{taken} are addresses at which something answers."""

    hosts: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def resolve(self, name: str) -> Awaitable[Host]:
        return Deferred.fromCoroutine(self._resolve(name))

    async def _resolve(self, name: str) -> Host:
        if name not in self.hosts:
            raise ResolverError(name, -2, "Name or service not known")
        return Host(name, self.hosts[name])

    def answers(self, ip: str, port: int) -> Awaitable[bool]:
        return succeed(ip in self.taken)


@implementer(IInstanceAllocator)
class FakeAllocator:
    """
    Answers from a table: by allocator, the nodes, an error to raise, a whole answer, or a
    function of the request.

    C{asked} has all that was asked, as (allocator, request).
    """

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.explanation: list[str] = []
        self.asked: list[tuple[str, AllocatorRequest]] = []

    async def ask(
        self,
        name: str,
        request: AllocatorRequest,
        reserve: Callable[[Answer], None] | None = None,
    ) -> Answer:
        self.asked.append((name, request))
        answer = self.answers[name]
        answer = answer(request) if callable(answer) else answer
        if isinstance(answer, Exception):
            raise answer
        if not isinstance(answer, Answer):
            answer = Answer(success=True, info="Request successful", result=answer)
        if answer.success and reserve is not None:
            reserve(answer)
        return answer

    async def output(self, name: str, request: AllocatorRequest) -> bytes:
        return codec.encode(await self.ask(name, request)) + b"\n"

    async def explain(self, request: AllocatorRequest) -> Sequence[str]:
        return self.explanation

    async def document(self, request: AllocatorRequest) -> bytes:
        return codec.encode({"request": plain_request(request)})


@dataclass(frozen=True)
class Step:
    """A step as recorded."""

    node: str
    call: Call[Any]
    undo: Any


class FakeJob:
    """
    A job context that keeps everything in memory.

    C{steps} has the steps, C{finished} the actions of a finish, C{undone} what the recovery of a
    failed unit did, C{lines} the log, C{hooks_run} the hooks that the unit ran itself.
    """

    def __init__(self, config: Configuration, answers: Answers | None = None) -> None:
        self.id = 7
        self.op_index = 0
        self.clock = Clock()
        self.random = SeededRandomness(1)
        self.rpc = FakeRpc({} if answers is None else answers)
        self.resolver = FakeResolver()
        self.iallocator = FakeAllocator()
        self.paths = Paths("/c/node1.example.com", "node1.example.com")
        self.locks_held: LockRequest = ()
        self.state = State(config=config, index=1, term=1)
        self.reservations = ReservationTable()
        self.steps: list[Step] = []
        self.finished: list[Any] = []
        self.undone: list[Any] = []
        self.lines: list[str] = []
        self.entries: list[tuple[str, Any]] = []
        self._said: list[str] = []
        self.hooks_run: list[tuple[str, str, tuple[str, ...]]] = []
        self.files: dict[LogicalFile, str] = {}
        self.canceled = False
        self.busy: set[str] = set()
        """Names of locks that others have."""
        self._undos: list[tuple[str, Any]] = []

    def snapshot(self) -> State:
        return self.state

    @property
    def config(self) -> Configuration:
        return self.state.config

    async def commit(self, change: Change, undo: Compensation | None = None) -> State:
        self._apply(change)
        if undo is not None:
            self._undos.append(("", undo))
        return self.state

    async def conclude(self, change: Change, result: Any = None) -> State:
        self._apply(change)
        self._undos.clear()
        return self.state

    def _apply(self, change: Change) -> None:
        stamp = Stamp(index=self.state.index + 1, time_s=self.clock.seconds() + 2000, term=1)
        delta = stamped(change(self.state), self.state, stamp)
        self.state = apply(self.state, delta, stamp)

    def reserve(self, *reservations: Reservation) -> None:
        self.reservations.reserve(job_owner(self.id), reservations)

    def reserved(self, kind: ReservationKind, node_uuid: str) -> int:
        own = self.reservations.held(job_owner(self.id))
        mine = sum(r.amount for r in own if r.kind is kind and r.node_uuid == node_uuid)
        return self.reservations.amount(kind, node_uuid) - mine

    async def step(self, node_uuid: str, call: Call[Any], undo: Any = None) -> Any:
        self.steps.append(Step(node_uuid, call, undo))
        if undo is not None:
            self._undos.append((node_uuid, undo))
        return await self.rpc.call(node_uuid, call)

    async def consult(self, node_uuid: str, call: Call[Any]) -> Any:
        return await self.rpc.call(node_uuid, call)

    async def finish(self, actions: Sequence[Action], result: Any = None) -> None:
        self._undos.clear()
        for action in actions:
            if isinstance(action, OnNode):
                await self._on_node(action)
            else:
                self.finished.append(action.compensation)
                wanted = action.compensation
                self._apply(lambda state, wanted=wanted: compensate(state, wanted))

    async def _on_node(self, action: OnNode) -> None:
        call = decode_call(action.call)
        self.finished.append((action.node_uuid, call))
        try:
            await self.rpc.call(action.node_uuid, call)
        except GanetiError as err:
            if not action.may_fail:
                raise OpExecError(f"{action.what}: {err}") from err
            self.warn(f"{action.what}: {err}")

    async def settle(self, stage: str, data: Any) -> None:
        raise AssertionError("no unit of these tests settles")

    async def run_hooks(self, hooks: HookPlan, phase: str, nodes: Sequence[str]) -> None:
        self.hooks_run.append((hooks.path, phase, tuple(nodes)))

    async def hook_results(
        self, hooks: HookPlan, phase: str, nodes: Sequence[str]
    ) -> dict[str, Any]:
        await self.run_hooks(hooks, phase, nodes)
        call = RunHooks(path=hooks.path, phase=HookPhase(phase), env=dict(hooks.env))
        return await self.rpc.call_all(nodes, call)

    def said(self) -> list[str]:
        """All lines of the log in order, those of lists among them."""
        return list(self._said)

    def log(self, message: str) -> None:
        self.lines.append(message)
        self._said.append(message)

    def info(self, message: str) -> None:
        self.log(f" - INFO: {message}")

    def warn(self, message: str) -> None:
        self.log(f" - WARNING: {message}")

    def log_entry(self, kind: str, message: Any) -> None:
        self.entries.append((kind, message))
        self._said += message if kind == "message-list" else []

    def cluster_files(self) -> dict[LogicalFile, str]:
        return self.files

    async def checkpoint(self) -> None:
        if self.canceled:
            raise JobCanceled("The job was canceled while it ran")

    def obtainable(self, wanted: LockRequest) -> LockRequest:
        return tuple(lock for lock in wanted if lock.name not in self.busy)

    async def shrink(self, keep: LockRequest) -> None:
        self.locks_held = keep

    async def undo(self) -> None:
        """Take back what was done, last step first, as the processor does."""
        for node, what in reversed(self._undos):
            if what is END:
                self.undone.append((node, END))
            elif isinstance(what, Call):
                self.undone.append((node, what))
            else:
                self.undone.append(what)
                self._apply(lambda state, what=what: compensate(state, what))


async def plan_unit(kind: Callable[..., Unit[Any, Any]], op: OpCode, job: FakeJob) -> Any:
    """Take the unit's locks and let it plan."""
    unit = kind(op, job)
    job.locks_held = unit.locks(job.snapshot())
    return await unit.plan()


async def run_unit(kind: Callable[..., Unit[Any, Any]], op: OpCode, job: FakeJob) -> Any:
    """Plan and execute; what fails is undone."""
    unit = kind(op, job)
    job.locks_held = unit.locks(job.snapshot())
    plan = await unit.plan()
    unit.hooks(plan)
    try:
        result = await unit.execute(plan)
    except Exception:
        await job.undo()
        raise
    unit.hooks_after(plan)
    return result
