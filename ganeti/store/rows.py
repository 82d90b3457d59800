"""
Which rows of the database a log entry changes.

The database and its replicas consume encoded deltas only; so the rows are a function of the
log, and equal on every node, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from ganeti import errors
from ganeti.model.delta import Kind
from ganeti.utils.resolving import resolved

OBJECT_TABLES: tuple[str, ...] = ("cluster", *(kind.value for kind in Kind))
"""One table per kind of object that is addressed by uuid."""

_PUT = "put_"
_PUT_JOB = "put_job"
_PUT_QUEUE = "put_queue"
_EMPTY = msgspec.Raw(b"")


@dataclass(frozen=True, slots=True)
class PutRow:
    """An object's row has this body now."""

    table: str
    uuid: str
    body: bytes


@dataclass(frozen=True, slots=True)
class DeleteRow:
    """An object's row goes."""

    table: str
    uuid: str


@dataclass(frozen=True, slots=True)
class PutJobRow:
    """A job's row has this body now."""

    job_id: int
    body: bytes


@dataclass(frozen=True, slots=True)
class ArchiveRow:
    """A job's row moves to the archive."""

    job_id: int


@dataclass(frozen=True, slots=True)
class LogRow:
    """A line is appended to a job's log."""

    job_id: int
    serial: int
    body: bytes


RowChange = PutRow | DeleteRow | PutJobRow | ArchiveRow | LogRow


class _Change(msgspec.Struct, frozen=True, kw_only=True):
    """Any change, decoded as far as its rows need."""

    do: str
    object: msgspec.Raw = _EMPTY
    kind: str = ""
    uuid: str = ""
    job_id: int = 0
    lines: tuple[msgspec.Raw, ...] = ()


class _ObjectKey(msgspec.Struct, frozen=True, kw_only=True):
    uuid: str


class _JobKey(msgspec.Struct, frozen=True, kw_only=True):
    id: int


class _LineKey(msgspec.Struct, frozen=True, kw_only=True):
    serial: int


_decode_body = msgspec.json.Decoder(resolved(tuple[_Change, ...])).decode
_decode_uuid = msgspec.json.Decoder(resolved(_ObjectKey)).decode
_decode_job_id = msgspec.json.Decoder(resolved(_JobKey)).decode
_decode_serial = msgspec.json.Decoder(resolved(_LineKey)).decode


@dataclass(frozen=True, slots=True)
class EntryRows:
    """What one log entry does to the database."""

    summary: str
    """The tags of its changes: for failpoints and debugging."""
    changes: tuple[RowChange, ...]


def rows_of(body: bytes) -> EntryRows:
    """
    The row changes of an encoded delta, in its order.

    @raise errors.StorageError: it is not a delta, or of a later release that knows more kinds.
    """
    try:
        found = _decode_body(body)
        changes = tuple(row for change in found for row in _rows_of_change(change))
    except msgspec.DecodeError as err:
        raise errors.StorageError(f"A log entry cannot be read: {err}") from err
    return EntryRows(",".join(change.do for change in found), changes)


def _rows_of_change(change: _Change) -> Iterator[RowChange]:
    raw = bytes(change.object)
    if change.do == _PUT_JOB:
        yield PutJobRow(_decode_job_id(raw).id, raw)
    elif change.do == _PUT_QUEUE:
        return  # part of the header
    elif change.do.startswith(_PUT):
        yield PutRow(_table(change.do.removeprefix(_PUT)), _decode_uuid(raw).uuid, raw)
    elif change.do == "delete":
        yield DeleteRow(_table(change.kind), change.uuid)
    elif change.do == "archive_job":
        yield ArchiveRow(change.job_id)
    elif change.do == "job_log":
        for line in change.lines:
            yield LogRow(change.job_id, _decode_serial(bytes(line)).serial, bytes(line))
    else:
        raise errors.StorageError(f"A log entry holds an unknown change '{change.do}'")


def _table(kind: str) -> str:
    if kind not in OBJECT_TABLES:
        raise errors.StorageError(f"A log entry holds an object of unknown kind '{kind}'")
    return kind
