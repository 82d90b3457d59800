"""Whom this node obeys: its durable role record, asked at every call."""

from __future__ import annotations

from ganeti.errors import StorageError
from ganeti.rpc.calls import Call, SetRole
from ganeti.rpc.envelope import Refusal, Refused
from ganeti.rpc.roles import (
    PeerIdentity,
    Role,
    RoleRecord,
    decode_role_record,
    encode_role_record,
    role_of,
)
from ganeti.store.nodestate import INodeState


class Roles:
    """
    The role record in force.

    Only the node's own role row is the truth; this decodes it once.
    """

    def __init__(self, state: INodeState) -> None:
        """@raise ParseError: the record in node.db cannot be read."""
        self._state = state
        row = state.role
        self.record: RoleRecord | None = None if row is None else decode_role_record(row.record)

    @property
    def term(self) -> int:
        """The term of the record; 0 without one."""
        return 0 if self.record is None else self.record.term

    def role_of(self, peer: PeerIdentity) -> Role:
        """The role of a caller, now."""
        return role_of(peer, self.record)

    def check(self, peer: PeerIdentity, call: Call[object], term: int) -> None:
        """
        @raise Refused: the caller may not send this call, or its term is not the node's.
        """
        role = self.role_of(peer)
        if role not in call.roles:
            raise Refused(Refusal.ROLE, f"a caller with role '{role}' may not do this")
        lowest = max(self.term, self._state.promised_term)
        if term < lowest:
            raise Refused(Refusal.TERM, f"term {term} is over: this node is in term {lowest}")
        if term > self.term and not isinstance(call, SetRole):
            raise Refused(
                Refusal.TERM, f"term {term} is not known here yet: this node is in term {self.term}"
            )

    async def replace(self, record: RoleRecord, term: int) -> None:
        """
        Obey C{record} from now on; it is durable when this returns.

        @param term: of the call that brings it.
        @raise Refused: the record belongs to another term, or would give the running term
            a second master.
        """
        if record.term != term:
            raise Refused(Refusal.TERM, f"a call of term {term} brings a record of {record.term}")
        known = self.record
        if known and known.term == record.term and known.master_uuid != record.master_uuid:
            raise Refused(Refusal.TERM, f"term {term} has another master already")
        await self._store(record)

    async def resign(self) -> None:
        """Obey nobody from now on, durably."""
        if self.record is not None:
            await self._store(RoleRecord(term=self.record.term, master_uuid="", master_digest=""))

    async def _store(self, record: RoleRecord) -> None:
        try:
            await self._state.set_role(record.term, encode_role_record(record))
        except StorageError:
            if record.term < self._state.promised_term:
                raise Refused(Refusal.TERM, f"term {record.term} is over") from None
            raise
        self.record = record
