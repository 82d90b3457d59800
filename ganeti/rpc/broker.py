"""
The Perspective Broker, cut down to what node calls need.

Between peers go calls of named methods with bytes and numbers, and their
answers: bytes, numbers, lists of these, and references. Everything else of
Banana, Jelly and PB (floats, classes, copies, caches, failures) is refused, and
so is whoever sends it. A message is measured while it arrives.

This file and server.py are the only ones that know PB.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.spread import banana, pb
from zope.interface import implementer

from ganeti.rpc import limits
from ganeti.utils.aio import Event

log = Logger()

RefusedByPeer = pb.Error
"""The other side says so, instead of answering; or is told so, when raised by its method."""
ConnectionGone = (pb.PBConnectionLost, pb.DeadReferenceError)
"""What a call ends with that was under way, or is tried, when the connection is lost."""
Reference = pb.RemoteReference


# Untyped in Twisted; all of it is behind this file's own signatures.
_Broker: Any = pb.Broker
_Referenceable: Any = pb.Referenceable


_LONGEST_PREFIX = 65


class BrokenProtocol(Exception):
    """The peer sent what no peer of ours sends."""


class _Plain:
    """Jelly's security: which types may come in and go out."""

    _ALLOWED = frozenset(
        f"builtins.{kind.__name__}".encode() for kind in (bytes, int, tuple, list, dict)
    ) | {b"list", b"remote"}

    def isTypeAllowed(self, name: object) -> bool:
        return name in self._ALLOWED

    def isModuleAllowed(self, name: object) -> bool:
        return False

    def isClassAllowed(self, kind: object) -> bool:
        return False


# Arguments of the commands that each side takes. Everything else breaks the protocol.
_REFERENCE = (int, bytes)
_TAKEN_BY_SERVER: dict[bytes, tuple[type | tuple[type, ...], ...]] = {
    b"version": (int,),
    b"message": (int, _REFERENCE, bytes, int, list, list),
    b"decref": (_REFERENCE,),
}
_TAKEN_BY_CLIENT: dict[bytes, tuple[type | tuple[type, ...], ...]] = {
    b"version": (int,),
    b"answer": (int, object),
    b"error": (int, bytes),
    b"decref": (_REFERENCE,),
}


