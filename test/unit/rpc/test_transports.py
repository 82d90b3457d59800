"""Both transports keep the contract, and what only connections can do wrong."""

from __future__ import annotations

import os
from typing import Any

from contracts.transport import NODE, OTHER, STRANGER, TransportContract
from support.peers import NOW, identity, node_pem, options
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase, TestCase

from ganeti.errors import NodeRefused, NodeTimeout, NodeUnreachable
from ganeti.rpc import limits, pulse
from ganeti.rpc.broker import AsyncReferenceable, NodeBroker, RefusedByPeer
from ganeti.rpc.client import PbTransport
from ganeti.rpc.memory import Fault, MemoryNetwork, MemoryTransport, Trouble
from ganeti.rpc.server import NodeServer
from ganeti.rpc.transport import NodeAddress

NAMES = {NODE: "node1.example.com", OTHER: "node2.example.com"}
HOST = f"127.13.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
"""Of this process alone, and no connection comes from it: its ports are free, and stay so."""


class MemoryTransportTests(TransportContract):
    """In memory, on the real clock."""

    __test__ = True

    async def make(self) -> MemoryTransport:
        self.network = MemoryNetwork(reactor)  # type: ignore[arg-type]
        self.hosts = {NODE: "10.0.0.1", OTHER: "10.0.0.2"}
        await self.serve(NODE)
        peer = identity(node_pem(STRANGER), STRANGER)
        return MemoryTransport(self.network, peer, self.look_up)

    def look_up(self, uuid: str) -> NodeAddress | None:
        return self.address(uuid) if uuid in self.hosts else None

    async def serve(self, uuid: str) -> None:
        self.network.attach(self.hosts[uuid], uuid, self.callee)

    async def kill(self, uuid: str) -> None:
        self.network.detach(self.hosts[uuid])

    def address(self, uuid: str) -> NodeAddress:
        return NodeAddress(uuid, NAMES[uuid], self.hosts[uuid], 1811)

    def swap(self) -> None:
        self.hosts[OTHER] = self.hosts[NODE]


