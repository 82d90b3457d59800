"""
Unix sockets at paths of any length.

The kernel takes 107 bytes, a virtual node's path may have more: sockets are
bound and connected through their directory's descriptor,
C{/proc/self/fd/N/name}.
"""

from __future__ import annotations

import contextlib
import errno
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

    A socket that a dead process left is replaced: the caller knows that no
    living process listens there (its pid file).
    """

    def __init__(
        self, reactor: Any, path: str, factory: IProtocolFactory, mode: int = 0o660
    ) -> None:
        """
        Listen, and hand connections to C{factory}.

        @param reactor: provides IReactorUNIX.
        @raise OSError: the path cannot be used.
        """
        folder, name = os.path.split(path)
        self._directory = _Directory(folder)
        self._name = self._directory.short_name(name)
        try:
            _remove_stale(self._name, path)
            # The reactor removes the path at the end by the name that it has
            # for it: the directory stays open until then.
            self._port = reactor.listenUNIX(self._name, factory, backlog=128, mode=mode)
        except BaseException:
            self._directory.close()
            raise

    async def stop(self) -> None:
        """Accept no more connections, and remove the path."""
        # Twisted's port fails to close when somebody removed its path.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self._name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            await self._port.stopListening()
        finally:
            self._directory.close()


def _remove_stale(name: str, path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.lstat(name).st_mode):
            raise FileExistsError(errno.EEXIST, "There is a file that is not a socket", path)
        os.unlink(name)
