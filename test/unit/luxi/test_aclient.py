"""The client that does not block, against a server in the same reactor."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase

from ganeti.errors import JobLost, LuxiError, NoMasterError
from ganeti.luxi.aclient import AsyncClient
from ganeti.luxi.client import Timeouts
from ganeti.luxi.codec import encode_failure, encode_result
from ganeti.luxi.framing import FrameReader
from ganeti.utils.aio import as_deferred, gather, sleep
from ganeti.utils.sockets import UnixListener


class AsyncClientTests(TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="operations-")
        self.addCleanup(folder.cleanup)
        deep = os.path.join(folder.name, "a" * 120)
        os.mkdir(deep)
        self.path = os.path.join(deep, "socket")

    async def connected(self, reply_to: Callable[[str], bytes | None], **timeouts: float) -> Any:
        """A client of a server that answers each method with these bytes; None: hang up."""

        class Server(Protocol):
            def connectionMade(self) -> None:
                self.reader = FrameReader(1 << 20)

            def dataReceived(self, data: bytes) -> None:
                assert self.transport is not None
                for frame in self.reader.feed(data):
                    reply = reply_to(json.loads(frame)["method"])
                    if reply is None:
                        self.transport.loseConnection()
                    else:
                        self.transport.write(reply)

        listener = UnixListener(reactor, self.path, Factory.forProtocol(Server))
        self.addCleanup(lambda: as_deferred(listener.stop()))
        client = AsyncClient(reactor, self.path, Timeouts(**timeouts))
        await client.connect()
        self.addCleanup(lambda: as_deferred(client.close()))
        return client

    async def test_in_order(self) -> None:
        """Requests overlap, answers find their request."""
        client = await self.connected(encode_result)
        answers = await gather(client.call(f"M{number}") for number in range(20))
        self.assertEqual(answers, [f"M{number}" for number in range(20)])

    async def test_error(self) -> None:
        """An error comes back as its class, and the connection goes on."""
        client = await self.connected(
            lambda method: encode_failure(JobLost("gone")) if method == "A" else encode_result(1)
        )
        with self.assertRaises(JobLost):
            await client.call("A")
        self.assertEqual(await client.call("B"), 1)

    async def test_nobody_listens(self) -> None:
        """The error names the path and what to start."""
        client = AsyncClient(reactor, self.path)
        with self.assertRaisesRegex(NoMasterError, "start it with 'ganeti-masterd'"):
            await client.connect()
        with self.assertRaisesRegex(LuxiError, "Not connected"):
            await client.call("A")

    async def test_hang_up(self) -> None:
        """Requests under way fail when the connection ends, and later ones, too."""
        client = await self.connected(lambda method: None)
        for _ in range(2):
            with self.assertRaisesRegex(LuxiError, "closed the connection"):
                await client.call("A")

    async def test_timeout(self) -> None:
        """An answer that does not come is an error; later answers still find their request."""
        replies = {"A": b"", "B": encode_result("late") + encode_result("B")}
        client = await self.connected(lambda method: replies[method], answer=0.05)
        with self.assertRaisesRegex(LuxiError, r"did not answer A within 0.05 seconds"):
            await client.call("A")
        self.assertEqual(await client.call("B"), "B")

    async def test_unasked_answer(self) -> None:
        """A server that answers twice is not to be trusted: the connection ends."""
        client = await self.connected(lambda method: encode_result(1) * 2)
        await client.call("A")
        await sleep(reactor, 0)  # type: ignore[arg-type]
        with self.assertRaisesRegex(LuxiError, "closed the connection"):
            await client.call("A")
