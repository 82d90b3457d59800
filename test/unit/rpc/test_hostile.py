"""Peers that mean ill, before and after they have shown a certificate of the cluster."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.peers import FunctionCallee, node_pem, options
from support.samples import node_uuid
from support.thorough import examples
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.spread import banana
from twisted.trial.unittest import SynchronousTestCase, TestCase

from ganeti.rpc import limits
from ganeti.rpc.broker import AsyncReferenceable, BrokenProtocol, NodeBroker
from ganeti.rpc.envelope import AnswerRefused, Refusal, parse_answer
from ganeti.rpc.server import NodeServer
from ganeti.utils.aio import Event

NODE = node_uuid(1)
PEER = node_uuid(2)


class Raw(Protocol):
    """A peer that sends what it likes."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.lost = Event()
        self.transport: Any

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        self.lost.set()


def encoded(*parts: Any) -> bytes:
    """Banana, as PB's dialect writes it without its vocabulary."""
    encoder: Any = banana.Banana()
    encoder.setPrefixLimit(64)
    encoder.currentDialect = b"none"
    written: list[bytes] = []
    for part in parts:
        encoder._encode(part, written.append)
    return b"".join(written)


class HostileTests(TestCase):
    """A server on loopback, and raw connections to it."""

    timeout = 90

    async def setUp(self) -> None:
        self.callee = FunctionCallee(self.answer)
        self.waiting: list[Deferred[bytes]] = []
        self.server = NodeServer(reactor, self.callee, options(node_pem(NODE)))
        await self.server.listen("127.0.0.1", 0)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.server.close()))

    async def answer(self, body: bytes) -> bytes:
        if body == b"wait":
            self.waiting.append(Deferred())
            return await self.waiting[-1]
        if body == b"much":
            return b"x" * limits.CHUNK
        return body

    async def connect(self, wrap: Callable[[Factory], Any] = lambda factory: factory) -> Raw:
        raw = Raw()
        factory = Factory()
        factory.noisy = False
        factory.buildProtocol = lambda addr: raw  # type: ignore[method-assign]
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.server.port)
        await endpoint.connect(wrap(factory))
        self.addCleanup(self.hang_up, raw)
        return raw

    async def hang_up(self, raw: Raw) -> None:
        if not raw.lost.is_set():
            raw.transport.abortConnection()
            await raw.lost.wait()

    async def member(self) -> Raw:
        """A connection of an ordinary node, past the greeting."""
        tls = options(node_pem(PEER))
        raw = await self.connect(lambda f: TLSMemoryBIOFactory(tls, True, f, reactor))
        raw.transport.write(encoded(b"pb"))
        await self.until(lambda: b"version" in raw.data or b"\x13\x87" in raw.data)
        raw.data.clear()
        return raw

    async def until(self, what: Callable[[], object]) -> None:
        while not what():
            await deferLater(reactor, 0.005)  # type: ignore[arg-type]

    def message(self, target: Any, method: bytes, *args: Any, number: int = 1) -> bytes:
        return encoded([b"message", number, target, method, 1, [b"tuple", *args], [b"dictionary"]])

    async def opened(self) -> Raw:
        """A connection that has its perspective, object 1."""
        raw = await self.member()
        raw.transport.write(self.message(b"root", b"open"))
        await self.until(lambda: raw.data)
        raw.data.clear()
        return raw

    async def assert_serves(self) -> None:
        """Others are served as if nothing had been."""
        raw = await self.opened()
        raw.transport.write(self.message(1, b"call", b"are you there"))
        await self.until(lambda: b"are you there" in raw.data)

    # -- Before authentication

    async def test_garbage(self) -> None:
        """No TLS at all."""
        raw = await self.connect()
        raw.transport.write(os.urandom(5000))
        await raw.lost.wait()
        await self.assert_serves()

    async def test_silence(self) -> None:
        """Who says nothing is let go."""
        self.patch(limits, "HANDSHAKE_S", 0.2)
        raw = await self.connect()
        await raw.lost.wait()

    async def test_half_a_handshake(self) -> None:
        """Who begins a handshake and does not end it, too."""
        self.patch(limits, "HANDSHAKE_S", 0.3)
        raw = await self.connect()
        raw.transport.write(b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03")
        await raw.lost.wait()

    async def test_endless_handshake(self) -> None:
        """Nobody gets more than 64 KiB read before the handshake is over."""
        raw = await self.connect()
        # Records of a handshake message of 8 MiB, never complete.
        record = b"\x16\x03\x01\x10\x00" + b"\x01\x80\x00\x00" + b"x" * 4092
        for _ in range(64):
            raw.transport.write(record)
        await raw.lost.wait()
        await self.assert_serves()

    async def test_no_certificate(self) -> None:
        """Without a certificate the handshake fails."""
        from OpenSSL import SSL

        tls = options(node_pem(PEER))
        tls._context = SSL.Context(SSL.TLS_METHOD)
        raw = await self.connect(lambda f: TLSMemoryBIOFactory(tls, True, f, reactor))
        raw.transport.write(encoded(b"pb"))
        await raw.lost.wait()
        self.assertEqual(raw.data, b"")

    async def test_old_tls(self) -> None:
        """TLS 1.2 is not spoken."""
        old = options(node_pem(PEER))
        old.getContext().set_min_proto_version(0x0303)
        old.getContext().set_max_proto_version(0x0303)
        raw = await self.connect(lambda f: TLSMemoryBIOFactory(old, True, f, reactor))
        await raw.lost.wait()

    async def test_nothing_is_sent_first(self) -> None:
        """Before the certificate is checked nothing of PB is said."""
        raw = await self.connect()
        await deferLater(reactor, 0.1)  # type: ignore[arg-type]
        self.assertEqual(raw.data, b"")

    async def test_too_many_connections(self) -> None:
        """One address has a limited number of connections."""
        self.patch(limits, "CONNECTIONS_PER_ADDRESS", 3)
        first = [await self.connect() for _ in range(3)]
        fourth = await self.connect()
        await fourth.lost.wait()
        first[0].transport.abortConnection()
        await first[0].lost.wait()
        await self.until(lambda: len(self.server._admission.connections()) == 2)
        await self.assert_serves()

    async def test_too_many_handshakes(self) -> None:
        """The oldest unfinished handshake makes room for a new one."""
        self.patch(limits, "HANDSHAKES", 3)
        slow = [await self.connect() for _ in range(3)]
        await self.until(lambda: len(self.server._admission.handshakes) == 3)
        await self.assert_serves()
        await slow[0].lost.wait()
        self.assertFalse(slow[2].lost.is_set())

    async def test_cheap(self) -> None:
        """What a silent connection costs in memory stays far below 64 KiB."""
        self.patch(limits, "CONNECTIONS_PER_ADDRESS", 1000)
        self.patch(limits, "HANDSHAKES", 1000)
        for _ in range(20):  # what is made once
            await self.connect()
        before = resident()
        for _ in range(200):
            await self.connect()
        await self.until(lambda: len(self.server._admission.handshakes) == 220)
        # Both ends are in this process: the server's part is less.
        self.assertLess((resident() - before) / 200, 64 * 1024)

    # -- After

    async def broken(self, *data: bytes) -> None:
        """Whoever sends this is cut off; others are served."""
        self.callee.seen.clear()
        raw = await self.opened()
        for each in data:
            raw.transport.write(each)
        await raw.lost.wait()
        self.assertEqual(self.callee.seen, [])
        await self.assert_serves()

    async def test_garbage_in_pb(self) -> None:
        """Not Banana."""
        await self.broken(b"\xff" * 100)

    async def test_long_prefix(self) -> None:
        """A number that does not end."""
        await self.broken(b"\x01" * 100)

    async def test_long_string(self) -> None:
        """A string announced longer than any may be."""
        await self.broken(encoded(b"")[:0] + b"\x00\x00\x50\x82")

    async def test_long_message(self) -> None:
        """Strings that are each allowed, and together too much."""
        await self.broken(b"\x05\x80", *(encoded(b"x" * limits.CHUNK) for _ in range(3)))

    async def test_many_parts(self) -> None:
        """Tiny parts cost more memory than their bytes."""
        await self.broken(b"\x7f\x7f\x80" + b"\x00\x80" * 5000)

    async def test_deep(self) -> None:
        """Lists in lists."""
        await self.broken(b"\x01\x80" * 20000)

    async def test_float(self) -> None:
        """No number of ours has a fraction."""
        await self.broken(encoded([b"version", 1.5]))

    async def test_no_list(self) -> None:
        """A message is a list."""
        await self.broken(encoded(b"hello"))

    async def test_no_command(self) -> None:
        """A list of nothing, or of something else."""
        await self.broken(encoded([]))

    async def test_strange_command(self) -> None:
        """A command that is no text."""
        await self.broken(encoded([[b"version"], 6]))

    async def test_commands_not_ours(self) -> None:
        """PB's caches, answers nobody asked for, and so on."""
        for command in (
            [b"cachemessage", 1, 1, b"x", 1, [b"tuple"], [b"dictionary"]],
            [b"decache", 1],
            [b"uncache", 1],
            [b"answer", 1, b"x"],
            [b"error", 1, b"x"],
            [b"didNotUnderstand", b"x"],
            [b"login", b"x"],
            [b"version", 7],
            [b"decref", 99],
            [b"message", 1, b"root"],
            [b"message", b"1", b"root", b"open", 1, [b"tuple"], [b"dictionary"]],
            [b"message", 1, b"root", b"\xff\xfe", 1, [b"tuple"], [b"dictionary"]],
        ):
            await self.broken(encoded(command))

    async def error(self, message: bytes) -> bytes:
        """The error that answers a message; nothing is called."""
        raw = await self.opened()
        raw.transport.write(message)
        await self.until(lambda: raw.data or raw.lost.is_set())
        self.assertFalse(raw.lost.is_set())
        self.assertEqual(self.callee.seen, [])
        return bytes(raw.data)

    async def test_other_objects(self) -> None:
        """Objects and methods that are not offered."""
        self.assertIn(b"Invalid Object", await self.error(self.message(77, b"call", b"x")))
        for method in (b"__init__", b"jellyFor", b"processUniqueID", b"call_sent2", b""):
            self.assertIn(b"no such method", await self.error(self.message(1, method)))
        self.assertIn(b"no such method", await self.error(self.message(b"root", b"call", b"x")))

    async def test_other_arguments(self) -> None:
        """Types that a method does not take: classes, references, too many, by name."""
        for arguments in (
            (),
            (1,),
            (b"x", b"y"),
            ([b"unicode", b"x"],),
            ([b"instance", b"os.system", [b"dictionary"]],),
            ([b"twisted.spread.pb.CopyableFailure", [b"dictionary"]],),
            ([b"remote", 1],),
            ([b"local", b"root"],),
            ([b"module", b"os"],),
            ([b"function", b"os.system"],),
        ):
            self.assertIn(
                b"other arguments", await self.error(self.message(1, b"call", *arguments))
            )
        named = encoded(
            [b"message", 1, 1, b"call", 1, [b"tuple"], [b"dictionary", [b"body", b"x"]]]
        )
        self.assertIn(b"other arguments", await self.error(named))

    async def test_bytewise(self) -> None:
        """A large message that trickles in costs time in proportion to its size only."""
        raw = await self.opened()
        message = self.message(1, b"call", b"x" * 400_000)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        (broker,) = [
            c.wrappedProtocol.wrappedProtocol for c in self.server._admission.connections()
        ]
        for start in range(0, len(message), 20):
            broker.dataReceived(message[start : start + 20])
        self.assertLess(resource.getrusage(resource.RUSAGE_SELF).ru_utime - before, 2.0)
        await self.until(lambda: len(raw.data) > 400_000)

    async def test_too_many_calls(self) -> None:
        """Beyond the limit a call is told that the node is busy, and not run."""
        raw = await self.opened()
        for number in range(limits.CALLS + 1):
            raw.transport.write(self.message(1, b"call", b"wait", number=number + 2))
        await self.until(lambda: raw.data)
        self.assertIn(b"busy", raw.data)
        self.assertEqual(len(self.waiting), limits.CALLS)
        for waiting in self.waiting:
            waiting.callback(b"")

    async def test_parts_of_the_untrusted(self) -> None:
        """Only who holds an office may send large bodies."""
        self.callee.trusted = False
        text = await self.error(self.message(1, b"send", 1, b"x" * 100))
        self.assertIn(b"takes no calls from you", text)

    async def test_parts_without_end(self) -> None:
        """Not even those may send without end."""
        raw = await self.opened()
        count = limits.BODY_BYTES // limits.CHUNK + 1
        for number in range(count):
            raw.transport.write(self.message(1, b"send", 1, b"x" * limits.CHUNK, number=number + 2))
        await self.until(lambda: b"too much" in raw.data)
        raw.transport.write(self.message(1, b"call_sent", 1, number=100))
        await self.until(lambda: b"nothing was sent" in raw.data)

    async def test_many_transfers(self) -> None:
        """Nor begin without end."""
        raw = await self.opened()
        for number in range(limits.TRANSFERS + 1):
            raw.transport.write(self.message(1, b"send", number, b"", number=number + 2))
        await self.until(lambda: b"too much" in raw.data)

    @pytest.mark.slow
    async def test_never_reads(self) -> None:
        """Who asks and does not read is not read from, and cut off after a while."""
        self.patch(limits, "STALLED_S", 0.8)
        raw = await self.opened()
        raw.transport.pauseProducing()
        for number in range(2, 200):
            raw.transport.write(self.message(1, b"call", b"much", number=number))
        await self.until(lambda: len(self.callee.seen) > 0)
        await deferLater(reactor, 0.3)  # type: ignore[arg-type]
        self.assertLess(len(self.callee.seen), 100)
        await self.until(lambda: not self.server._admission.connections())
        await self.assert_serves()

    async def test_refusal(self) -> None:
        """What a busy server answers is an answer of ours."""
        self.patch(limits, "CALLS", 0)
        raw = await self.opened()
        raw.transport.write(self.message(1, b"call", b"x"))
        await self.until(lambda: b"refused" in raw.data)
        start = raw.data.index(b"{")
        answer = parse_answer(bytes(raw.data[start:]))
        assert isinstance(answer, AnswerRefused)
        self.assertEqual(answer.code, Refusal.BUSY)


def resident() -> int:
    """Bytes of memory this process has."""
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[1]) * resource.getpagesize()


