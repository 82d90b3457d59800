"""What a unit may touch while its opcode runs (C{operations.unit.JobContext})."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime

from ganeti.errors import GanetiError, JobCanceled, ProgrammerError, RemoteFailure
from ganeti.masterd.allocators import Allocators
from ganeti.masterd.debts import Debts
from ganeti.masterd.hooks import Answers, HookRunner, hooks_request_id
from ganeti.masterd.joblog import LogBook
from ganeti.masterd.jobs import ActiveJob, Change, Jobs
from ganeti.masterd.locks import LockManager
from ganeti.masterd.locktable import locks_from_held, wanted_from_locks
from ganeti.masterd.recovery import Recoverer
from ganeti.model import codec
from ganeti.model.delta import Delta
from ganeti.model.job import Job
from ganeti.model.locks import HeldLock
from ganeti.model.recovery import (
    Action,
    Compensation,
    Finish,
    OnNode,
    Recovery,
    Settle,
    UndoCall,
    UndoConfig,
)
from ganeti.model.reservation import Reservation, ReservationKind
from ganeti.model.state import State
from ganeti.operations.allocators.interface import IInstanceAllocator
from ganeti.operations.unit import END, HookPlan, NameResolver, NodeCalls
from ganeti.paths import Paths
from ganeti.rpc.calls import Call, LogicalFile, encode_call
from ganeti.rpc.nodes import NodeRpc
from ganeti.rpc.transport import NodeAddress
from ganeti.store.commit import Store
from ganeti.store.reservations import ReservationTable, job_owner
from ganeti.utils.randomness import Randomness

R = TypeVar("R")


@dataclass(kw_only=True, frozen=True)
class Services:
    """What the parts of the master daemon that run jobs share."""

    store: Store
    jobs: Jobs
    logs: LogBook
    locks: LockManager
    reservations: ReservationTable
    rpc: NodeRpc
    noded_port: int
    debts: Debts
    recoverer: Recoverer
    hooks: HookRunner
    resolver: NameResolver
    paths: Paths
    clock: IReactorTime
    random: Randomness
    forget: Callable[[ActiveJob], None]
    files: Callable[[], dict[LogicalFile, str]]
    allocators: Allocators

    def now_ns(self) -> int:
        return int(self.clock.seconds() * 1e9)


class Reads:
    """Node calls that change nothing."""

    def __init__(self, rpc: NodeRpc, port: int) -> None:
        self._rpc = rpc
        self._port = port

    def call(self, node_uuid: str, call: Call[R]) -> Awaitable[R]:
        return self._rpc.call(node_uuid, _read(call))

    def call_at(self, name: str, ip: str, call: Call[R], uuid: str = "") -> Awaitable[R]:
        return self._rpc.call_at(NodeAddress(uuid, name, ip, self._port), call)

    def call_all(
        self, nodes: Iterable[str], call: Call[R]
    ) -> Awaitable[dict[str, R | GanetiError]]:
        return self._rpc.call_all(nodes, _read(call))


def _read(call: Call[R]) -> Call[R]:
    if call.changes:
        raise ProgrammerError(f"{type(call).__name__} changes something: it must be a step")
    return call


class Context:
    """One opcode's context; the unit sees only what C{JobContext} names."""

    def __init__(self, services: Services, active: ActiveJob, index: int) -> None:
        self._s = services
        self._active = active
        self._steps = max((r.step for r in active.job.recovery if r.op == index), default=0)
        self._finished = False
        self.id = active.job.id
        self.op_index = index
        self.clock = services.clock
        self.random = services.random
        self.rpc: NodeCalls = Reads(services.rpc, services.noded_port)
        self.resolver = services.resolver
        self.paths = services.paths
        self.iallocator: IInstanceAllocator = services.allocators.for_job(self.id, self.consult)
        self.changed_config = False

    # -- looking and saying

    @property
    def locks_held(self) -> tuple[HeldLock, ...]:
        return locks_from_held(self._s.locks.held(self.id))

    def snapshot(self) -> State:
        return self._s.store.committed

    def log(self, message: str) -> None:
        self._s.logs.add(self.id, self.op_index, message)

    def info(self, message: str) -> None:
        self.log(f" - INFO: {message}")

    def warn(self, message: str) -> None:
        self.log(f" - WARNING: {message}")

    def log_entry(self, kind: str, message: Any) -> None:
        self._s.logs.add(self.id, self.op_index, message, kind)

    def cluster_files(self) -> dict[LogicalFile, str]:
        return self._s.files()

    async def checkpoint(self) -> None:
        self.check_canceled()

    def check_canceled(self) -> None:
        """@raise JobCanceled: somebody asked for the job's end."""
        if self._active.cancel_asked:
            raise JobCanceled("The job was canceled while it ran")

    # -- keeping others out

    def reserve(self, *reservations: Reservation) -> None:
        table = self._s.reservations
        table.reserve(job_owner(self.id), reservations)
        job = self._active.job
        self._active.job = replace(job, reservations=table.held(job_owner(self.id)))

    def reserved(self, kind: ReservationKind, node_uuid: str) -> int:
        own = self._s.reservations.held(job_owner(self.id))
        mine = sum(r.amount for r in own if r.kind is kind and r.node_uuid == node_uuid)
        return self._s.reservations.amount(kind, node_uuid) - mine

    def obtainable(self, wanted: Sequence[HeldLock]) -> tuple[HeldLock, ...]:
        return locks_from_held(self._s.locks.obtainable(wanted_from_locks(wanted)))

    async def shrink(self, keep: Sequence[HeldLock]) -> None:
        self._s.locks.shrink(self.id, wanted_from_locks(keep))
        job = replace(self._active.job, locks=self.locks_held)
        if self._active.stored_running:
            await self._save(job)
        else:
            self._s.jobs.show(self._active, job)

    # -- changing

    async def commit(self, change: Change, undo: Compensation | None = None) -> State:
        self.check_canceled()
        records: tuple[Recovery, ...] = ()
        if undo is not None:
            records = (UndoConfig(op=self.op_index, step=self._next_step(), compensation=undo),)
        return await self._record(records, self._noticed(change))

    async def conclude(self, change: Change, result: Any = None) -> State:
        self.check_canceled()
        plain = codec.to_builtins(result)
        record = Finish(op=self.op_index, step=self._next_step(), actions=(), result=plain)
        with self._active.protect():
            others = tuple(r for r in self._active.job.recovery if r.op != self.op_index)
            job = replace(self._active.job, recovery=(*others, record))
            state = await self._save(job, self._noticed(change))
            self._finished = True
        return state

    def _noticed(self, change: Change) -> Change:
        """C{change}, which notices whether the configuration changes."""

        def noticed(state: State) -> Delta:
            delta = change(state)
            self.changed_config = self.changed_config or bool(delta)
            return delta

        return noticed

    async def step(self, node_uuid: str, call: Call[R], undo: Any = None) -> R:
        self.check_canceled()
        if self._finished:
            raise ProgrammerError("A step after the point of no return must be part of finish()")
        await self._s.debts.pay(node_uuid)
        step = self._next_step()
        request_id = f"{self.id}/{self.op_index}/{step}"
        if undo is not None:
            encoded = msgspec.UNSET if undo is END else msgspec.Raw(encode_call(undo))
            record = UndoCall(
                op=self.op_index, step=step, node_uuid=node_uuid, undoes=request_id, call=encoded
            )
            await self._record((record,))
        elif not self._active.stored_running:
            await self._record(())
        return await self._send(node_uuid, call, request_id)

    async def _send(self, node_uuid: str, call: Call[R], request_id: str) -> R:
        if call.repeatable:
            return await self._s.rpc.call(node_uuid, call)
        self._active.nodes.add(node_uuid)
        try:
            return await self._s.rpc.call(node_uuid, call, request_id=request_id, on_line=self.log)
        except CancelledError:
            self.check_canceled()
            raise

    async def consult(self, node_uuid: str, call: Call[R]) -> R:
        request_id = f"{self.id}/{self.op_index}/{self._next_step()}"
        record = UndoCall(
            op=self.op_index, step=self._steps, node_uuid=node_uuid, undoes=request_id
        )
        acts = self._active.stored_running
        await self._record((record,))
        try:
            answer = await self._send(node_uuid, call, request_id)
        except RemoteFailure:
            self._forget(record, acts)
            raise
        self._forget(record, acts)
        return answer

    def _forget(self, record: UndoCall, acts: bool) -> None:
        """What was asked has ended; the next step stores that, and the job as it is then."""
        job = self._active.job
        left = tuple(each for each in job.recovery if each != record)
        self._active.job = replace(job, recovery=left)
        self._active.stored_running = acts

    async def finish(self, actions: Sequence[Action], result: Any = None) -> None:
        self.check_canceled()
        for node_uuid in {a.node_uuid for a in actions if isinstance(a, OnNode) and not a.may_fail}:
            await self._s.debts.pay(node_uuid)
        self._finished = True
        record = Finish(
            op=self.op_index, step=self._next_step(), actions=tuple(actions), result=result
        )
        with self._active.protect():
            self.changed_config = True
            others = tuple(r for r in self._active.job.recovery if r.op != self.op_index)
            await self._save(replace(self._active.job, recovery=(*others, record)))
            await self._s.recoverer.complete(self._active, record, self.warn)

    async def settle(self, stage: str, data: Any) -> None:
        self.check_canceled()
        step = self._next_step()
        await self._record((Settle(op=self.op_index, step=step, stage=stage, data=data),))

    async def run_pre_hooks(self, hooks: HookPlan) -> None:
        """
        Run the scripts before the operation.

        They are effects already: what runs of them when this daemon dies is ended, not run again.
        """
        if not hooks.pre_nodes:
            return
        request_id = hooks_request_id(self.id, self.op_index, hooks.path, "pre")
        step = self._next_step()
        await self._record(
            tuple(
                UndoCall(op=self.op_index, step=step, node_uuid=uuid, undoes=request_id)
                for uuid in hooks.pre_nodes
            )
        )
        await self.run_hooks(hooks, "pre", hooks.pre_nodes)
        job = self._active.job
        ended = tuple(r for r in job.recovery if r.op != self.op_index)
        self._active.job = replace(job, recovery=ended)

    async def run_hooks(
        self,
        hooks: HookPlan,
        phase: str,
        nodes: Sequence[str],
        after: Mapping[str, str] | None = None,
    ) -> None:
        active, index = self._active, self.op_index
        await self._s.hooks.run(active, index, hooks, phase, nodes, self.warn, after)

    async def hook_results(self, hooks: HookPlan, phase: str, nodes: Sequence[str]) -> Answers:
        if not self._active.stored_running:
            await self._record(())
        return await self._s.hooks.ask(self._active, self.op_index, hooks, phase, nodes)

    def _next_step(self) -> int:
        self._steps += 1
        return self._steps

    async def _record(
        self, records: tuple[Recovery, ...], change: Callable[[State], Delta] | None = None
    ) -> State:
        """Store recovery records, the job's state with them, and C{change}, in one commit."""
        job = self._active.job
        with self._active.protect():
            state = await self._save(replace(job, recovery=(*job.recovery, *records)), change)
        self.check_canceled()
        return state

    async def _save(self, job: Job, change: Change | None = None) -> State:
        state = await self._s.jobs.save(self._active, job, change)
        self._active.stored_running = True
        return state
