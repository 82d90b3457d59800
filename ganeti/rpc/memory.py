"""A network in memory, whose faults are told to it: for tests and simulation."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from ganeti.errors import NodeRefused, NodeTimeout, NodeUnreachable
from ganeti.rpc.roles import PeerIdentity
from ganeti.rpc.server import Callee
from ganeti.rpc.transport import AddressBook, INodeTransport, NodeAddress
from ganeti.utils.aio import Event, sleep, with_timeout


class Trouble(StrEnum):
    """What may happen to a message."""

    LOSE_MESSAGE = "lose-message"
    """It never arrives; the sender only sees that the connection broke."""
    LOSE_ANSWER = "lose-answer"
    """It is answered, and the connection breaks before the answer is there."""
    HANG = "hang"
    """It is answered, and the answer takes for ever."""
    DELAY = "delay"
    """It arrives late."""


@dataclass
class Fault:
    """
    Trouble for the next C{count} messages that fit.

    @ivar node_uuid: to which node; empty: any.
    @ivar call: the call's tag; empty: any.
    @ivar skip: messages that fit and still get through before.
    """

    trouble: Trouble
    node_uuid: str = ""
    call: str = ""
    count: int = 1
    skip: int = 0
    delay_s: float = 0.0

    def strikes(self, node_uuid: str, body: bytes) -> bool:
        """Whether it is this message's turn; counts."""
        if self.count <= 0 or (self.node_uuid and self.node_uuid != node_uuid):
            return False
        if self.call and f'"call":"{self.call}"'.encode() not in body:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.count -= 1
        return True


_NO_FAULT = Fault(Trouble.DELAY)


@dataclass
class MemoryNetwork:
    """
    The nodes that can be reached, and what goes wrong.

    @ivar callees: by the node's address (host).
    @ivar uuids: who is at an address, by its certificate.
    @ivar latency_s: for each message and each answer.
    """

    clock: IReactorTime
    callees: dict[str, Callee] = field(default_factory=dict)
    uuids: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    latency_s: float = 0.0
    _lines: dict[str, set[_Line]] = field(default_factory=dict)

    def attach(self, host: str, node_uuid: str, callee: Callee) -> None:
        """A node's daemon serves at C{host}."""
        self.callees[host] = callee
        self.uuids[host] = node_uuid

    def detach(self, host: str) -> None:
        """It does not any more; connections to it break."""
        self.callees.pop(host, None)
        for line in list(self._lines.pop(host, ())):
            line.break_off()

    async def carry(
        self, sender: PeerIdentity, address: NodeAddress, body: bytes, line: _Line
    ) -> bytes:
        """The answer to one message; raises as L{INodeTransport.send} does."""
        if address.host not in self.callees:
            raise NodeUnreachable(address.name, "nothing listens there")
        if address.uuid not in ("", self.uuids[address.host]):
            raise NodeRefused(address.name, f"another node answers at {address.host}")
        lines = self._lines.setdefault(address.host, set())
        lines.add(line)
        try:
            await self._exchange(sender, address, body, line)
        finally:
            lines.discard(line)
        if line.answer is None or line.broken:
            raise NodeUnreachable(address.name, "the connection was lost", lost=True)
        return line.answer

    async def _exchange(
        self, sender: PeerIdentity, address: NodeAddress, body: bytes, line: _Line
    ) -> None:
        fault = next((f for f in self.faults if f.strikes(address.uuid, body)), _NO_FAULT)
        await self._wait(self.latency_s + fault.delay_s)
        callee = self.callees.get(address.host)
        if callee is None or line.broken or fault.trouble is Trouble.LOSE_MESSAGE:
            return
        line.deliver(callee, sender, body)
        await line.settled.wait()
        if fault.trouble is Trouble.HANG and not line.broken:
            line.settled.clear()
            await line.settled.wait()
        await self._wait(self.latency_s)
        if fault.trouble is Trouble.LOSE_ANSWER:
            line.break_off()

    async def _wait(self, seconds: float) -> None:
        if seconds > 0:
            await sleep(self.clock, seconds)


class _Line:
    """One message: the node goes on with it when the sender does not wait any more."""

    def __init__(self) -> None:
        self.answer: bytes | None = None
        self.broken = False
        self.settled = Event()  # answered, or broken

    def deliver(self, callee: Callee, sender: PeerIdentity, body: bytes) -> None:
        Deferred.fromCoroutine(callee(sender, body)).addCallback(self._answered)

    def _answered(self, answer: bytes) -> None:
        self.answer = answer
        self.settled.set()

    def break_off(self) -> None:
        self.broken = True
        self.settled.set()


@implementer(INodeTransport)
class MemoryTransport:
    """INodeTransport over a L{MemoryNetwork}, for one sender."""

    def __init__(self, network: MemoryNetwork, identity: PeerIdentity, book: AddressBook) -> None:
        self._network = network
        self._identity = identity
        self._book = book
        self._lines: set[_Line] = set()

    async def send(self, node_uuid: str, body: bytes, timeout_s: float) -> bytes:
        address = self._book(node_uuid)
        if address is None:
            raise NodeUnreachable(node_uuid, "the cluster has no such node")
        return await self.send_to(address, body, timeout_s)

    async def send_to(self, address: NodeAddress, body: bytes, timeout_s: float) -> bytes:
        late = NodeTimeout(address.name, f"no answer within {timeout_s:g} s")
        line = _Line()
        self._lines.add(line)
        try:
            carrying = self._network.carry(self._identity, address, body, line)
            return await with_timeout(carrying, timeout_s, self._network.clock, late)
        finally:
            self._lines.discard(line)

    async def close(self) -> None:
        for line in list(self._lines):
            line.break_off()