class PbTransportTests(TransportContract):
    """Perspective Broker over TLS over loopback."""

    __test__ = True

    async def make(self) -> PbTransport:
        self.servers: dict[str, NodeServer] = {}
        self.ports = {NODE: 1811, OTHER: 1812}
        await self.serve(NODE)
        return self.client(node_pem(STRANGER))

    def client(self, pem: bytes, trusted: str = "ours") -> PbTransport:
        transport = PbTransport(reactor, options(pem, trusted), self.look_up)
        self.addCleanup(lambda: Deferred.fromCoroutine(transport.close()))
        return transport

    def look_up(self, uuid: str) -> NodeAddress | None:
        return self.address(uuid) if uuid in self.ports else None

    async def serve(self, uuid: str) -> None:
        server = NodeServer(reactor, self.callee, options(node_pem(uuid)))
        await server.listen(HOST, self.ports[uuid])
        self.servers[uuid] = server
        self.addCleanup(lambda: Deferred.fromCoroutine(server.close()))

    async def kill(self, uuid: str) -> None:
        await self.servers[uuid].close()

    def address(self, uuid: str) -> NodeAddress:
        return NodeAddress(uuid, NAMES[uuid], HOST, self.ports[uuid])

    def swap(self) -> None:
        self.ports[OTHER] = self.ports[NODE]

    async def refused(self, transport: PbTransport, uuid: str = NODE) -> str:
        """The text of a refusal, which comes quickly, and is sure that nothing was done."""
        with self.assertRaises(NodeRefused) as caught:
            await transport.send(uuid, b"hello", 5)
        self.assertFalse(caught.exception.lost)
        self.assertEqual(self.callee.seen, [])
        return str(caught.exception)

    async def test_our_certificate_is_foreign(self) -> None:
        """Another cluster's certificate: told at once, and clearly."""
        text = await self.refused(self.client(node_pem(STRANGER, "theirs")))
        self.assertIn("node1.example.com: it does not accept our certificate", text)

    async def test_our_certificate_has_expired(self) -> None:
        """One that was ours, too long ago."""
        text = await self.refused(self.client(node_pem(STRANGER, "ours", NOW - 20 * 365 * 86400)))
        self.assertIn("expired", text)

    async def test_their_certificate_is_foreign(self) -> None:
        """A node of another cluster gets nothing."""
        text = await self.refused(self.client(node_pem(STRANGER), "theirs"))
        self.assertIn("is not a valid one of this cluster", text)

    async def test_one_connection(self) -> None:
        """Many calls share one connection."""
        for _ in range(5):
            await self.transport.send(NODE, b"hello", 5)
        self.assertEqual(len(self.servers[NODE]._admission.connections()), 1)

    async def test_not_tls(self) -> None:
        """Something else listens there."""
        port = self.listen(Chatter(b"220 mail.example.com ESMTP\r\n"))
        self.ports[OTHER] = port
        with self.assertRaises((NodeRefused, NodeUnreachable)) as caught:
            await self.transport.send(OTHER, b"hello", 5)
        self.assertFalse(caught.exception.lost)

    async def test_silent(self) -> None:
        """A machine that takes connections and says nothing: limited, and remembered."""
        self.patch(limits, "OPEN_S", 0.3)
        self.ports[OTHER] = self.listen(Chatter(b""))
        with self.assertRaises((NodeTimeout, NodeUnreachable)) as caught:
            await self.transport.send(OTHER, b"hello", 5)
        self.assertFalse(caught.exception.lost)
        with self.assertRaises((NodeTimeout, NodeUnreachable)):
            # At once: the time limit would not be enough for another try.
            await self.transport.send(OTHER, b"hello", 0.05)

    async def test_hangs(self) -> None:
        """A daemon that was stopped in the middle of a call is noticed long before the limit."""
        self.patch(pulse, "EVERY_S", 0.02)
        slow = Deferred.fromCoroutine(self.transport.send(NODE, b"wait", 20))
        await self.until_waiting()
        (connection,) = self.servers[NODE]._admission.connections()
        connection.transport.pauseProducing()
        with self.assertRaises(NodeTimeout) as caught:
            await slow
        self.assertTrue(caught.exception.lost)
        self.assertIn("its daemon does not answer", str(caught.exception))
        self.assertEqual(await self.transport.send(NODE, b"next", 5), b"answer to next")
        connection.transport.resumeProducing()
        self.waiting[0].callback(b"too late")

    async def test_slow(self) -> None:
        """A call that takes its time, on a node that is alive, is waited for."""
        self.patch(pulse, "EVERY_S", 0.02)
        slow = Deferred.fromCoroutine(self.transport.send(NODE, b"wait", 20))
        await self.until_waiting()
        for _ in range(30):
            await self.pause()
        self.waiting[0].callback(b"slow")
        self.assertEqual(await slow, b"slow")

    async def test_timeout_while_connecting(self) -> None:
        """Nothing was sent yet, so nothing is lost."""
        self.ports[OTHER] = self.listen(Chatter(b""))
        with self.assertRaises(NodeTimeout) as caught:
            await self.transport.send(OTHER, b"hello", 0.2)
        self.assertFalse(caught.exception.lost)

    async def test_address_changes(self) -> None:
        """A node that moved is called where it is now."""
        await self.transport.send(NODE, b"hello", 5)
        await self.kill(NODE)
        self.ports[NODE] = 1813
        await self.serve(NODE)
        self.assertEqual(await self.transport.send(NODE, b"there", 5), b"answer to there")

    async def test_too_large(self) -> None:
        """What is larger than a node takes is not even sent."""
        with self.assertRaises(NodeRefused):
            await self.transport.send(NODE, b"x" * (limits.BODY_BYTES + 1), 5)

    async def test_own_address(self) -> None:
        """Connections come from the address that they are told to come from."""
        transport = PbTransport(reactor, options(node_pem(STRANGER)), self.look_up, "127.0.0.9")
        self.addCleanup(lambda: Deferred.fromCoroutine(transport.close()))
        await transport.send(NODE, b"hello", 5)
        (connection,) = self.servers[NODE]._admission.connections()
        self.assertEqual(connection.address, "127.0.0.9")

    def listen(self, factory: Factory) -> int:
        port: Any = reactor.listenTCP(0, factory, interface=HOST)  # type: ignore[attr-defined]
        self.addCleanup(port.stopListening)
        self.addCleanup(factory.hang_up)  # type: ignore[attr-defined]
        return int(port.getHost().port)


