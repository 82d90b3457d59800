"""
Unix sockets at paths of any length.

The kernel takes 107 bytes, a virtual node's path may have more: sockets are
bound and connected through their directory's descriptor,
C{/proc/self/fd/N/name}.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twisted.internet.interfaces import IProtocolFactory


class _Directory:
    """An open directory, and short names for what is in it."""

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def short_name(self, name: str) -> str:
        return f"/proc/self/fd/{self.fd}/{name}"

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def connect_unix(path: str, timeout_s: float) -> socket.socket:
    """
    Connect to a listening unix socket; what is returned keeps the timeout.

    @raise OSError: nobody listens there (FileNotFoundError,
        ConnectionRefusedError), or it took longer (TimeoutError).
    """
    folder, name = os.path.split(path)
    directory = _Directory(folder)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout_s)
        connection.connect(directory.short_name(name))
    except BaseException:
        connection.close()
        raise
    finally:
        directory.close()
    return connection


class UnixListener:
    """
    A listening unix socket in a Twisted reactor.

    The path is replaced when it is a socket that a dead process left. The
    caller knows that no living process listens there (its pid file).
    """

    def __init__(
        self, reactor: Any, path: str, factory: IProtocolFactory, mode: int = 0o660
    ) -> None:
        """
        Listen, and hand connections to C{factory}.

        @param reactor: provides IReactorSocket.
        @raise OSError: the path cannot be used.
        """
        folder, name = os.path.split(path)
        self._directory = _Directory(folder)
        try:
            with _bound(self._directory.short_name(name), mode) as bound:
                # The reactor works on a duplicate; it removes the path at the
                # end through the directory, which therefore stays open.
                self._port = reactor.adoptStreamPort(bound.fileno(), socket.AF_UNIX, factory)
        except BaseException:
            self._directory.close()
            raise

    async def stop(self) -> None:
        """Accept no more connections, and remove the path."""
        try:
            stopping = self._port.stopListening()
            if stopping is not None:
                await stopping
        except FileNotFoundError:
            pass  # somebody removed it
        finally:
            self._directory.close()


def _bound(short_name: str, mode: int) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.lstat(short_name).st_mode):
            os.unlink(short_name)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.setblocking(False)
        bound.bind(short_name)
        os.chmod(short_name, mode)  # nobody can connect before listen()
        bound.listen(128)
    except BaseException:
        bound.close()
        raise
    return bound
