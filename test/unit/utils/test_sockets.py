"""Unix sockets at paths of any length."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile

from twisted.internet import reactor
from twisted.internet.protocol import Factory
from twisted.internet.threads import deferToThread
from twisted.protocols.wire import Echo
from twisted.trial.unittest import TestCase

from ganeti.utils.aio import sleep
from ganeti.utils.sockets import UnixListener, connect_unix


def ask(path: str) -> bytes:
    with connect_unix(path, 5) as connection:
        connection.sendall(b"hello")
        return connection.recv(100)


class UnixListenerTests(TestCase):
    timeout = 90

    def setUp(self) -> None:
        top = tempfile.mkdtemp(prefix="ganeti-test-")
        self.addCleanup(shutil.rmtree, top)
        self.dir = os.path.join(top, "x" * 100, "y" * 100)
        os.makedirs(self.dir)
        self.path = os.path.join(self.dir, "socket")

    async def test_long_path(self) -> None:
        """A path of more than 107 bytes is listened on and connected to."""
        await self.listen_and_ask()  # the reactor opens descriptors of its own
        before = set(os.listdir("/proc/self/fd"))
        await self.listen_and_ask()
        self.assertEqual(os.listdir(self.dir), [])
        while set(os.listdir("/proc/self/fd")) - before:  # the server's end goes when it is seen
            await sleep(reactor, 0.01)

    async def listen_and_ask(self) -> None:
        listener = UnixListener(reactor, self.path, Factory.forProtocol(Echo), mode=0o600)
        try:
            self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)
            self.assertEqual(await deferToThread(ask, self.path), b"hello")
        finally:
            await listener.stop()

    async def test_stale(self) -> None:
        """A socket that a dead process left is replaced; any other file is not."""
        dead = socket.socket(socket.AF_UNIX)
        with contextlib.chdir(self.dir):  # their whole path is too long for the kernel
            dead.bind("socket")
        dead.close()
        with self.assertRaises(ConnectionRefusedError):
            connect_unix(self.path, 5)
        await UnixListener(reactor, self.path, Factory.forProtocol(Echo)).stop()
        with open(self.path, "w"):
            pass
        with self.assertRaisesRegex(FileExistsError, "not a socket"):
            UnixListener(reactor, self.path, Factory.forProtocol(Echo))

    async def test_removed_by_somebody(self) -> None:
        """Stopping copes with that."""
        listener = UnixListener(reactor, self.path, Factory.forProtocol(Echo))
        os.unlink(self.path)
        await listener.stop()

    def test_nobody(self) -> None:
        """Connecting to nothing is an error that says so."""
        with self.assertRaises(FileNotFoundError):
            connect_unix(self.path, 5)
        with self.assertRaises(FileNotFoundError):
            connect_unix("/no/such/folder/socket", 5)
