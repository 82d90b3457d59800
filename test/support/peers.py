"""Certificates and callees for tests of node calls."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import cache

from ganeti.rpc.certificates import Authority, authority_pem, digest_of, make_authority
from ganeti.rpc.certificates import make_node_pem as make_pem
from ganeti.rpc.roles import PeerIdentity
from ganeti.rpc.tls import TlsOptions

# The real clock: TLS asks no other about certificates.
NOW = time.time()


@cache
def authority(name: str) -> Authority:
    """A certificate authority; the same one for the same name."""
    return make_authority(NOW)


@cache
def node_pem(node_uuid: str, signer: str = "ours", began_s: float = NOW) -> bytes:
    """Key and certificate of a node; expired when it began long ago."""
    return make_pem(authority(signer), node_uuid, f"{node_uuid}.example.com", began_s)


def options(pem: bytes, trusted: str = "ours") -> TlsOptions:
    """TLS for whoever holds C{pem}, and trusts an authority."""
    return TlsOptions(pem, authority_pem(authority(trusted)))


def identity(pem: bytes, node_uuid: str) -> PeerIdentity:
    """As nodes see who holds C{pem}."""
    return PeerIdentity(uuid=node_uuid, digest=digest_of(pem))


class FunctionCallee:
    """Answers calls with a function of the body; remembers who asked what."""

    def __init__(self, answer: Callable[[bytes], Awaitable[bytes]]) -> None:
        self.answer = answer
        self.seen: list[tuple[PeerIdentity, bytes]] = []
        self.trusted = True

    def trusts(self, peer: PeerIdentity) -> bool:
        return self.trusted

    async def __call__(self, peer: PeerIdentity, body: bytes) -> bytes:
        self.seen.append((peer, body))
        return await self.answer(body)
