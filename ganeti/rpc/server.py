"""The side of a connection that takes calls."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IListeningPort,
    IPushProducer,
    IReactorTime,
)
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from ganeti.errors import GanetiError
from ganeti.rpc import limits
from ganeti.rpc.admission import Admission
from ganeti.rpc.broker import AsyncReferenceable, NodeBroker, RefusedByPeer
from ganeti.rpc.envelope import Refusal, build_refusal
from ganeti.rpc.keepalive import keep_alive
from ganeti.rpc.roles import PeerIdentity
from ganeti.rpc.tls import TlsOptions, peer_identity
from ganeti.utils.aio import Event, with_timeout

log = Logger()

_FLUSH_S = 2.0


class Callee(Protocol):
    """Who answers calls: noded's dispatcher."""

    def trusts(self, peer: PeerIdentity) -> bool:
        """Whether the peer holds an office now, so that large bodies are taken from it."""

    async def __call__(self, peer: PeerIdentity, body: bytes) -> bytes:
        """The answer to an encoded call; never raises."""


class _Perspective(AsyncReferenceable):
    """
    What one authenticated peer may do on one connection.

    A body up to C{CHUNK} comes with C{call}; a larger one in parts (C{send}), then
    C{call_sent} with the number of the transfer. An answer up to C{CHUNK} is bytes; of a larger
    one the answer is C{[number, size]}, and C{fetch} gives part after part.
    """

    METHODS = {
        "call": (bytes,),
        "send": (int, bytes),
        "call_sent": (int,),
        "fetch": (int,),
        "ping": (),
    }

    def __init__(self, peer: PeerIdentity, callee: Callee, brake: _Brake) -> None:
        self._peer = peer
        self._callee = callee
        self._brake = brake
        self._running = 0
        self._sent: dict[int, bytearray] = {}
        self._to_fetch: dict[int, memoryview] = {}
        self._answers = 0

    async def remote_call(self, body: bytes) -> bytes | list[int]:
        if self._running >= limits.CALLS:
            return build_refusal(Refusal.BUSY, f"{limits.CALLS} calls are under way")
        self._running += 1
        try:
            await self._brake.released()
            return self._in_parts(await self._callee(self._peer, body))
        finally:
            self._running -= 1

    async def remote_ping(self) -> bytes:
        """While a long call is under way: a sign of life."""
        return b""

    async def remote_send(self, transfer: int, part: bytes) -> int:
        if not self._callee.trusts(self._peer):
            raise RefusedByPeer("this node takes no calls from you")
        body = self._sent.get(transfer, bytearray())
        self._sent[transfer] = body
        if (
            len(body) + len(part) > limits.BODY_BYTES
            or self._kept() + len(part) > limits.TRANSFER_BYTES
            or len(self._sent) > limits.TRANSFERS
        ):
            del self._sent[transfer]
            raise RefusedByPeer("too much at once")
        body += part
        return len(body)

    async def remote_call_sent(self, transfer: int) -> bytes | list[int]:
        try:
            body = self._sent.pop(transfer)
        except KeyError:
            raise RefusedByPeer("nothing was sent under this number") from None
        return await self.remote_call(bytes(body))

    async def remote_fetch(self, number: int) -> bytes:
        try:
            rest = self._to_fetch.pop(number)
        except KeyError:
            raise RefusedByPeer("there is nothing to fetch under this number") from None
        if len(rest) > limits.CHUNK:
            self._to_fetch[number] = rest[limits.CHUNK :]
        return bytes(rest[: limits.CHUNK])

    def _in_parts(self, answer: bytes) -> bytes | list[int]:
        if len(answer) <= limits.CHUNK:
            return answer
        if self._kept() + len(answer) > limits.TRANSFER_BYTES:
            return build_refusal(Refusal.BUSY, "too many large answers are waiting")
        self._answers += 1
        self._to_fetch[self._answers] = memoryview(answer)
        return [self._answers, len(answer)]

    def _kept(self) -> int:
        return sum(map(len, self._sent.values())) + sum(map(len, self._to_fetch.values()))


class _Root(AsyncReferenceable):
    """The only object that a peer finds; its only method gives the perspective of who it is."""

    METHODS = {"open": ()}

    def __init__(self, broker: NodeBroker, callee: Callee, brake: _Brake) -> None:
        self._broker = broker
        self._callee = callee
        self._brake = brake
        self._perspective: _Perspective | None = None

    async def remote_open(self) -> _Perspective:
        if self._perspective is None:
            peer = peer_identity(self._broker.transport.getHandle())
            if not peer.uuid:
                raise RefusedByPeer("your certificate names no node")
            self._perspective = _Perspective(peer, self._callee, self._brake)
        return self._perspective


