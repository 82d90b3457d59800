"""Names and addresses for units: the resolver off the reactor's thread, and a probe."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectError, ConnectionRefusedError
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThreadPool

from ganeti.model.names import is_ip
from ganeti.utils.aio import with_timeout
from ganeti.utils.hosts import Host, Resolver

RESOLVE_TIMEOUT_S = 30
PROBE_TIMEOUT_S = 2


class _TooLate(Exception):
    """The machine did not answer the probe."""


class Names:
    """A L{ganeti.operations.unit.NameResolver} on a real reactor."""

    def __init__(self, reactor: Any, resolver: Resolver, *, threaded: bool) -> None:
        """
        @param reactor: provides IReactorTCP, IReactorTime and IReactorThreads.
        @param threaded: the resolver may block (it asks the system); else it reads a file.
        """
        self._reactor = reactor
        self._resolver = resolver
        self._threaded = threaded

    async def resolve(self, name: str) -> Host:
        """Full name and address. @raise ResolverError: it does not resolve."""
        if not self._threaded:
            return self._resolver.resolve(name)
        return await deferToThreadPool(
            self._reactor, self._reactor.getThreadPool(), self._resolver.resolve, name
        )

    async def answers(self, ip: str, port: int) -> bool:
        """Does any machine accept or refuse connections at C{ip}?"""
        kind = TCP4ClientEndpoint if is_ip(ip, 4) else TCP6ClientEndpoint
        connecting: Deferred[Any] = kind(self._reactor, ip, port).connect(
            Factory.forProtocol(Protocol)
        )
        try:
            connected = await with_timeout(connecting, PROBE_TIMEOUT_S, self._reactor, _TooLate())
        except ConnectionRefusedError:
            return True
        except (ConnectError, _TooLate):
            return False
        connected.transport.loseConnection()
        return True
