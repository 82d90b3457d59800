"""
The client of commands: blocking, and quick to import (no Twisted, and no msgspec before a
record is sent).
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, NamedTuple

from ganeti.errors import LuxiError, NoMasterError, decode_error
from ganeti.luxi.framing import END_OF_FRAME, MAX_ANSWER, MAX_REQUEST, FrameReader
from ganeti.utils.sockets import connect_unix

WAIT_FOR_JOB_CHANGE_S = 89
"""How long the master daemon keeps one wait for a job open at most."""

_READ_SIZE = 256 << 10


class Timeouts(NamedTuple):
    """
    Limits, in seconds.

    @ivar connect: until the master daemon takes the connection.
    @ivar answer: of one request.
    @ivar reconnect: how long to try again when the daemon ends in the middle of a request.
    """

    connect: float = 30
    answer: float = 180
    reconnect: float = 30


DEFAULT_TIMEOUTS = Timeouts()


def may_be_repeated(method: str) -> bool:
    """Whether asking again does no harm: methods that only read."""
    return method.startswith("Query") or method == "WaitForJobChange"


def encode_request(method: str, args: Sequence[Any]) -> bytes:
    """
    A request as a frame.

    @raise LuxiError: it holds what cannot be sent, or is longer than the master daemon takes.
    """
    request = {"method": method, "args": args}
    try:
        frame = json.dumps(request, default=_plain, allow_nan=False).encode() + END_OF_FRAME
    except (TypeError, ValueError) as err:
        raise LuxiError(f"Request {method} cannot be sent: {err}") from err
    if len(frame) > MAX_REQUEST:
        raise LuxiError(f"Request {method} is too long: {len(frame)} bytes; split it")
    return frame


def _plain(record: Any) -> Any:
    from ganeti.model import codec  # slow to import, and most requests hold no record

    return codec.to_builtins(record)


def decode_answer(frame: bytes) -> Any:
    """
    The result of a request.

    @raise GanetiError: the error that the answer holds.
    @raise LuxiError: not an answer.
    """
    try:
        answer = json.loads(frame)
        success, result = answer["success"], answer.get("result")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
        raise LuxiError(f"Not understood what the master daemon answered: {err!r}") from err
    if success is not True:
        raise decode_error(result)
    return result


class Client:
    """
    A connection to the master daemon, made when first needed.

    A request that only reads is repeated when the connection breaks, so that
    who waits for a job outlives a restart of the daemon. One that changes
    something is not: whether it was carried out is not known.
    """

    def __init__(
        self,
        path: str,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path = path
        self._timeouts = timeouts
        self._now = now
        self._sleep = sleep
        self._connection: _Connection | None = None

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; the next request makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def call(self, method: str, args: Sequence[Any] = ()) -> Any:
        """
        Make one request.

        @param args: as luxi.json names them; records (opcodes) are encoded.
        @raise NoMasterError: nobody answers; the text says which daemon to start.
        @raise LuxiError: the connection broke or the answer took too long.
        @raise GanetiError: what the master daemon answered.
        """
        frame = encode_request(method, args)
        repeatable = may_be_repeated(method)
        if self._connection is None:
            self._connection = self._connect()
        try:
            return decode_answer(self._exchange(self._connection, frame))
        except _Broken as broken:
            self.close()
            if not repeatable:
                raise LuxiError(
                    f"Connection to ganeti-masterd broke during {method} ({broken});"
                    " it is not known whether it was carried out"
                ) from broken
        return self._repeat(method, frame)

    def _repeat(self, method: str, frame: bytes) -> Any:
        until = self._now() + self._timeouts.reconnect
        while True:
            try:
                self._connection = self._connect()
                return decode_answer(self._exchange(self._connection, frame))
            except (_Broken, NoMasterError) as err:
                self.close()
                if self._now() >= until:
                    raise LuxiError(
                        f"Connection to ganeti-masterd broke during {method}: {err}"
                    ) from err
            self._sleep(0.2)

    def _exchange(self, connection: _Connection, frame: bytes) -> bytes:
        try:
            connection.send(frame, self._now() + self._timeouts.answer, self._now)
            return connection.receive(self._now() + self._timeouts.answer, self._now)
        except TimeoutError as err:
            self.close()
            raise LuxiError(
                f"ganeti-masterd did not answer within {self._timeouts.answer:g} seconds"
            ) from err
        except (LuxiError, KeyboardInterrupt):
            self.close()
            raise

    def _connect(self) -> _Connection:
        until = self._now() + self._timeouts.connect
        while True:
            try:
                return _Connection(connect_unix(self._path, self._timeouts.connect))
            except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as err:
                raise NoMasterError(
                    f"Cannot connect to {self._path}: the master daemon is not running;"
                    " start it with 'ganeti-masterd' on the master node"
                ) from err
            except PermissionError as err:
                raise NoMasterError(
                    f"Cannot connect to {self._path}: permission denied;"
                    " only the user of the daemons and their group may"
                ) from err
            except (BlockingIOError, TimeoutError) as err:  # its queue of connections is full
                if self._now() >= until:
                    raise NoMasterError(
                        f"Cannot connect to {self._path}: the master daemon is busy"
                    ) from err
            except OSError as err:
                raise NoMasterError(
                    f"Cannot connect to {self._path}: {err.strerror or err}"
                ) from err
            self._sleep(0.1)

    def submit_job(self, ops: Sequence[Any]) -> int:
        """Store a job. @param ops: opcode records. @return: its id."""
        return int(self.call("SubmitJob", [ops]))

    def submit_job_to_drained_queue(self, ops: Sequence[Any]) -> int:
        """Store a job even if the queue is drained. @return: its id."""
        return int(self.call("SubmitJobToDrainedQueue", [ops]))

    def submit_many_jobs(self, jobs: Sequence[Sequence[Any]]) -> list[tuple[bool, Any]]:
        """Store jobs. @return: (true, id) or (false, text) for each."""
        return [(bool(ok), value) for ok, value in self.call("SubmitManyJobs", [jobs])]

    def wait_for_job_change(
        self,
        job_id: int,
        fields: Sequence[str],
        prev_info: Sequence[Any] | None,
        prev_log_serial: int | None,
        timeout_s: float = WAIT_FOR_JOB_CHANGE_S,
    ) -> tuple[list[Any], list[Any]] | None:
        """
        Wait until a job differs from what is known of it.

        @return: (values of the fields, new log entries), or None: nothing changed in time.
        @raise JobLost: there is no such job.
        """
        answer = self.call(
            "WaitForJobChange", [job_id, fields, prev_info, prev_log_serial, timeout_s]
        )
        if answer == "nochange":  # what older daemons say
            return None
        info, log = answer
        if prev_info is not None and list(info or ()) == list(prev_info) and not log:
            return None
        return info, log

    def cancel_job(self, job_id: int, kill: bool = False) -> tuple[bool, str]:
        """@return: whether it worked, and a text for the admin."""
        done, text = self.call("CancelJob", [job_id, kill])
        return bool(done), str(text)

    def change_job_priority(self, job_id: int, priority: int) -> tuple[bool, str]:
        """@return: whether it worked, and a text for the admin."""
        done, text = self.call("ChangeJobPriority", [job_id, priority])
        return bool(done), str(text)

    def archive_job(self, job_id: int) -> bool:
        """@return: whether it was there and had ended."""
        return bool(self.call("ArchiveJob", [job_id]))

    def auto_archive_jobs(self, age_s: int, timeout_s: int) -> tuple[int, int]:
        """@return: how many were archived, and how many not looked at."""
        archived, left = self.call("AutoArchiveJobs", [age_s, timeout_s])
        return int(archived), int(left)

    def query(self, what: str, fields: Sequence[str], qfilter: Any = None) -> dict[str, Any]:
        """@return: C{fields} (definitions) and C{data} (rows of [status, value])."""
        answer: dict[str, Any] = self.call("Query", [what, fields, qfilter])
        return answer

    def query_fields(self, what: str, fields: Sequence[str] | None = None) -> dict[str, Any]:
        """@return: C{fields} (definitions)."""
        answer: dict[str, Any] = self.call("QueryFields", [what, fields])
        return answer

    def query_jobs(self, ids: Sequence[int] | None, fields: Sequence[str]) -> list[list[Any]]:
        """@return: rows of plain values; a missing job has null in all but its id."""
        answer: list[list[Any]] = self.call("QueryJobs", [ids, fields])
        return answer

    def query_tags(self, kind: str, name: str | None) -> list[str]:
        """Tags of an object."""
        answer: list[str] = self.call("QueryTags", [kind, name])
        return answer

    def query_cluster_info(self) -> dict[str, Any]:
        """All there is to know about the cluster."""
        answer: dict[str, Any] = self.call("QueryClusterInfo", [])
        return answer

    def query_config_values(self, fields: Sequence[str]) -> list[Any]:
        """Single values of the configuration; None for unknown names."""
        answer: list[Any] = self.call("QueryConfigValues", [fields])
        return answer

    def set_queue_drain_flag(self, drained: bool) -> None:
        """Take no more jobs, or take them again."""
        self.call("SetDrainFlag", [drained])

    def set_watcher_pause(self, until: float | None) -> float | None:
        """Let the watcher rest until a time (seconds since the epoch), or end its rest."""
        answer: float | None = self.call("SetWatcherPause", [until])
        return answer


class _Broken(Exception):
    """The connection ended in the middle of a request."""


class _Connection:
    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._reader = FrameReader(MAX_ANSWER)

    def close(self) -> None:
        self._socket.close()

    def send(self, frame: bytes, until: float, now: Callable[[], float]) -> None:
        self._socket.settimeout(max(until - now(), 0.001))
        try:
            self._socket.sendall(frame)
        except TimeoutError:
            raise
        except OSError as err:
            raise _Broken(err.strerror or str(err)) from err

    def receive(self, until: float, now: Callable[[], float]) -> bytes:
        while True:
            self._socket.settimeout(max(until - now(), 0.001))
            try:
                data = self._socket.recv(_READ_SIZE)
            except TimeoutError:
                raise
            except OSError as err:
                raise _Broken(err.strerror or str(err)) from err
            if not data:
                raise _Broken("it closed the connection")
            frames = list(self._reader.feed(data))
            if frames:
                return frames[0]
            if now() >= until:
                raise TimeoutError
