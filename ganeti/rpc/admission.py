"""Who gets as far as TLS: limits on connections that nobody has authenticated yet."""

from __future__ import annotations

from collections import Counter
from typing import Any

from twisted.internet.interfaces import IAddress, IProtocolFactory, IReactorTime
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure

from ganeti.rpc import limits
from ganeti.utils.aio import Condition

log = Logger()

# Untyped in Twisted.
_Wrapper: Any = ProtocolWrapper
_Factory: Any = WrappingFactory


class Guarded(_Wrapper):  # type: ignore[misc]
    """A connection, below TLS: until C{admit} it has little time and few bytes."""

    factory: Admission

    def __init__(self, factory: Admission, wrapped: Protocol, address: str) -> None:
        super().__init__(factory, wrapped)
        self.address = address
        self._admitted = False
        self._seen = 0
        self._deadline: Any = None

    def connectionMade(self) -> None:
        self._deadline = self.factory.clock.callLater(limits.HANDSHAKE_S, self._late)
        super().connectionMade()

    def _late(self) -> None:
        log.info("{address} did not finish its handshake in time", address=self.address)
        self.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        if not self._admitted:
            self._seen += len(data)
            if self._seen > limits.HANDSHAKE_BYTES:
                log.warn("{address} sent too much before its handshake", address=self.address)
                self.abortConnection()
                return
        super().dataReceived(data)

    def admit(self) -> None:
        """The peer is authenticated."""
        self._admitted = True
        self._stop_waiting()

    def connectionLost(self, reason: Failure) -> None:
        self._stop_waiting()
        super().connectionLost(reason)
        self.factory.left(self)

    def _stop_waiting(self) -> None:
        self.factory.handshakes.pop(self, None)
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()


class Admission(_Factory):  # type: ignore[misc]
    """Counts connections, and lets in no more than the limits say."""

    def __init__(self, wrapped: IProtocolFactory, clock: IReactorTime) -> None:
        super().__init__(wrapped)
        self.clock = clock
        self.handshakes: dict[Guarded, None] = {}  # in order of arrival
        self._by_address: Counter[str] = Counter()
        self._connections: set[Guarded] = set()
        self._left = Condition()

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        address = str(getattr(addr, "host", "?"))
        if self._by_address[address] >= limits.CONNECTIONS_PER_ADDRESS:
            log.debug("{address} has too many connections", address=address)
            return None
        if len(self.handshakes) >= limits.HANDSHAKES:
            self._give_up(next(iter(self.handshakes)))
        guarded = Guarded(self, self.wrappedFactory.buildProtocol(addr), address)
        self._by_address[address] += 1
        self._connections.add(guarded)
        self.handshakes[guarded] = None
        return guarded

    def _give_up(self, oldest: Guarded) -> None:
        del self.handshakes[oldest]
        oldest.abortConnection()

    def left(self, guarded: Guarded) -> None:
        """A connection is over."""
        self._by_address[guarded.address] -= 1
        if not self._by_address[guarded.address]:
            del self._by_address[guarded.address]
        self._connections.discard(guarded)
        self._left.notify_all()

    def connections(self) -> list[Guarded]:
        """Those that are open."""
        return list(self._connections)

    async def empty(self) -> None:
        """Return when there are none."""
        while self._connections:
            await self._left.wait()
