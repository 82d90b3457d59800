"""The side of a connection that calls: one connection per node, made when it is needed."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from ganeti.errors import NodeRefused, NodeTimeout, NodeUnreachable, RpcError
from ganeti.rpc import limits
from ganeti.rpc.broker import BrokenProtocol, ConnectionGone, Reference, RefusedByPeer
from ganeti.rpc.dialing import Dialer
from ganeti.rpc.pulse import Pulse
from ganeti.rpc.tls import TlsOptions
from ganeti.rpc.transport import AddressBook, INodeTransport, NodeAddress
from ganeti.utils.aio import Event, with_timeout

log = Logger()

_QUICK_S = 0.25
_LONGEST_REST_S = 5.0
_HANGS = "its daemon does not answer"


@implementer(INodeTransport)
class PbTransport:
    """INodeTransport over TLS, for whoever holds a certificate of the cluster."""

    def __init__(
        self, reactor: Any, options: TlsOptions, book: AddressBook, source_ip: str = ""
    ) -> None:
        """
        @param reactor: provides IReactorTCP and IReactorTime.
        @param source_ip: the address that connections come from; empty: the kernel's choice.
        """
        self._clock: IReactorTime = reactor
        self._dialer = Dialer(reactor, options, source_ip)
        self._book = book
        self._links: dict[str, _Link] = {}

    async def send(self, node_uuid: str, body: bytes, timeout_s: float) -> bytes:
        return await self._exchange(self._link(node_uuid), body, timeout_s)

    async def send_to(self, address: NodeAddress, body: bytes, timeout_s: float) -> bytes:
        link = _Link(address, self._dialer, self._clock)
        try:
            return await self._exchange(link, body, timeout_s)
        finally:
            await link.close()

    async def _exchange(self, link: _Link, body: bytes, timeout_s: float) -> bytes:
        name = link.address.name
        if len(body) > limits.BODY_BYTES:
            raise NodeRefused(name, f"a call of {len(body)} bytes is too large")
        given = Event()
        late = NodeTimeout(name, f"no answer within {timeout_s:g} s")
        try:
            return await with_timeout(link.exchange(body, given), timeout_s, self._clock, late)
        except NodeTimeout as error:
            error.lost = given.is_set()
            raise

    async def close(self) -> None:
        links, self._links = self._links, {}
        for link in links.values():
            await link.close()

    def _link(self, node_uuid: str) -> _Link:
        address = self._book(node_uuid)
        link = self._links.get(node_uuid)
        if link is not None and link.address != address:
            del self._links[node_uuid]
            link.drop()
            link = None
        if address is None:
            raise NodeUnreachable(node_uuid, "the cluster has no such node")
        if link is None:
            link = self._links[node_uuid] = _Link(address, self._dialer, self._clock)
        return link


class _Link:
    """The connection to one node, while there is one, and the attempt to make it."""

    def __init__(self, address: NodeAddress, dialer: Dialer, clock: IReactorTime) -> None:
        self.address = address
        self._dialer = dialer
        self._clock = clock
        self._perspective: Reference | None = None
        self._pulse: Pulse | None = None
        self._attempt: Event | None = None
        self._opening: Deferred[None] | None = None
        self._failure: RpcError = NodeUnreachable(address.name, "never tried")
        self._rest_until = 0.0
        self._slots = DeferredSemaphore(limits.CALLS_SENT)
        self._transfers = 0

    # -- One call

    async def exchange(self, body: bytes, given: Event) -> bytes:
        """
        The answer to C{body}.

        @param given: set when the connection gets the call: from then on it may be run.
        """
        await self._slots.acquire()
        pulse: Pulse | None = None
        try:
            perspective, pulse = await self._opened()
            given.set()
            with pulse:
                return await self._call(perspective, body)
        except ConnectionGone as error:
            if pulse is not None and pulse.stopped:
                raise NodeTimeout(self.address.name, _HANGS) from error
            raise NodeUnreachable(
                self.address.name, "the connection was lost", lost=True
            ) from error
        except RefusedByPeer as error:
            raise NodeRefused(self.address.name, str(error)) from error
        except BrokenProtocol as error:
            text = f"its answer does not follow the protocol: {error}"
            raise NodeUnreachable(self.address.name, text, lost=True) from error
        finally:
            self._slots.release()

    async def _call(self, perspective: Reference, body: bytes) -> bytes:
        if len(body) <= limits.CHUNK:
            answer = await perspective.callRemote("call", body)
        else:
            self._transfers += 1
            number = self._transfers
            for start in range(0, len(body), limits.CHUNK):
                await perspective.callRemote("send", number, body[start : start + limits.CHUNK])
            answer = await perspective.callRemote("call_sent", number)
        return await self._whole(perspective, answer)

    async def _whole(self, perspective: Reference, answer: object) -> bytes:
        match answer:
            case bytes():
                return answer
            case [int(number), int(size)] if 0 < size <= limits.BODY_BYTES:
                parts = bytearray()
                while len(parts) < size:
                    part = await perspective.callRemote("fetch", number)
                    if not isinstance(part, bytes) or not part:
                        raise BrokenProtocol("a part that is none")
                    parts += part
                return bytes(parts)
        raise BrokenProtocol("an answer of another kind")

    # -- The connection

    async def _opened(self) -> tuple[Reference, Pulse]:
        if self._perspective is not None and self._perspective.broker.disconnected:
            self._perspective = None  # who waited for it is told before we are
        if self._perspective is None:
            if self._attempt is None:
                self._begin()
            if self._attempt is not None:
                await self._attempt.wait()
        if self._perspective is None or self._pulse is None:
            raise type(self._failure)(*self._why())
        return self._perspective, self._pulse

    def _why(self) -> tuple[str, str]:
        text = str(self._failure.args[0]).removeprefix(f"Node {self._failure.node}: ")
        return self.address.name, text

    def _begin(self) -> None:
        if self._clock.seconds() >= self._rest_until:
            self._attempt = Event()
            self._opening = Deferred.fromCoroutine(self._open(self._attempt))

    async def _open(self, attempt: Event) -> None:
        """Never raises; C{_perspective} or C{_failure} says what became of it."""
        begun = self._clock.seconds()
        late = NodeTimeout(self.address.name, _HANGS, lost=False)
        try:
            dialing = self._dialer.dial(self.address, self._lost)
            self._perspective = await with_timeout(dialing, limits.OPEN_S, self._clock, late)
            self._pulse = Pulse(self._perspective, self._clock)
            log.debug("Connected to {node}", node=self.address.name)
        except CancelledError:
            self._failure = NodeUnreachable(self.address.name, "we are stopping")
        except RpcError as error:
            self._failure = error
            now = self._clock.seconds()
            if now - begun > _QUICK_S:
                # Not again before three times as long as this took: who waits is told at once.
                self._rest_until = now + min(3 * (now - begun), _LONGEST_REST_S)
        finally:
            self._attempt = None
            attempt.set()

    def _lost(self, perspective: Reference) -> None:
        if self._perspective is perspective:
            log.debug("The connection to {node} is lost", node=self.address.name)
            self._perspective = None

    def drop(self) -> None:
        """Break the connection, or the attempt to make it."""
        if self._opening is not None:
            self._opening.cancel()
        if self._perspective is not None:
            self._perspective.broker.transport.abortConnection()

    async def close(self) -> None:
        """The same, and wait until it is broken."""
        if self._opening is not None:
            self._opening.cancel()
            await self._opening
        if self._perspective is not None:
            broker = self._perspective.broker
            self.drop()
            await broker.gone.wait()
