"""A master daemon that answers as a test tells it to: LUXI frames on a unix socket."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

from ganeti.errors import encode_error
from ganeti.luxi.framing import END_OF_FRAME, MAX_REQUEST, FrameReader

Answer = Callable[[str, list[Any]], Any]


class HangUp(Exception):
    """Raised by an answer function: close the connection instead of answering."""


class FakeMaster:
    """
    Serves one connection after another in a thread, until C{stop}.

    @ivar calls: (method, arguments) in the order they came.
    """

    def __init__(self, path: str, answer: Answer) -> None:
        self.calls: list[tuple[str, list[Any]]] = []
        self._answer = answer
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        here = os.open(os.path.dirname(path), os.O_RDONLY)
        self._listener.bind(f"/proc/self/fd/{here}/{os.path.basename(path)}")
        os.close(here)
        self._listener.listen(5)
        self._path = path
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and remove the socket."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()
        os.unlink(self._path)

    def asked(self, method: str) -> list[list[Any]]:
        """The arguments of all calls of one method."""
        return [args for name, args in self.calls if name == method]

    def _serve(self) -> None:
        while True:
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            with connection:
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        reader = FrameReader(MAX_REQUEST)
        while data := _receive(connection):
            for frame in reader.feed(data):
                try:
                    connection.sendall(self._respond(json.loads(frame)) + END_OF_FRAME)
                except (HangUp, OSError):  # an OSError: the client is gone
                    return

    def _respond(self, request: dict[str, Any]) -> bytes:
        method, args = request["method"], request["args"]
        self.calls.append((method, args))
        try:
            answer = {"success": True, "result": self._answer(method, args)}
        except HangUp:
            raise
        except Exception as err:
            answer = {"success": False, "result": encode_error(err)}
        return json.dumps(answer).encode()


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionError:
        return b""


class ScriptedMaster:
    """
    An answer function for commands that submit jobs.

    Each job runs at once: it writes C{log}, and ends with C{results}, one for each opcode, or
    with the error that stands for it.
    """

    def __init__(
        self,
        *,
        first_id: int = 1,
        log: Sequence[tuple[str, str]] = (),
        result: Any = None,
        other: dict[str, Any] | None = None,
    ) -> None:
        self.jobs: dict[int, list[dict[str, Any]]] = {}
        self._next = first_id
        self._log = log
        self._result = result
        self._other = other or {}

    def __call__(self, method: str, args: list[Any]) -> Any:
        if method in self._other:
            found = self._other[method]
            answer = found(*args) if callable(found) else found
            if isinstance(answer, Exception):
                raise answer
            return answer
        return getattr(self, f"_{method}")(*args)

    def _SubmitJob(self, ops: list[dict[str, Any]]) -> int:
        self.jobs[self._next] = ops
        self._next += 1
        return self._next - 1

    def _SubmitManyJobs(self, jobs: list[list[dict[str, Any]]]) -> list[list[Any]]:
        return [[True, self._SubmitJob(ops)] for ops in jobs]

    def _WaitForJobChange(
        self, _id: int, _fields: list[str], _info: Any, serial: int | None, _timeout: float
    ) -> Any:
        entries = [
            [number, [1795180557, 0], kind, text]
            for number, (kind, text) in enumerate(self._log, 1)
            if number > (serial or 0)
        ]
        return [[self._status()], entries]

    def _status(self) -> str:
        return "error" if isinstance(self._result, Exception) else "success"

    def _QueryJobs(self, ids: list[int], _fields: list[str]) -> list[list[Any]]:
        failed = isinstance(self._result, Exception)
        result = encode_error(self._result) if failed else self._result
        return [[self._status(), [self._status()], [result]] for _id in ids]