class Chatter(Factory):
    """A server that says one thing, and never answers."""

    noisy = False

    def __init__(self, greeting: bytes) -> None:
        self.greeting = greeting
        self.connections: list[Protocol] = []

    def buildProtocol(self, addr: object) -> Protocol:
        protocol = Protocol()
        protocol.connectionMade = lambda: self.greet(protocol)  # type: ignore[method-assign]
        return protocol

    def greet(self, protocol: Protocol) -> None:
        self.connections.append(protocol)
        assert protocol.transport
        protocol.transport.write(self.greeting)

    def hang_up(self) -> None:
        for protocol in self.connections:
            protocol.transport.abortConnection()  # type: ignore[union-attr]


class MemoryFaultsTests(SynchronousTestCase):
    """Faults that a network in memory is told, on a clock that only tests move."""

    def setUp(self) -> None:
        from support.peers import FunctionCallee

        self.clock = Clock()
        self.network = MemoryNetwork(self.clock)
        self.callee = FunctionCallee(self.answer)
        self.network.attach("10.0.0.1", NODE, self.callee)
        peer = identity(node_pem(STRANGER), STRANGER)
        address = NodeAddress(NODE, "node1", "10.0.0.1", 1811)
        self.transport = MemoryTransport(self.network, peer, lambda _: address)

    async def answer(self, body: bytes) -> bytes:
        return b"done"

    def send(self, body: bytes = b'{"call":"delay"}') -> Deferred[bytes]:
        return Deferred.fromCoroutine(self.transport.send(NODE, body, 10))

    def test_lose_message(self) -> None:
        """It never arrives, and the sender cannot know that."""
        self.network.faults.append(Fault(Trouble.LOSE_MESSAGE))
        error = self.failureResultOf(self.send(), NodeUnreachable).value
        self.assertTrue(error.lost)
        self.assertEqual(self.callee.seen, [])
        self.assertEqual(self.successResultOf(self.send()), b"done")

    def test_lose_answer(self) -> None:
        """It arrives, and the sender cannot know that either."""
        self.network.faults.append(Fault(Trouble.LOSE_ANSWER))
        error = self.failureResultOf(self.send(), NodeUnreachable).value
        self.assertTrue(error.lost)
        self.assertEqual(len(self.callee.seen), 1)

    def test_hang(self) -> None:
        """The answer takes longer than anybody waits."""
        self.network.faults.append(Fault(Trouble.HANG))
        sending = self.send()
        self.assertEqual(len(self.callee.seen), 1)
        self.clock.advance(9)
        self.assertNoResult(sending)
        self.clock.advance(1)
        self.assertTrue(self.failureResultOf(sending, NodeTimeout).value.lost)

    def test_delay(self) -> None:
        """It arrives later, by the clock."""
        self.network.faults.append(Fault(Trouble.DELAY, delay_s=3))
        sending = self.send()
        self.clock.advance(2)
        self.assertEqual(self.callee.seen, [])
        self.clock.advance(1)
        self.assertEqual(self.successResultOf(sending), b"done")

    def test_latency(self) -> None:
        """Each way takes its time."""
        self.network.latency_s = 0.5
        sending = self.send()
        self.clock.advance(0.5)
        self.assertEqual(len(self.callee.seen), 1)
        self.assertNoResult(sending)
        self.clock.advance(0.5)
        self.assertEqual(self.successResultOf(sending), b"done")

    def test_which(self) -> None:
        """A fault strikes the call it is for, after those it lets pass."""
        self.network.faults.append(Fault(Trouble.LOSE_ANSWER, call="delay", skip=1))
        self.successResultOf(self.send(b'{"call":"node_version"}'))
        self.successResultOf(self.send())
        self.failureResultOf(self.send(), NodeUnreachable)
        self.successResultOf(self.send())


