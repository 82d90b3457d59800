"""The local protocol's server: frames, order, limits, and that nobody is hurt."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from support.thorough import examples
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import JobLost, OpPrereqError
from ganeti.luxi.framing import MAX_REQUEST
from ganeti.luxi.methods import CancelJob, Method, QueryConfigValues, WaitForJobChange
from ganeti.masterd import luxiserver
from ganeti.masterd.luxiserver import READ_LIMIT_S, TURN_S, LuxiConnection, LuxiServer
from ganeti.paths import Paths

WAIT = b'{"method":"WaitForJobChange","args":[1,["status"],null,null,10]}\x03'
VALUES = b'{"method":"QueryConfigValues","args":[["%s"]]}\x03'
CANCEL = b'{"method":"CancelJob","args":[1,false]}\x03'


class Transport(StringTransport):
    """Says what was done to it."""

    paused = aborted = False

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False

    def abortConnection(self) -> None:
        self.aborted = True


class ServerCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.asked: list[Method] = []
        self.pending: list[Deferred[Any]] = []
        self.slow_s = 0.0
        self.server = LuxiServer(self.clock, Paths("/c/node1", "node1"), self.handle)

    async def handle(self, method: Method) -> Any:
        """Values come at once; waiting and cancelling take until the test says so."""
        self.asked.append(method)
        self.clock.advance(self.slow_s)
        if isinstance(method, QueryConfigValues):
            if method.fields == ("lost",):
                raise JobLost("no such job")
            if method.fields == ("defect",):
                raise KeyError("defect")
            return list(method.fields)
        waiting: Deferred[Any] = Deferred()
        self.pending.append(waiting)
        return await waiting

    def connect(self) -> tuple[LuxiConnection, Transport]:
        connection, transport = self.server.buildProtocol(None), Transport()
        connection.makeConnection(transport)
        return connection, transport

    def answers(self, transport: Transport) -> list[Any]:
        *frames, rest = transport.value().split(b"\x03")
        self.assertEqual(rest, b"")
        return [msgspec.json.decode(frame) for frame in frames]


class AnswerTests(ServerCase):
    def test_two_in_one_write(self) -> None:
        """Two requests in one write get two answers, in order."""
        connection, transport = self.connect()
        connection.dataReceived(VALUES % b"a" + VALUES % b"b")
        self.assertEqual(
            transport.value(),
            b'{"success":true,"result":["a"]}\x03{"success":true,"result":["b"]}\x03',
        )

    def test_byte_by_byte(self) -> None:
        """Where a request is cut on its way does not matter."""
        connection, transport = self.connect()
        for byte in VALUES % b"a":
            connection.dataReceived(bytes([byte]))
        self.assertEqual(self.answers(transport), [{"success": True, "result": ["a"]}])

    def test_in_order(self) -> None:
        """A fast request behind a slow one is answered after it."""
        connection, transport = self.connect()
        connection.dataReceived(WAIT + VALUES % b"b")
        self.assertEqual(transport.value(), b"")
        self.pending[0].callback("first")
        self.assertEqual([each["result"] for each in self.answers(transport)], ["first", ["b"]])

    def test_turns(self) -> None:
        """Who sends many requests at once lets others have their turn between the answers."""
        connection, transport = self.connect()
        self.slow_s = 2 * TURN_S
        connection.dataReceived(VALUES % b"a" * 3)
        self.assertEqual(len(self.answers(transport)), 1)
        self.clock.advance(0)
        self.assertEqual(len(self.answers(transport)), 3)

    def test_error_with_class(self) -> None:
        """An error travels as class and arguments."""
        connection, transport = self.connect()
        connection.dataReceived(VALUES % b"lost")
        expected = {"success": False, "result": ["JobLost", ["no such job"]]}
        self.assertEqual(self.answers(transport), [expected])

    def test_unreadable(self) -> None:
        """What is no request gets a plain text, and the connection goes on."""
        connection, transport = self.connect()
        unknown = b'{"method":"Nonsense","args":[]}'
        for garbage in (b"\xff\xfe", b"{}", b"[]", b"", unknown, b"{" * 5000):
            connection.dataReceived(garbage + b"\x03")
        connection.dataReceived(VALUES % b"a")
        *errors, good = self.answers(transport)
        for error in errors:
            self.assertTrue(error["result"].startswith("Failed to parse request: "), error)
        self.assertEqual(good["result"], ["a"])

    def test_wrong_arguments(self) -> None:
        """A wrong number or type of arguments is a plain text, too."""
        connection, transport = self.connect()
        connection.dataReceived(b'{"method":"CancelJob","args":[]}\x03')
        connection.dataReceived(b'{"method":"CancelJob","args":["x",false]}\x03')
        for error in self.answers(transport):
            self.assertIsInstance(error["result"], str)

    def test_defect(self) -> None:
        """A defect is logged, and the client gets an error."""
        connection, transport = self.connect()
        connection.dataReceived(VALUES % b"defect")
        self.assertEqual(self.answers(transport)[0]["result"][0], "ProgrammerError")
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)


class LimitTests(ServerCase):
    def test_too_long(self) -> None:
        """A frame above the limit ends the connection, whose memory is freed."""
        connection, transport = self.connect()
        for _ in range(MAX_REQUEST // (1 << 20) + 1):
            connection.dataReceived(b"x" * (1 << 20))
        self.assertTrue(transport.disconnecting)
        self.assertIn(b"Message longer than", transport.value())

    def test_flood(self) -> None:
        """Who sends many requests while one is under way is not read any further."""
        connection, transport = self.connect()
        connection.dataReceived(WAIT + (VALUES % b"a") * 100)
        self.assertTrue(transport.paused)
        self.pending[0].callback(None)
        self.assertFalse(transport.paused)
        self.assertEqual(len(self.answers(transport)), 101)

    def test_slow_reader(self) -> None:
        """Nothing more is done for who does not read, until it reads."""
        connection, transport = self.connect()
        connection.dataReceived(WAIT + VALUES % b"a")
        transport.producer.pauseProducing()
        self.pending[0].callback("x" * 1000)
        self.assertEqual(len(self.answers(transport)), 1)
        transport.producer.resumeProducing()
        self.assertEqual(len(self.answers(transport)), 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_never_reads(self) -> None:
        """Who never reads is cut off."""
        _, transport = self.connect()
        transport.producer.pauseProducing()
        self.clock.advance(READ_LIMIT_S)
        self.assertTrue(transport.aborted)

    def test_connections(self) -> None:
        """Above the limit new connections are closed; room comes back."""
        self.patch(luxiserver, "MAX_CONNECTIONS", 2)
        first, _ = self.connect()
        self.connect()
        _, refused = self.connect()
        self.assertTrue(refused.aborted)
        first.connectionLost()
        _, admitted = self.connect()
        self.assertFalse(admitted.aborted)


class GoneTests(ServerCase):
    def test_waiting_ends(self) -> None:
        """A read nobody waits for any more ends."""
        connection, _ = self.connect()
        connection.dataReceived(WAIT)
        connection.connectionLost()
        self.assertIsInstance(self.asked[0], WaitForJobChange)
        self.assertTrue(self.pending[0].called)
        self.assertEqual(self.server._connections, set())

    def test_changes_go_on(self) -> None:
        """A change goes on to its end though its client is gone."""
        connection, transport = self.connect()
        connection.dataReceived(CANCEL)
        connection.connectionLost()
        self.assertIsInstance(self.asked[0], CancelJob)
        self.assertFalse(self.pending[0].called)
        self.pending[0].callback([True, "done"])
        self.assertEqual(transport.value(), b"")
        self.assertEqual(self.server._connections, set())

    def test_stop(self) -> None:
        """At a stop all connections are closed and nothing is under way."""
        connection, transport = self.connect()
        connection.dataReceived(WAIT)
        stopping = Deferred.fromCoroutine(self.server.stop())
        self.successResultOf(stopping)
        self.assertTrue(transport.disconnecting)


class FuzzTests(ServerCase):
    @settings(max_examples=examples(300), deadline=None)
    @given(st.lists(st.binary(max_size=200), max_size=10))
    def test_garbage(self, chunks: list[bytes]) -> None:
        """Any bytes: each frame gets one answer, and a good request still works."""
        connection, transport = self.connect()
        for chunk in chunks:
            connection.dataReceived(chunk)
        connection.dataReceived(b"\x03" + VALUES % b"a")
        answers = self.answers(transport)
        self.assertEqual(len(answers), b"".join(chunks).count(b"\x03") + 2)
        self.assertEqual(answers[-1]["result"], ["a"])


class ErrorShapeTests(ServerCase):
    def test_prerequisite(self) -> None:
        """A prerequisite error has its code."""
        connection, transport = self.connect()
        connection.dataReceived(WAIT)
        self.pending[0].errback(OpPrereqError("no", "wrong_input"))
        self.assertEqual(
            self.answers(transport)[0]["result"], ["OpPrereqError", ["no", "wrong_input"]]
        )