@implementer(IHandshakeListener)
class NodeBroker(_Broker):  # type: ignore[misc]
    """
    One connection, from either side.

    @ivar on_handshake: called when TLS has accepted the peer's certificate; nothing is sent
        or read before. What it raises breaks the connection, with that reason.
    @ivar on_lost: called with the reason when the connection is over.
    """

    knownDialects = [b"pb"]
    transport: Any
    buffer: bytes
    listStack: list[object]
    disconnected: bool
    waitingForAnswers: dict[int, Deferred[Any]]

    def __init__(
        self,
        is_client: bool,
        factory: object,
        on_handshake: Callable[[NodeBroker], None],
        on_lost: Callable[[NodeBroker, BaseException], None],
    ) -> None:
        super().__init__(is_client, _Plain())
        self.factory = factory
        self._on_handshake = on_handshake
        self._on_lost = on_lost
        self._taken = _TAKEN_BY_CLIENT if is_client else _TAKEN_BY_SERVER
        self._undecoded = 0  # bytes and items of the message that is arriving
        self._items = 0
        self._held = bytearray()
        self.received = 0
        """Bytes received on this connection."""
        self.gone = Event()
        """The connection is over."""

    # -- From the connection's start to its end

    def connectionMade(self) -> None:
        """The handshake comes first."""

    def handshakeCompleted(self) -> None:
        try:
            self._on_handshake(self)
        except Exception as error:
            self.transport.failVerification(Failure(error))
        else:
            super().connectionMade()

    def connectionLost(self, reason: Failure) -> None:
        super().connectionLost(reason)
        self._on_lost(self, reason.value or BrokenProtocol("no reason given"))
        self.gone.set()

    def peer_address(self) -> str:
        """For logs."""
        return str(getattr(self.transport.getPeer(), "host", "?"))

    # -- Arriving messages

    def dataReceived(self, chunk: bytes) -> None:
        self.received += len(chunk)
        self._undecoded += len(chunk)
        try:
            if self._undecoded > limits.MESSAGE_BYTES:
                raise BrokenProtocol("a message is too long")
            self._held += chunk
            if len(self._held) < self._missing():
                return
            chunk, self._held = bytes(self._held), bytearray()
            super().dataReceived(chunk)
            if len(self.listStack) > limits.MESSAGE_DEPTH:
                raise BrokenProtocol("a message is nested too deep")
        except Exception as error:
            log.warn(
                "{peer} broke the protocol: {kind}: {error}",
                peer=self.peer_address(),
                kind=type(error).__name__,
                error=str(error)[:200],
            )
            self.transport.failVerification(Failure(BrokenProtocol(str(error)[:200])))

    def _missing(self) -> int:
        """Bytes that the string needs which is arriving: Banana would copy it at every few."""
        for place, byte in enumerate(self.buffer[:_LONGEST_PREFIX]):
            if byte >= 0x80:
                if self.buffer[place : place + 1] != banana.STRING:
                    break
                return int(banana.b1282int(self.buffer[:place])) + place + 1 - len(self.buffer)
        return 0

    def gotItem(self, item: object) -> None:
        self._items += 1
        if self._items > limits.MESSAGE_ITEMS or len(self.listStack) > limits.MESSAGE_DEPTH:
            raise BrokenProtocol("a message has too many parts")
        if type(item) not in (bytes, int, list):
            raise BrokenProtocol(f"a {type(item).__name__} in a message")
        super().gotItem(item)

    def callExpressionReceived(self, expression: object) -> None:
        self._undecoded = 0
        self._items = 0
        super().callExpressionReceived(expression)

    def expressionReceived(self, expression: object) -> None:
        if not isinstance(expression, list) or not expression:
            raise BrokenProtocol("a message that is no list")
        command, *arguments = expression
        kinds = self._taken.get(command) if isinstance(command, bytes) else None
        if kinds is None or len(kinds) != len(arguments):
            raise BrokenProtocol(f"command {command!r:.40}")
        if not all(map(isinstance, arguments, kinds)):
            raise BrokenProtocol(f"arguments of command {command!r:.40}")
        super().expressionReceived(expression)

    # -- Answers

    def sendCall(self, *expression: object) -> None:
        if not self.disconnected:  # else a late answer, or a reference that died
            super().sendCall(*expression)

    def proto_answer(self, requestID: int, netResult: object) -> None:
        waiting = self._waiting(requestID)
        try:
            answer = self.unserialize(netResult)
        except Exception as error:
            waiting.errback(Failure(BrokenProtocol(str(error)[:200])))
            raise
        waiting.callback(answer)

    def proto_error(self, requestID: int, text: bytes) -> None:
        self._waiting(requestID).errback(
            Failure(RefusedByPeer(text[:1000].decode(errors="replace")))
        )

    def _waiting(self, request_id: int) -> Deferred[Any]:
        try:
            return self.waitingForAnswers.pop(request_id)
        except KeyError:
            raise BrokenProtocol("an answer to nothing") from None

    def _sendError(self, fail: object, requestID: int) -> None:
        """Errors travel as text; the cause is logged where it happened."""
        error = fail.value if isinstance(fail, Failure) else fail
        text = str(error) if isinstance(error, pb.Error) else "internal error"
        self.sendCall(b"error", requestID, text.encode()[:1000])


class AsyncReferenceable(_Referenceable):  # type: ignore[misc]
    """
    An object whose methods the peer may call; only those in C{METHODS}.

    This is the one place where a coroutine becomes what PB can answer with.

    @cvar METHODS: name to the types of the arguments. C{open} is C{async def remote_open}.
    """

    METHODS: dict[str, tuple[type, ...]] = {}

    def remoteMessageReceived(
        self, broker: NodeBroker, message: str, args: list[Any], kw: list[Any]
    ) -> object:
        kinds = self.METHODS.get(message)
        if kinds is None:
            raise RefusedByPeer("there is no such method")
        values = args[1:]
        if args[:1] != [b"tuple"] or kw != [b"dictionary"] or [*map(type, values)] != [*kinds]:
            raise RefusedByPeer(f"{message} takes other arguments")
        method = getattr(self, f"remote_{message}")
        return broker.serialize(Deferred.fromCoroutine(method(*values)))


def root_of(broker: NodeBroker) -> Reference:
    """The object that the other side of a connection offers first."""
    root: Reference = broker.remoteForName("root")
    return root
