"""The contract of L{INodeTransport}."""

from __future__ import annotations

from typing import Any

from support.peers import FunctionCallee
from support.samples import node_uuid
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from ganeti.errors import NodeRefused, NodeTimeout, NodeUnreachable
from ganeti.rpc.transport import INodeTransport, NodeAddress
from ganeti.utils.aio import gather

NODE = node_uuid(1)
OTHER = node_uuid(2)
STRANGER = node_uuid(9)


class TransportContract(TestCase):
    """
    Two nodes are in the address book, C{NODE} and C{OTHER}; C{NODE} answers with C{self.callee}.
    """

    __test__ = False
    timeout = 90

    async def make(self) -> Any:
        """A transport; C{NODE} serves C{self.callee}, C{OTHER} does not serve yet."""
        raise NotImplementedError

    async def serve(self, uuid: str) -> None:
        """The daemon of a node begins to serve C{self.callee}."""
        raise NotImplementedError

    async def kill(self, uuid: str) -> None:
        """The daemon of a node dies; its connections break."""
        raise NotImplementedError

    def address(self, uuid: str) -> NodeAddress:
        """Where a node's daemon serves."""
        raise NotImplementedError

    def swap(self) -> None:
        """From now on the address book has the address of C{NODE} for C{OTHER}."""
        raise NotImplementedError

    async def setUp(self) -> None:
        self.callee = FunctionCallee(self.answer)
        self.waiting: list[Deferred[bytes]] = []
        self.transport = await self.make()

    async def answer(self, body: bytes) -> bytes:
        """C{wait} waits to be answered by the test; C{n*text} is a long one."""
        if body == b"wait":
            self.waiting.append(Deferred())
            return await self.waiting[-1]
        if body.startswith(b"long "):
            return b"x" * int(body[5:])
        return b"answer to " + body

    async def until_waiting(self, count: int = 1) -> None:
        while len(self.waiting) < count:
            await self.pause()

    async def pause(self) -> None:
        """Let things happen."""
        from twisted.internet import reactor
        from twisted.internet.task import deferLater

        await deferLater(reactor, 0.01)  # type: ignore[arg-type]

    def test_interface(self) -> None:
        """It provides INodeTransport."""
        verifyObject(INodeTransport, self.transport)

    async def test_answer(self) -> None:
        """A message arrives as it was sent, and so does its answer."""
        self.assertEqual(await self.transport.send(NODE, b"hello", 5), b"answer to hello")
        self.assertEqual([body for _, body in self.callee.seen], [b"hello"])

    async def test_sender(self) -> None:
        """The node knows who asks."""
        await self.transport.send(NODE, b"hello", 5)
        self.assertEqual(self.callee.seen[0][0].uuid, STRANGER)

    async def test_large(self) -> None:
        """Messages and answers of many MiB."""
        body = bytes(range(256)) * 4096 * 3
        self.assertEqual(await self.transport.send(NODE, body, 20), b"answer to " + body)

    async def test_at_the_edge_of_a_part(self) -> None:
        """Sizes around that of a part."""
        for size in (524287, 524288, 524289, 1048576, 1048577):
            answer = await self.transport.send(NODE, b"long %d" % size, 20)
            self.assertEqual(len(answer), size)
            body = b"y" * size
            self.assertEqual(await self.transport.send(NODE, body, 20), b"answer to " + body)

    async def test_empty(self) -> None:
        """An empty message, an empty answer."""
        self.assertEqual(await self.transport.send(NODE, b"", 5), b"answer to ")
        self.assertEqual(await self.transport.send(NODE, b"long 0", 5), b"")

    async def test_many(self) -> None:
        """More at once than a node takes at once."""
        bodies = [b"%d" % number for number in range(600)]
        answers = await gather([self.transport.send(NODE, body, 20) for body in bodies])
        self.assertEqual(answers, [b"answer to " + body for body in bodies])

    async def test_not_in_order(self) -> None:
        """A slow answer does not hold up the next one."""
        slow = Deferred.fromCoroutine(self.transport.send(NODE, b"wait", 10))
        await self.until_waiting()
        self.assertEqual(await self.transport.send(NODE, b"fast", 5), b"answer to fast")
        self.waiting[0].callback(b"slow")
        self.assertEqual(await slow, b"slow")

    async def test_unknown(self) -> None:
        """A node that is not in the book."""
        with self.assertRaises(NodeUnreachable) as caught:
            await self.transport.send(node_uuid(7), b"hello", 5)
        self.assertFalse(caught.exception.lost)

    async def test_down(self) -> None:
        """Nobody serves there: nothing was sent."""
        with self.assertRaises(NodeUnreachable) as caught:
            await self.transport.send(OTHER, b"hello", 5)
        self.assertFalse(caught.exception.lost)
        self.assertIn(self.address(OTHER).name, str(caught.exception))

    async def test_comes_up(self) -> None:
        """A node that begins to serve is reached."""
        with self.assertRaises(NodeUnreachable):
            await self.transport.send(OTHER, b"hello", 5)
        await self.serve(OTHER)
        await self.pause()
        self.assertEqual(await self.transport.send(OTHER, b"hello", 5), b"answer to hello")

    async def test_dies(self) -> None:
        """The node dies while it works: what it did is unknown."""
        slow = Deferred.fromCoroutine(self.transport.send(NODE, b"wait", 10))
        await self.until_waiting()
        await self.kill(NODE)
        with self.assertRaises(NodeUnreachable) as caught:
            await slow
        self.assertTrue(caught.exception.lost)
        self.waiting[0].callback(b"too late")

    async def test_restarts(self) -> None:
        """After a node's restart calls reach it again."""
        await self.transport.send(NODE, b"hello", 5)
        await self.kill(NODE)
        with self.assertRaises(NodeUnreachable):
            await self.transport.send(NODE, b"hello", 5)
        await self.serve(NODE)
        await self.pause()
        self.assertEqual(await self.transport.send(NODE, b"again", 5), b"answer to again")

    async def test_timeout(self) -> None:
        """No answer in time; the node goes on, and later calls work."""
        with self.assertRaises(NodeTimeout) as caught:
            await self.transport.send(NODE, b"wait", 0.3)
        self.assertTrue(caught.exception.lost)
        self.assertEqual(len(self.waiting), 1)
        self.assertFalse(self.waiting[0].called)
        self.waiting[0].callback(b"too late")
        self.assertEqual(await self.transport.send(NODE, b"next", 5), b"answer to next")

    async def test_another_node(self) -> None:
        """Another node at the address gets nothing."""
        self.swap()
        with self.assertRaises(NodeRefused) as caught:
            await self.transport.send(OTHER, b"hello", 5)
        self.assertFalse(caught.exception.lost)
        self.assertEqual(self.callee.seen, [])

    async def test_not_in_the_book(self) -> None:
        """A machine that is no node yet is called by its address."""
        address = NodeAddress("", "new", self.address(NODE).host, self.address(NODE).port)
        self.assertEqual(await self.transport.send_to(address, b"hello", 5), b"answer to hello")

    async def test_close(self) -> None:
        """Closing ends what is under way."""
        slow = Deferred.fromCoroutine(self.transport.send(NODE, b"wait", 10))
        await self.until_waiting()
        await self.transport.close()
        with self.assertRaises(NodeUnreachable) as caught:
            await slow
        self.assertTrue(caught.exception.lost)
        self.waiting[0].callback(b"too late")

    async def test_close_twice(self) -> None:
        """Also before anything was sent."""
        await self.transport.close()
        await self.transport.close()