class OddPerspective(AsyncReferenceable):
    """A node's side that answers what no node of ours answers."""

    METHODS = {"call": (bytes,), "fetch": (int,)}

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def remote_call(self, body: bytes) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def remote_fetch(self, number: int) -> bytes:
        return b""


class OddRoot(AsyncReferenceable):
    """The object that such a node offers first."""

    METHODS = {"open": ()}

    def __init__(self, perspective: Any) -> None:
        self.perspective = perspective

    async def remote_open(self) -> Any:
        return self.perspective


class OddNode(Factory):
    """A node whose certificate is right, and nothing else."""

    noisy = False
    unsafeTracebacks = False

    def __init__(self, root: OddRoot) -> None:
        self.root = root
        self.broker: Any = None

    def buildProtocol(self, addr: object) -> Any:
        self.broker = NodeBroker(False, self, lambda _: None, lambda *_: None)
        self.broker.setNameForLocal("root", self.root)
        return self.broker

    def clientConnectionMade(self, broker: object) -> None:
        """PB tells."""


class OddNodeTests(TestCase):
    """What a hostile node answers does not hurt its caller."""

    timeout = 90

    async def setUp(self) -> None:
        self.node: Any = None
        self.port: Any = None

    async def call(self, root: OddRoot) -> Any:
        self.node = OddNode(root)
        tls = TLSMemoryBIOFactory(options(node_pem(NODE)), False, self.node, reactor)
        tls.noisy = False
        self.port = reactor.listenTCP(0, tls, interface="127.0.0.1")  # type: ignore[attr-defined]
        address = NodeAddress(NODE, "node1", "127.0.0.1", self.port.getHost().port)
        transport = PbTransport(reactor, options(node_pem(STRANGER)), lambda _: address)
        try:
            return await transport.send(NODE, b"hello", 5)
        finally:
            await transport.close()
            await self.port.stopListening()

    async def test_the_real_thing(self) -> None:
        """So that the others prove something."""
        self.assertEqual(await self.call(OddRoot(OddPerspective(b"fine"))), b"fine")

    async def test_no_perspective(self) -> None:
        """A number, bytes or a list instead of something to call."""
        for odd in (7, b"x", [1], []):
            with self.assertRaises(NodeRefused) as caught:
                await self.call(OddRoot(odd))
            self.assertFalse(caught.exception.lost)

    async def test_odd_answers(self) -> None:
        """Answers that are no bytes, or sizes that are none."""
        for odd in (
            7,
            [],
            [1],
            [1, -1],
            [1, 0],
            [1, 1 << 40],
            [b"x", 5],
            [1, b"5"],
            [1, 5],  # and then the parts are empty
            [[1], [5]],
            OddPerspective(b""),
        ):
            with self.assertRaises(NodeUnreachable) as caught:
                await self.call(OddRoot(OddPerspective(odd)))
            self.assertTrue(caught.exception.lost)

    async def test_error(self) -> None:
        """A refusal, of any length."""
        with self.assertRaises(NodeRefused) as caught:
            await self.call(OddRoot(OddPerspective(RefusedByPeer("no" * 10_000))))
        self.assertLess(len(str(caught.exception)), 1500)

    async def test_defect(self) -> None:
        """A defect over there shows none of its inside."""
        with self.assertRaises(NodeRefused) as caught:
            await self.call(OddRoot(OddPerspective(KeyError("secret"))))
        self.assertNotIn("secret", str(caught.exception))
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    async def test_odd_messages(self) -> None:
        """Commands that a node does not send break the connection."""

        class Talker(OddPerspective):
            async def remote_call(_, body: bytes) -> Any:
                self.node.broker.sendCall(*self.command)
                return await Deferred()

        for command in (
            (b"answer", 99, b"x"),
            (b"error", 99, b"x"),
            (b"message", 1, b"root", b"x", 1, [b"tuple"], [b"dictionary"]),
            (b"cachemessage", 1, 1, b"x", 1, [b"tuple"], [b"dictionary"]),
            (b"decache", 1),
            (b"x",),
        ):
            self.command = command
            with self.assertRaises(NodeUnreachable) as caught:
                await self.call(OddRoot(Talker(b"")))
            self.assertTrue(caught.exception.lost)
