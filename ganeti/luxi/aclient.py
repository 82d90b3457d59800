"""The client of daemons and tests: the same requests without blocking the reactor."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from ganeti.errors import LuxiError, NoMasterError
from ganeti.luxi.client import DEFAULT_TIMEOUTS, Timeouts, decode_answer, encode_request
from ganeti.luxi.framing import MAX_ANSWER, FrameReader
from ganeti.utils.aio import with_timeout


class AsyncClient:
    """One connection to the master daemon; requests may overlap and are answered in order."""

    def __init__(self, reactor: Any, path: str, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> None:
        """
        @param reactor: provides IReactorUNIX and IReactorTime.
        """
        self._reactor = reactor
        self._path = path
        self._timeouts = timeouts
        self._protocol: _LuxiProtocol | None = None

    async def connect(self) -> None:
        """@raise NoMasterError: nobody answers; the text says which daemon to start."""
        folder, name = os.path.split(self._path)
        try:
            directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as err:
            raise self._no_master(err) from err
        try:
            endpoint = UNIXClientEndpoint(
                self._reactor, f"/proc/self/fd/{directory}/{name}", timeout=self._timeouts.connect
            )
            connecting: Deferred[_LuxiProtocol] = endpoint.connect(
                Factory.forProtocol(_LuxiProtocol)
            )
            self._protocol = await connecting
        except ConnectError as err:
            raise self._no_master(err) from err
        finally:
            os.close(directory)

    def _no_master(self, err: Exception) -> NoMasterError:
        return NoMasterError(
            f"Cannot connect to {self._path}: {err}; if the master daemon is not running,"
            " start it with 'ganeti-masterd' on the master node"
        )

    async def call(self, method: str, args: Sequence[Any] = ()) -> Any:
        """
        Make one request.

        @raise LuxiError: not connected, the connection broke, or the answer took too long.
        @raise GanetiError: what the master daemon answered.
        """
        if self._protocol is None:
            raise LuxiError("Not connected to the master daemon")
        late = LuxiError(
            f"ganeti-masterd did not answer {method} within {self._timeouts.answer:g} seconds"
        )
        answer = self._protocol.request(encode_request(method, args))
        return decode_answer(await with_timeout(answer, self._timeouts.answer, self._reactor, late))

    async def close(self) -> None:
        """End the connection; open requests fail."""
        if self._protocol is not None:
            protocol, self._protocol = self._protocol, None
            await protocol.close()


class _LuxiProtocol(Protocol):
    def __init__(self) -> None:
        self._reader = FrameReader(MAX_ANSWER)
        self._waiting: deque[Deferred[bytes]] = deque()
        self._ended: Deferred[None] | None = None
        self._lost = False

    def request(self, frame: bytes) -> Deferred[bytes]:
        answer: Deferred[bytes] = Deferred()
        if self._lost:
            answer.errback(LuxiError("The master daemon closed the connection"))
            return answer
        self._waiting.append(answer)
        assert self.transport is not None
        self.transport.write(frame)
        return answer

    def dataReceived(self, data: bytes) -> None:
        try:
            for frame in self._reader.feed(data):
                self._answer(frame)
        except LuxiError as err:
            self._fail(err)

    def _answer(self, frame: bytes) -> None:
        if not self._waiting:
            self._fail(LuxiError("The master daemon answered without being asked"))
            return
        answer = self._waiting.popleft()
        if not answer.called:  # else it was cancelled: nobody waits for it any more
            answer.callback(frame)

    def _fail(self, error: LuxiError) -> None:
        assert self.transport is not None
        self.transport.loseConnection()
        self._fail_all(error)

    def _fail_all(self, error: LuxiError) -> None:
        while self._waiting:
            answer = self._waiting.popleft()
            if not answer.called:
                answer.errback(error)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = True
        self._fail_all(LuxiError("The master daemon closed the connection"))
        if self._ended is not None:
            self._ended.callback(None)

    async def close(self) -> None:
        if self._lost:
            return
        self._ended = Deferred()
        assert self.transport is not None
        self.transport.loseConnection()
        await self._ended
