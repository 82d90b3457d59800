"""From the rows of a database to the state they hold."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import msgspec

from ganeti import errors, version
from ganeti.model import codec
from ganeti.model.cluster import Cluster
from ganeti.model.configfile import Unknown, UnknownKey
from ganeti.model.delta import Change, Kind, Storable, put, state_from
from ganeti.model.disk import Disk
from ganeti.model.filter import FilterRule
from ganeti.model.group import NodeGroup
from ganeti.model.instance import Instance
from ganeti.model.job import Job, JobOp, LogLine, OpStatus
from ganeti.model.network import Network
from ganeti.model.node import Node
from ganeti.model.recovery import Debt
from ganeti.model.state import State, StateHeader
from ganeti.store.entry import Position

RECORDS: dict[str, type[Storable]] = {
    "cluster": Cluster,
    Kind.GROUP: NodeGroup,
    Kind.NODE: Node,
    Kind.NETWORK: Network,
    Kind.DISK: Disk,
    Kind.INSTANCE: Instance,
    Kind.FILTER: FilterRule,
    Kind.DEBT: Debt,
}
"""The record in each table of objects, in an order in which they can be put."""

UNREADABLE_OP = "OP_UNREADABLE"
"""Stands for an opcode of which not even the name could be read."""

T = TypeVar("T")


@dataclass(frozen=True)
class UnreadableJob:
    """A stored job that does not decode; C{job} stands for it, ended in error."""

    body: bytes
    reason: str
    job: Job


@dataclass(frozen=True)
class Loaded:
    """What a journal holds."""

    state: State
    position: Position
    log_serials: dict[int, int] = field(default_factory=dict)
    """The last serial number in the log of each job that is not archived and has lines."""
    unreadable: tuple[UnreadableJob, ...] = ()
    unknown: Unknown = field(default_factory=dict)
    """Keys of an imported configuration that no record has."""


class Rows(Protocol):
    """The part of a database that loading reads."""

    path: str

    def position(self) -> Position: ...
    def meta(self, key: str) -> bytes | None: ...
    def objects(self, table: str) -> list[tuple[str, bytes]]: ...
    def jobs(self) -> list[tuple[int, bytes]]: ...
    def log_serials(self) -> list[tuple[int, int]]: ...
    def unknown(self) -> list[tuple[str, bytes]]: ...


def load(rows: Rows) -> Loaded:
    """
    Read everything but the archive and the logs.

    @raise errors.ConfigurationError: an object cannot be read, or objects contradict each other.
    """
    with _collector_paused():
        return _load(rows)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """While many objects are made and none become garbage; loading takes a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _load(rows: Rows) -> Loaded:
    changes: list[Change] = []
    for table, record in RECORDS.items():
        changes += [put(obj) for obj in _decode_objects(rows, table, record)]
    jobs, unreadable = decode_jobs(rows.jobs())
    changes += [put(job) for job in jobs]
    try:
        state = state_from(_header(rows), tuple(changes))
    except errors.ConfigurationError as err:
        raise errors.ConfigurationError(f"{rows.path} contradicts itself: {err}") from err
    return Loaded(
        state=state,
        position=rows.position(),
        log_serials=dict(rows.log_serials()),
        unreadable=tuple(unreadable),
        unknown=_decode_unknown(rows),
    )


def _header(rows: Rows) -> StateHeader:
    found = rows.meta("header")
    if found is None:
        return StateHeader(version=version.CONFIG_VERSION)
    return codec.decode(found, StateHeader)


def _decode_objects(rows: Rows, table: str, record: type[T]) -> list[T]:
    found = rows.objects(table)
    try:
        return [codec.decode(body, record) for _, body in found]
    except errors.ParseError:
        for uuid, body in found:
            _decode_one(rows.path, table, uuid, body, record)
        raise


def _decode_one(path: str, table: str, uuid: str, body: bytes, record: type[Any]) -> None:
    try:
        codec.decode(body, record)
    except errors.ParseError as err:
        raise errors.ConfigurationError(f"{path}: {table} {uuid}: {err}") from err


def encode_unknown(unknown: Unknown) -> list[tuple[str, bytes]]:
    """Unknown keys as rows."""
    return [(place, codec.encode(keys)) for place, keys in unknown.items()]


def _decode_unknown(rows: Rows) -> Unknown:
    wanted: Any = tuple[UnknownKey, ...]
    return {place: codec.decode(body, wanted) for place, body in rows.unknown()}


def decode_jobs(rows: Iterable[tuple[int, bytes]]) -> tuple[list[Job], list[UnreadableJob]]:
    """All jobs, in order, and of those that do not decode (they stand in error) the stored form."""
    jobs: list[Job] = []
    unreadable: list[UnreadableJob] = []
    for job_id, body in rows:
        job = decode_job(job_id, body)
        if isinstance(job, UnreadableJob):
            unreadable.append(job)
            job = job.job
        jobs.append(job)
    return jobs, unreadable


def decode_job(job_id: int, body: bytes) -> Job | UnreadableJob:
    """A stored job, or what stands for it."""
    try:
        return codec.decode(body, Job)
    except errors.ParseError as err:
        reason = str(err)
        return UnreadableJob(body=body, reason=reason, job=_stand_in(job_id, body, reason))


def decode_line(body: bytes) -> LogLine:
    """A stored log line; one that does not decode is shown as such."""
    try:
        return codec.decode(body, LogLine)
    except errors.ParseError as err:
        serial = _plain(body).get("serial")
        message = f"This line of the log cannot be read: {err}"
        return LogLine(serial=_whole(serial) or 0, time_ns=0, type="message", message=message)


def _stand_in(job_id: int, body: bytes, reason: str) -> Job:
    """A job in error that shows as much of the stored one as can be read."""
    plain = _plain(body)
    text = f"The stored job cannot be read: {reason}"
    stored = plain.get("ops")
    ops = [_stand_in_op(op, text) for op in stored] if isinstance(stored, list) else []
    return Job(
        id=job_id,
        ops=tuple(ops) or (_stand_in_op({}, text),),
        received=_whole(plain.get("received")),
        started=_whole(plain.get("started")),
        ended=_whole(plain.get("ended")),
    )


def _stand_in_op(stored: Any, text: str) -> JobOp:
    op = stored if isinstance(stored, dict) else {}
    given = op.get("input")
    name = op.get("op_id")
    return JobOp(
        input=given if isinstance(given, dict) else {},
        op_id=name if isinstance(name, str) else UNREADABLE_OP,
        status=OpStatus.ERROR,
        result=[errors.JobLost.wire_name, [text]],
        started=_whole(op.get("started")),
        executed=_whole(op.get("executed")),
        ended=_whole(op.get("ended")),
    )


def _plain(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
