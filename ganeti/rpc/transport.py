"""How bytes get to a node and back; who calls nodes sees nothing else of the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from zope.interface import Interface


@dataclass(frozen=True)
class NodeAddress:
    """Where a node's daemon listens."""

    uuid: str
    """Empty when it is not known yet: then any certificate of the cluster's will do."""
    name: str
    host: str
    """An IP address."""
    port: int


AddressBook = Callable[[str], NodeAddress | None]
"""From a node's uuid, now; None when there is no such node."""


class INodeTransport(Interface):
    """
    Carries one message to a node and its answer back.

    Messages may be lost and answers, too; a message is never delivered twice.
    """

    async def send(node_uuid: str, body: bytes, timeout_s: float) -> bytes:
        """
        Send C{body} and return the answer.

        @param timeout_s: for all of it, connecting included.
        @raise NodeUnreachable: there was no connection (nothing was delivered), or it broke before
            the answer came (C{lost}).
        @raise NodeTimeout: no answer in time; it is C{lost} unless nothing was sent.
        @raise NodeRefused: the node is not the one that it should be, or does not accept our
            certificate.
        """

    async def send_to(address: NodeAddress, body: bytes, timeout_s: float) -> bytes:
        """
        The same to a machine that is not in the address book, on a connection of its own.

        Raises as C{send}.
        """

    async def close() -> None:
        """Break all connections; calls under way end as unreachable."""