@implementer(IPushProducer)
class _Brake:
    """Takes no more calls from a peer that does not read its answers."""

    def __init__(self, broker: NodeBroker, clock: IReactorTime) -> None:
        self._broker = broker
        self._clock = clock
        self._deadline: IDelayedCall | None = None
        self._free = Event()
        self._free.set()

    def fit(self) -> None:
        """From now on the connection's buffer pulls the brake."""
        self._broker.transport.registerProducer(self, True)

    async def released(self) -> None:
        """Return when the peer reads; one that was woken before may have stopped it again."""
        while not self._free.is_set():
            await self._free.wait()

    def pauseProducing(self) -> None:
        if self._deadline is None:
            self._free.clear()
            self._broker.transport.pauseProducing()
            self._deadline = self._clock.callLater(limits.STALLED_S, self._give_up)

    def resumeProducing(self) -> None:
        if self._deadline is not None:
            self.release()
            self._broker.transport.resumeProducing()

    def stopProducing(self) -> None:
        self.release()

    def release(self) -> None:
        """Pull it no more: the peer reads, or is gone."""
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None
        self._free.set()

    def _give_up(self) -> None:
        log.warn("{peer} does not read its answers", peer=self._broker.peer_address())
        self._broker.transport.abortConnection()


class _ServerFactory(Factory):
    """Makes the broker of each accepted connection."""

    noisy = False
    unsafeTracebacks = False

    def __init__(self, callee: Callee, clock: IReactorTime) -> None:
        self._callee = callee
        self._clock = clock
        self._brakes: dict[NodeBroker, _Brake] = {}

    def buildProtocol(self, addr: IAddress | None) -> Any:
        broker = NodeBroker(False, self, self._admit, self._left)
        brake = self._brakes[broker] = _Brake(broker, self._clock)
        broker.setNameForLocal("root", _Root(broker, self._callee, brake))
        return broker

    def clientConnectionMade(self, broker: NodeBroker) -> None:
        """PB tells; there is nothing to do."""

    def _admit(self, broker: NodeBroker) -> None:
        broker.transport.transport.admit()
        keep_alive(broker.transport)
        self._brakes[broker].fit()

    def _left(self, broker: NodeBroker, reason: BaseException) -> None:
        self._brakes.pop(broker).release()

    def hang_up(self) -> None:
        """End all connections, once what is written is sent."""
        for broker in list(self._brakes):
            broker.transport.unregisterProducer()
            broker.transport.loseConnection()


class NodeServer:
    """Listens for calls to this node."""

    def __init__(self, reactor: Any, callee: Callee, options: TlsOptions) -> None:
        """@param reactor: provides IReactorTCP and IReactorTime."""
        self._reactor = reactor
        self._factory = _ServerFactory(callee, reactor)
        tls = TLSMemoryBIOFactory(options, False, self._factory, reactor)
        tls.noisy = False
        self._admission = Admission(tls, reactor)
        self._admission.noisy = False
        self._port: IListeningPort | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._port is not None
        address: Any = self._port.getHost()
        return int(address.port)

    async def listen(self, host: str, port: int) -> None:
        """
        @param port: 0 takes a free one.
        @raise GanetiError: the address cannot be listened on.
        """
        kind: Any = TCP6ServerEndpoint if ":" in host else TCP4ServerEndpoint
        try:
            self._port = await kind(self._reactor, port, interface=host).listen(self._admission)
        except CannotListenError as err:
            why = getattr(err.socketError, "strerror", None) or str(err.socketError)
            raise GanetiError(f"Cannot listen on {host} port {port}: {why}") from err

    async def close(self) -> None:
        """Listen no more, and break all connections when what was answered is sent."""
        if self._port is not None:
            port, self._port = self._port, None
            await maybeDeferred(port.stopListening)
        for connection in list(self._admission.handshakes):
            connection.abortConnection()
        self._factory.hang_up()
        if not await self._all_gone(_FLUSH_S):
            for connection in self._admission.connections():
                connection.abortConnection()
            await self._all_gone(_FLUSH_S)

    async def _all_gone(self, limit_s: float) -> bool:
        try:
            await with_timeout(self._admission.empty(), limit_s, self._reactor, _StillThere())
        except _StillThere:
            return False
        return True


class _StillThere(GanetiError):
    """Connections that do not end."""
