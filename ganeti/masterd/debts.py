"""
Debts: what nodes still have to do because they could not be reached.

A debt is paid when its node answers, by a regular attempt or before the next
step of any job there. Until then its reservations stay.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ganeti.errors import GanetiError, OpExecError, StorageError
from ganeti.model.delta import Delete, Delta, Kind
from ganeti.model.recovery import Debt, UndoCall
from ganeti.model.state import State
from ganeti.rpc.calls import Call, EndRequest, decode_call
from ganeti.rpc.nodes import NodeRpc
from ganeti.store.commit import Store
from ganeti.store.reservations import ReservationTable, debt_owner
from ganeti.utils.aio import KeyedLock, gather

PAY_EVERY_S = 10.0

Request = tuple[Call[Any], str | None, str | None]


def undo_request(record: UndoCall) -> Request:
    """The call that undoes, its request id, and the request it ends first."""
    if record.call is UNSET:
        return EndRequest(request_id=record.undoes), None, None
    return decode_call(record.call), f"{record.undoes}/undo", record.undoes


def debt_request(debt: Debt) -> Request:
    """The call that pays C{debt}, its request id, and the request it ends first."""
    if isinstance(debt.action, UndoCall):
        return undo_request(debt.action)
    call = decode_call(debt.action.call)
    request_id = None if call.repeatable else f"{debt.job_id}/{debt.op}/debt/{debt.uuid}"
    return call, request_id, None


class Debts:
    """Pays debts, those of one node one after another."""

    log = Logger()

    def __init__(
        self, store: Store, rpc: NodeRpc, clock: IReactorTime, reservations: ReservationTable
    ) -> None:
        self._store = store
        self._rpc = rpc
        self._clock = clock
        self._reservations = reservations
        self._turns = KeyedLock()

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
            call, request_id, undoes = debt_request(debt)
            try:
                await self._rpc.call(debt.node_uuid, call, request_id=request_id, undoes=undoes)
            except GanetiError as err:
                raise OpExecError(
                    f"Node {node.name} has to finish what job {debt.job_id} left there first,"
                    f" and cannot: {err}"
                ) from err
        await self._store.commit(lambda state: _without(state, debt))
        self._reservations.release(debt_owner(debt.uuid))
        self.log.info("Node {node} paid a debt of job {job}", node=debt.node_uuid, job=debt.job_id)

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
