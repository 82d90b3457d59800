"""
The local protocol's server: frames in, answers out, in order.

Nobody can hurt the others: a frame has a limit, a connection has one request
under way and reads no more than it needs meanwhile, who does not read its
answers is cut off, and the number of connections is limited.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ganeti.errors import GanetiError, LuxiError
from ganeti.luxi.codec import decode_request, encode_failure, encode_result
from ganeti.luxi.framing import MAX_REQUEST, FrameReader
from ganeti.luxi.methods import Method, decode_arguments
from ganeti.paths import Paths
from ganeti.utils.aio import gather, sleep
from ganeti.utils.sockets import UnixListener

MAX_CONNECTIONS = 4000
MAX_WAITING_FRAMES = 8
READ_LIMIT_S = 180.0
"""How long a client may leave an answer unread."""
TURN_S = 0.01
"""So long requests that wait on one connection are answered before others have their turn."""

Handler = Callable[[Method], Awaitable[Any]]


@implementer(IPushProducer)
class LuxiConnection(Protocol):
    """One client. Registered with its transport as producer, to see when it does not read."""

    log = Logger()
    transport: Any

    def __init__(self, server: LuxiServer) -> None:
        self._server = server
        self._reader = FrameReader(MAX_REQUEST)
        self._frames: deque[bytes] = deque()
        self._under_way: Method | None = None
        self._work: Deferred[None] | None = None
        self._unread: IDelayedCall | None = None
        self._readable: Deferred[None] | None = None
        self._open = False

    def connectionMade(self) -> None:
        self._open = self._server.admit(self)
        if self._open:
            self.transport.registerProducer(self, True)
        else:
            self.transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        try:
            self._frames.extend(self._reader.feed(data))
        except LuxiError as err:
            self.transport.write(encode_failure(err))
            self._close()
            return
        if self._work is None:
            self._work = Deferred.fromCoroutine(self._answer_all())
            if self._work.called:
                self._work = None
        if len(self._frames) > MAX_WAITING_FRAMES:
            self.transport.pauseProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Reads nobody waits for any more end; what changes something goes on."""
        self._open = False
        self._frames.clear()
        self._stop_timer()
        if self._work is None:
            self._server.gone(self)
        if self._readable is not None:
            self._readable.callback(None)
        if self._work is not None and self._under_way is not None and self._under_way.REPEATABLE:
            self._work.cancel()

    async def finished(self) -> None:
        """Return when nothing is under way."""
        self._close()
        work = self._work
        if work is not None:
            work.cancel()
            await work

    async def _answer_all(self) -> None:
        turn_ends = self._server.clock.seconds() + TURN_S
        try:
            while self._frames and self._open:
                self._write(await self._answer(self._frames.popleft()))
                if self._server.clock.seconds() > turn_ends:
                    await sleep(self._server.clock, 0)
                    turn_ends = self._server.clock.seconds() + TURN_S
                if self._unread is not None:
                    self._readable = Deferred()
                    await self._readable
                if self._open and len(self._frames) <= MAX_WAITING_FRAMES:
                    self.transport.resumeProducing()
        except CancelledError:
            pass  # the client is gone, or we stop
        finally:
            self._work = None
            if not self._open:
                self._server.gone(self)

    async def _answer(self, frame: bytes) -> bytes:
        try:
            self._under_way = decode_arguments(decode_request(frame))
            return encode_result(await self._server.handle(self._under_way))
        except CancelledError:
            raise
        except GanetiError as err:
            return encode_failure(err)
        except Exception as err:
            self.log.failure("Request failed: {frame}", frame=frame[:200])
            return encode_failure(err)
        finally:
            self._under_way = None

    def _write(self, answer: bytes) -> None:
        if self._open:
            self.transport.write(answer)

    def _close(self) -> None:
        self._open = False
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def _stop_timer(self) -> None:
        if self._unread is not None and self._unread.active():
            self._unread.cancel()
        self._unread = None

    # -- IPushProducer: the transport says whether the client reads

    def pauseProducing(self) -> None:
        if self._unread is None:
            self._unread = self._server.clock.callLater(
                READ_LIMIT_S, self.transport.abortConnection
            )

    def resumeProducing(self) -> None:
        self._stop_timer()
        waiting, self._readable = self._readable, None
        if waiting is not None:
            waiting.callback(None)

    def stopProducing(self) -> None:
        self._stop_timer()


class LuxiServer(Factory):
    """Listens on the query socket; C{handle} does what is asked."""

    noisy = False

    def __init__(self, reactor: Any, paths: Paths, handle: Handler) -> None:
        """@param reactor: provides IReactorSocket and IReactorTime."""
        self.clock = reactor
        self.handle = handle
        self._paths = paths
        self._connections: set[LuxiConnection] = set()
        self._listener: UnixListener | None = None

    def buildProtocol(self, addr: Any) -> LuxiConnection:
        return LuxiConnection(self)

    def listen(self) -> None:
        """@raise OSError: the socket's path cannot be used."""
        self._listener = UnixListener(self.clock, self._paths.query_socket, self)
        link = self._paths.master_socket
        with contextlib.suppress(FileNotFoundError):
            os.unlink(link)
        os.symlink(os.path.basename(self._paths.query_socket), link)

    async def stop(self) -> None:
        """Accept nobody any more, and end what is under way."""
        if self._listener is not None:
            await self._listener.stop()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._paths.master_socket)
        await gather([connection.finished() for connection in list(self._connections)])

    def admit(self, connection: LuxiConnection) -> bool:
        """Note a new connection; False when there are too many."""
        if len(self._connections) >= MAX_CONNECTIONS:
            return False
        self._connections.add(connection)
        return True

    def gone(self, connection: LuxiConnection) -> None:
        self._connections.discard(connection)
