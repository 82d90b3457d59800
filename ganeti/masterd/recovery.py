"""
Recovery records at work: undo what failed, complete what is past its point of no return.

The same code runs when a step fails and after a restart of this daemon. Every
action is idempotent, so an interrupted recovery starts over. What an
unreachable node cannot do now becomes its debt.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from msgspec.structs import replace
from twisted.internet.interfaces import IReactorTime

from ganeti.errors import (
    GanetiError,
    NodeTimeout,
    NodeUnreachable,
    OpExecError,
    RemoteFailure,
    RpcError,
    StorageError,
)
from ganeti.masterd.debts import undo_request
from ganeti.masterd.jobs import ActiveJob, Change, Jobs
from ganeti.model.compensation import compensate
from ganeti.model.delta import Delta, put
from ganeti.model.job import Job
from ganeti.model.recovery import Debt, Finish, InConfig, OnNode, UndoCall, UndoConfig
from ganeti.model.state import State
from ganeti.rpc.calls import decode_call
from ganeti.rpc.nodes import NodeRpc
from ganeti.store.commit import Store
from ganeti.utils.aio import sleep
from ganeti.utils.randomness import Randomness

RETRY_EVERY_S = 1.0
OWED_TEXT = "; the operation is brought to its end as soon as the node answers"

Say = Callable[[str], None]


@dataclass
class Outcome:
    """
    What a recovery leaves.

    @ivar debts: what nodes still have to do.
    @ivar failures: one line each, for the job's result.
    """

    debts: list[Debt] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


class FinishFailed(OpExecError):
    """An action past the point of no return was refused; C{debts} has what is still to be done."""

    def __init__(self, message: str, debts: list[Debt]) -> None:
        super().__init__(message)
        self.debts = debts


class Recoverer:
    """Carries recovery records out."""

    def __init__(
        self, store: Store, jobs: Jobs, rpc: NodeRpc, clock: IReactorTime, random: Randomness
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._rpc = rpc
        self._clock = clock
        self._random = random

    # -- backward

    async def undo(self, active: ActiveJob, index: int) -> Outcome:
        """Take back what opcode C{index} did, last step first; one failure stops no other."""
        outcome = Outcome()
        records = [record for record in active.job.recovery if record.op == index]
        for record in reversed(records):
            if isinstance(record, UndoCall):
                await self._undo_call(active, record, outcome)
            elif isinstance(record, UndoConfig):
                await self._undo_config(record, outcome)
        return outcome

    async def _undo_call(self, active: ActiveJob, record: UndoCall, outcome: Outcome) -> None:
        active.nodes.add(record.node_uuid)
        try:
            await self._patiently(active, lambda: self._send_undo(record))
        except RpcError as err:
            outcome.failures.append(str(err))
            self._owe(active.job, record, record.node_uuid, str(err), outcome.debts)
        except GanetiError as err:
            outcome.failures.append(f"{record.undoes} could not be undone: {err}")

    async def _send_undo(self, record: UndoCall) -> None:
        call, request_id, undoes = undo_request(record)
        await self._rpc.call(record.node_uuid, call, request_id=request_id, undoes=undoes)

    async def _undo_config(self, record: UndoConfig, outcome: Outcome) -> None:
        while True:
            try:
                await self._store.commit(lambda state: compensate(state, record.compensation))
                return
            except StorageError:
                await self._store.when_writable()
            except GanetiError as err:
                outcome.failures.append(f"The configuration could not be changed back: {err}")
                return

    # -- forward

    async def complete(self, active: ActiveJob, finish: Finish, say: Say) -> None:
        """
        Do the actions of C{finish} that are not done, in order.

        @raise FinishFailed: one was refused, and those behind it were not begun; or its node
            was lost on the way, and owes it and those behind it.
        """
        debts: list[Debt] = []
        for place in range(finish.done, len(finish.actions)):
            action = finish.actions[place]
            if isinstance(action, InConfig):
                await self._change_config(active, replace(finish, done=place + 1), action, debts)
                debts = []
            else:
                await self._act(active, finish, place, action, debts, say)
        if debts:
            await self._save(active, active.job, lambda _: tuple(map(put, debts)))

    async def _change_config(
        self, active: ActiveJob, progress: Finish, action: InConfig, debts: list[Debt]
    ) -> None:
        """Change, progress and debts in one commit."""
        records = tuple(
            progress if isinstance(r, Finish) and r.op == progress.op else r
            for r in active.job.recovery
        )
        job = replace(active.job, recovery=records)

        def change(state: State) -> Delta:
            return (*compensate(state, action.compensation), *map(put, debts))

        await self._save(active, job, change)

    async def _save(self, active: ActiveJob, job: Job, change: Change) -> None:
        """Past the point of no return one has to wait until it can be written."""
        while True:
            try:
                await self._jobs.save(active, job, change)
                return
            except StorageError:
                await self._store.when_writable()

    async def _act(
        self,
        active: ActiveJob,
        finish: Finish,
        place: int,
        action: OnNode,
        debts: list[Debt],
        say: Say,
    ) -> None:
        request_id = f"{active.job.id}/{finish.op}/{finish.step}/{place}"
        if action.may_fail and self._is_offline(action.node_uuid):
            if action.owed:
                text = f"{action.what}: the node is offline"
                self._owe(active.job, action, action.node_uuid, text, debts, op=finish.op)
            return
        active.nodes.add(action.node_uuid)
        try:
            await self._patiently(active, lambda: self._send_action(action, request_id, say))
        except RpcError as err:
            text = f"{action.what}: {err}" if action.what else str(err)
            if not action.may_fail:
                unknown = not isinstance(err, RemoteFailure) and (err.lost or place > 0)
                if action.owed and unknown:
                    rest = replace(finish, done=place)
                    self._owe(active.job, rest, action.node_uuid, text, debts)
                    text += OWED_TEXT if debts else ""
                raise FinishFailed(text, debts) from err
            say(text)
            if action.owed and not isinstance(err, RemoteFailure):
                self._owe(active.job, action, action.node_uuid, text, debts, op=finish.op)

    def _is_offline(self, node_uuid: str) -> bool:
        node = self._store.committed.config.nodes.get(node_uuid)
        return node is not None and node.offline

    async def _send_action(self, action: OnNode, request_id: str, say: Say) -> None:
        call = decode_call(action.call)
        await self._rpc.call(
            action.node_uuid,
            call,
            request_id=None if call.repeatable else request_id,
            on_line=say,
        )

    # -- both

    async def _patiently(self, active: ActiveJob, send: Callable[[], Awaitable[None]]) -> None:
        """After a start an unreachable node is asked again for a while: it may be starting, too."""
        while True:
            try:
                return await send()
            except (NodeUnreachable, NodeTimeout):
                if self._clock.seconds() >= active.patient_until:
                    raise
            await sleep(self._clock, RETRY_EVERY_S)

    def _owe(
        self,
        job: Job,
        action: UndoCall | OnNode | Finish,
        node_uuid: str,
        reason: str,
        debts: list[Debt],
        op: int | None = None,
    ) -> None:
        """Note what the node still has to do; a node that left the cluster owes nothing."""
        if node_uuid not in self._store.committed.config.nodes:
            return
        debts.append(
            Debt(
                uuid=self._random.uuid(),
                node_uuid=node_uuid,
                job_id=job.id,
                op=op or 0 if isinstance(action, OnNode) else action.op,
                reason=reason,
                created=int(self._clock.seconds() * 1e9) + len(debts),
                action=action,
            )
        )
