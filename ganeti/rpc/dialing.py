"""Making a connection to a node, and saying clearly why it cannot be made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectError, ConnectionRefusedError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.protocols.tls import TLSMemoryBIOFactory

from ganeti.errors import NodeRefused, NodeUnreachable, RpcError
from ganeti.rpc import limits
from ganeti.rpc.broker import (
    BrokenProtocol,
    ConnectionGone,
    NodeBroker,
    Reference,
    RefusedByPeer,
    root_of,
)
from ganeti.rpc.keepalive import keep_alive
from ganeti.rpc.tls import TlsOptions, check_node
from ganeti.rpc.transport import NodeAddress
from ganeti.utils.aio import Event


class Dialer:
    """Makes connections."""

    def __init__(self, reactor: Any, options: TlsOptions, source_ip: str) -> None:
        self._reactor = reactor
        self._options = options
        self._source = (source_ip, 0) if source_ip else None

    async def dial(self, address: NodeAddress, on_lost: Callable[[Reference], None]) -> Reference:
        """
        The perspective that the node gives us.

        @param on_lost: called with it when the connection is over.
        @raise RpcError: there is none; nothing was sent.
        """
        line = _Line(address)
        try:
            await self._connect(address, line)
            perspective = await line.open()
        except BaseException:
            line.hang_up()
            raise
        line.when_lost(lambda: on_lost(perspective))
        return perspective

    async def _connect(self, address: NodeAddress, line: _Line) -> None:
        kind = TCP6ClientEndpoint if ":" in address.host else TCP4ClientEndpoint
        endpoint = kind(self._reactor, address.host, address.port, limits.CONNECT_S, self._source)
        tls = TLSMemoryBIOFactory(self._options, True, line, self._reactor)
        tls.noisy = False
        try:
            await endpoint.connect(tls)
        except ConnectError as error:
            place = f"{address.host} port {address.port}"
            raise NodeUnreachable(address.name, f"{_trouble(error)} at {place}") from error


class _Line(Factory):
    """One connection while it is made; PB calls it a factory."""

    noisy = False
    unsafeTracebacks = False

    def __init__(self, address: NodeAddress) -> None:
        self._address = address
        self._broker: NodeBroker | None = None
        self._settled = Event()  # PB is ready, or the connection lost
        self._reason: BaseException | None = None
        self._on_lost: Callable[[], None] | None = None

    def buildProtocol(self, addr: IAddress | None) -> Any:
        self._broker = NodeBroker(True, self, self._check, self._lost)
        return self._broker

    def clientConnectionMade(self, broker: NodeBroker) -> None:
        self._settled.set()

    def _check(self, broker: NodeBroker) -> None:
        if self._address.uuid:
            check_node(broker.transport.getHandle(), self._address.uuid)
        keep_alive(broker.transport)

    def _lost(self, broker: NodeBroker, reason: BaseException) -> None:
        self._reason = reason
        self._settled.set()
        if self._on_lost is not None:
            self._on_lost()

    def when_lost(self, callback: Callable[[], None]) -> None:
        self._on_lost = callback
        if self._reason is not None:
            callback()

    async def open(self) -> Reference:
        """Ask for our perspective. @raise RpcError: the other side is not ours, or refuses us."""
        await self._settled.wait()
        if self._reason is not None or self._broker is None:
            raise self._explained()
        try:
            perspective = await root_of(self._broker).callRemote("open")
        except ConnectionGone as error:
            raise self._explained() from error
        except (RefusedByPeer, BrokenProtocol) as error:
            raise NodeRefused(self._address.name, str(error)) from error
        if not isinstance(perspective, Reference):
            raise NodeRefused(self._address.name, "it does not speak our protocol")
        return perspective

    def hang_up(self) -> None:
        if self._broker is not None and self._broker.transport is not None:
            self._broker.transport.abortConnection()

    def _explained(self) -> RpcError:
        """Why the connection was lost before it could be used."""
        name, reason = self._address.name, self._reason
        if isinstance(reason, VerificationError):
            return NodeRefused(name, f"another node answers at {self._address.host}")
        if isinstance(reason, SSL.Error):
            return NodeRefused(name, _tls_trouble(reason))
        if isinstance(reason, BrokenProtocol):
            return NodeRefused(name, f"it does not speak our protocol: {reason}")
        return NodeUnreachable(name, "it closed the connection before it took a call")


def _trouble(error: ConnectError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens"
    if isinstance(error, ConnectTimeout):
        return f"no answer within {limits.CONNECT_S:g} s"
    return str(error) or type(error).__name__


def _tls_trouble(error: SSL.Error) -> str:
    reasons = [entry[-1] for entry in error.args[0]] if error.args else []
    text = ", ".join(filter(None, map(str, reasons))) or "no reason given"
    if "verify failed" in text:
        return f"its certificate is not a valid one of this cluster ({text})"
    if "alert" in text:
        return f"it does not accept our certificate ({text})"
    return f"TLS failed ({text})"
