"""
Debts: what nodes still have to do because they could not be reached.

A debt is paid when its node answers, by a regular attempt or before the next
step of any job there. Until then its reservations stay.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ganeti.errors import OpExecError, RemoteFailure, RpcError, StorageError
from ganeti.model.compensation import compensate
from ganeti.model.delta import Delete, Delta, Kind, put
from ganeti.model.recovery import Debt, Finish, InConfig, OnNode, UndoCall
from ganeti.model.state import State
from ganeti.rpc.calls import Call, EndRequest, decode_call
from ganeti.rpc.nodes import NodeRpc
from ganeti.store.commit import Store
from ganeti.store.reservations import ReservationTable, debt_owner
from ganeti.utils.aio import KeyedLock, gather

Request = tuple[Call[Any], str | None, str | None]


def undo_request(record: UndoCall) -> Request:
    """The call that undoes, its request id, and the request it ends first."""
    if record.call is UNSET:
        return EndRequest(request_id=record.undoes), None, None
    return decode_call(record.call), f"{record.undoes}/undo", record.undoes


def action_request(action: OnNode, request_id: str) -> Request:
    """The call of part of a finish; C{request_id} when it needs one."""
    call = decode_call(action.call)
    return call, None if call.repeatable else request_id, None


def nodes_of(debt: Debt) -> frozenset[str]:
    """Nodes that payment sends something to, or has sent."""
    actions = debt.action.actions if isinstance(debt.action, Finish) else ()
    others = (action.node_uuid for action in actions if isinstance(action, OnNode))
    return frozenset({debt.node_uuid, *others})


class Debts:
    """
    Pays debts, those of one node one after another.

    @ivar paid: called with each that is paid.
    """

    log = Logger()

    def __init__(
        self, store: Store, rpc: NodeRpc, clock: IReactorTime, reservations: ReservationTable
    ) -> None:
        self._store = store
        self._rpc = rpc
        self._clock = clock
        self._reservations = reservations
        self._turns = KeyedLock()
        self.paid: Callable[[Debt], None] = lambda debt: None

    def jobs_of(self, node_uuid: str) -> frozenset[int]:
        """The jobs of which there is still something to do on the node."""
        debts = self._store.committed.debts.values()
        return frozenset(debt.job_id for debt in debts if node_uuid in nodes_of(debt))

    def of_node(self, node_uuid: str) -> list[Debt]:
        """What the node owes, in the order in which it has to be done."""
        debts = self._store.committed.debts.values()
        return sorted((d for d in debts if d.node_uuid == node_uuid), key=lambda d: d.created)

    async def pay(self, node_uuid: str) -> None:
        """
        Let the node do what it owes; nothing is fine.

        @raise OpExecError: it cannot, so it must not be given anything new to do.
        """
        if not self._store.committed.debts:
            return
        async with self._turns.hold(node_uuid):
            for debt in self.of_node(node_uuid):
                await self._pay_one(debt)

    async def _pay_one(self, debt: Debt) -> None:
        node = self._store.committed.config.nodes.get(debt.node_uuid)
        if node is not None:
            try:
                await self._do(debt)
            except RpcError as err:
                raise OpExecError(
                    f"Node {node.name} has to finish what job {debt.job_id} left there first,"
                    f" and cannot: {err}"
                ) from err
        await self._store.commit(lambda state: _without(state, debt))
        self._reservations.release(debt_owner(debt.uuid))
        self.log.info("Node {node} paid a debt of job {job}", node=debt.node_uuid, job=debt.job_id)
        self.paid(debt)

    async def _do(self, debt: Debt) -> None:
        match debt.action:
            case UndoCall() as undo:
                call, request_id, undoes = undo_request(undo)
                request = call, request_id and self._anew(request_id), undoes
                await self._send(debt.node_uuid, request)
            case OnNode() as action:
                request_id = self._anew(f"{debt.job_id}/{debt.op}/debt/{debt.uuid}")
                await self._send(debt.node_uuid, action_request(action, request_id))
            case Finish() as rest:
                await self._finish(debt, rest)

    def _anew(self, request_id: str) -> str:
        """Nodes keep failures, too: what failed once is only tried again under another id."""
        return f"{request_id}/{int(self._clock.seconds() * 1000)}"

    async def _send(self, node_uuid: str, request: Request) -> None:
        call, request_id, undoes = request
        await self._rpc.call(node_uuid, call, request_id=request_id, undoes=undoes)

    async def _finish(self, debt: Debt, rest: Finish) -> None:
        """Bring an operation to its end; what a node refuses now ends it where it is."""
        for place in range(rest.done, len(rest.actions)):
            action = rest.actions[place]
            if isinstance(action, InConfig):
                await self._change_config(debt, replace(rest, done=place + 1), action)
                continue
            request_id = f"{debt.job_id}/{rest.op}/{rest.step}/{place}"
            try:
                await self._send(action.node_uuid, action_request(action, request_id))
            except RemoteFailure as err:
                self.log.warn("Job {job} stays unfinished: {reason}", job=debt.job_id, reason=err)
                if not action.may_fail:
                    return

    async def _change_config(self, debt: Debt, progress: Finish, action: InConfig) -> None:
        def change(state: State) -> Delta:
            if debt.uuid not in state.debts:  # the node left the cluster, and its debts with it
                return ()
            paid = replace(debt, action=progress)
            return (*compensate(state, action.compensation), put(paid))

        await self._store.commit(change)

    async def try_all(self) -> None:
        """One attempt at every node that owes something and is not marked offline."""
        state, config = self._store.committed, self._store.committed.config
        owing = {debt.node_uuid for debt in state.debts.values()}
        away = {uuid for uuid in owing if (node := config.nodes.get(uuid)) and node.offline}
        nodes = owing - away
        await gather([self._try(node_uuid) for node_uuid in sorted(nodes)])

    async def _try(self, node_uuid: str) -> None:
        try:
            await self.pay(node_uuid)
        except CancelledError:
            raise
        except (OpExecError, StorageError) as err:
            self.log.debug("{node}: {reason}", node=node_uuid, reason=err)


def _without(state: State, debt: Debt) -> Delta:
    return (Delete(kind=Kind.DEBT, uuid=debt.uuid),) if debt.uuid in state.debts else ()