class Target(AsyncReferenceable):
    """Counts what gets through to it."""

    METHODS = {"call": (bytes,)}
    reached = 0

    async def remote_call(self, body: bytes) -> bytes:
        Target.reached += 1
        return body


class Quiet(StringTransport):
    """A transport that remembers why it was broken."""

    reason: Failure | None = None

    def failVerification(self, reason: Failure) -> None:
        self.reason = reason

    def getHandle(self) -> None:
        """There is no TLS below."""


class BrokerFuzz(SynchronousTestCase):
    """Whatever arrives, a broker answers, or breaks the connection with one kind of error."""

    def broker(self) -> NodeBroker:
        class Owner:
            unsafeTracebacks = False

            def clientConnectionMade(self, broker: NodeBroker) -> None:
                """Nothing to do."""

        broker = NodeBroker(False, Owner(), lambda _: None, lambda *_: None)
        broker.setNameForLocal("root", Target())
        broker.makeConnection(Quiet())
        broker.handshakeCompleted()
        broker.dataReceived(encoded(b"pb"))
        return broker

    def feed(self, data: bytes, step: int) -> None:
        broker = self.broker()
        for start in range(0, len(data), step):
            broker.dataReceived(data[start : start + step])
            if broker.transport.reason is not None:
                broker.transport.reason.trap(BrokenProtocol)
                break
        self.assertEqual(self.flushLoggedErrors(), [])

    @settings(deadline=None, max_examples=examples(300))
    @given(data=st.binary(max_size=400), step=st.integers(1, 50))
    def test_bytes(self, data: bytes, step: int) -> None:
        """Any bytes."""
        self.feed(data, step)

    @settings(deadline=None, max_examples=examples(300))
    @given(
        parts=st.recursive(
            st.binary(max_size=20) | st.integers(-(2**40), 2**40),
            lambda inner: st.lists(inner, max_size=6),
            max_leaves=12,
        ),
        step=st.integers(1, 50),
    )
    def test_expressions(self, parts: Any, step: int) -> None:
        """Any expression."""
        self.feed(encoded(parts), step)

    @settings(deadline=None, max_examples=examples(300))
    @given(
        command=st.sampled_from([b"message", b"decref", b"answer", b"error", b"version"]),
        arguments=st.lists(
            st.sampled_from(
                [b"root", b"call", b"tuple", 0, 1, -1, [b"tuple", b"x"], [b"dictionary"]]
            )
            | st.lists(st.binary(max_size=5), max_size=3),
            max_size=7,
        ),
    )
    def test_commands(self, command: bytes, arguments: list[Any]) -> None:
        """Commands with any arguments."""
        self.feed(encoded([command, *arguments]), 1000)

    def test_the_real_thing(self) -> None:
        """So that the others prove something: a call gets through."""
        before = Target.reached
        self.feed(
            encoded([b"message", 1, b"root", b"call", 1, [b"tuple", b"x"], [b"dictionary"]]), 3
        )
        self.assertEqual(Target.reached, before + 1)
