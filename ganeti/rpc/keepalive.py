"""Notice when the other side's machine is gone, in well under a minute."""

from __future__ import annotations

import socket
from typing import Any

_IDLE_S = 10
_EVERY_S = 5
_PROBES = 3
_UNANSWERED_MS = 20_000


def keep_alive(transport: Any) -> None:
    """
    Set the TCP options of a connection (tcp(7)).

    @param transport: TLS over TCP, however wrapped.
    """
    while not hasattr(transport, "socket"):
        transport = getattr(transport, "transport", None)
        if transport is None:
            return  # not TCP: a test's
    connection: socket.socket = transport.socket
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _IDLE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _EVERY_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNANSWERED_MS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
