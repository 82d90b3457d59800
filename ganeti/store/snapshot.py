"""
A database's content in parts: for replicas that are too far behind, or went another way.

A snapshot is of one position and consistent, though commits go on while it is read. Parts are
MessagePack of about half a MiB.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import msgspec

from ganeti import errors
from ganeti.model import codec
from ganeti.model.state import StateHeader
from ganeti.store import rows, schema, sqlite
from ganeti.store.database import Database
from ganeti.store.entry import Position
from ganeti.utils import failpoints
from ganeti.utils.resolving import resolved

PART_BYTES = 480 << 10
"""A part ends with the row that exceeds this."""

FORMAT = 1

_CONTENT: dict[str, tuple[str, ...]] = {
    **{schema.table_name(kind): ("uuid", "body") for kind in rows.OBJECT_TABLES},
    "job": ("id", "body"),
    "job_log": ("job_id", "serial", "body"),
    "archive": ("id", "body"),
    "unknown": ("place", "body"),
    "unreadable_job": ("id", "body", "reason"),
}
"""Tables and columns that a snapshot has, in the order sent."""


class SnapshotHead(msgspec.Struct, frozen=True, kw_only=True):
    """What the snapshot is of."""

    format: int
    position: Position
    header: StateHeader


class SnapshotPart(msgspec.Struct, frozen=True, kw_only=True):
    """Some rows, each with its table's name first; the first part has the head."""

    head: SnapshotHead | None = None
    rows: tuple[tuple[Any, ...], ...] = ()


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(resolved(SnapshotPart)).decode


class SnapshotReader:
    """Reads a snapshot of C{database} part by part; blocking, in the database's thread."""

    def __init__(self, database: Database) -> None:
        self._path = database.path
        self._connection = _frozen_copy(database)
        try:
            self.head = _read_head(self._connection, self._path)
        except BaseException:
            self.close()
            raise
        self._parts = self._all_parts()

    @property
    def position(self) -> Position:
        """What the snapshot is of."""
        return self.head.position

    def next_part(self) -> bytes | None:
        """The next part; None after the last."""
        try:
            return next(self._parts, None)
        except sqlite3.Error as err:
            raise sqlite.translated(err, self._path) from err

    def close(self) -> None:
        """Let go of the copy; a database that is read from cannot shrink its write-ahead log."""
        self._connection.close()

    def _all_parts(self) -> Iterator[bytes]:
        head: SnapshotHead | None = self.head
        collected: list[tuple[Any, ...]] = []
        size = 0
        for row in self._all_rows():
            collected.append(row)
            size += 16 + sum(len(value) for value in row if isinstance(value, bytes | str))
            if size > PART_BYTES:
                yield _encode(SnapshotPart(head=head, rows=tuple(collected)))
                head, collected, size = None, [], 0
        yield _encode(SnapshotPart(head=head, rows=tuple(collected)))

    def _all_rows(self) -> Iterator[tuple[Any, ...]]:
        for table, columns in _CONTENT.items():
            for row in self._connection.execute(f"SELECT {', '.join(columns)} FROM {table}"):
                yield (table, *row)


def _frozen_copy(database: Database) -> sqlite3.Connection:
    """A second connection that goes on seeing what is there now."""
    try:
        if database.path == ":memory:":
            copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            database.connection.backup(copy)
            return copy
        copy = sqlite.connect_for_reading(database.path)
        copy.execute("BEGIN")
        copy.execute("SELECT count(*) FROM meta").fetchone()
        return copy
    except sqlite3.Error as err:
        raise sqlite.translated(err, database.path) from err


def _read_head(connection: sqlite3.Connection, path: str) -> SnapshotHead:
    try:
        meta = dict(connection.execute("SELECT key, value FROM meta"))
    except sqlite3.Error as err:
        raise sqlite.translated(err, path) from err
    if "position" not in meta:
        raise errors.StorageError(f"{path} is empty: there is nothing to copy")
    position = codec.decode(meta["position"], Position)
    return SnapshotHead(
        format=FORMAT, position=position, header=codec.decode(meta["header"], StateHeader)
    )


def stage(database: Database, snapshot_id: str, number: int, part: bytes) -> None:
    """
    Keep one part of a snapshot that arrives; parts of any other one are dropped.

    @param number: from 0; a repeat replaces what was there.
    """
    with sqlite.transaction(database.connection, database.path) as connection:
        connection.execute("DELETE FROM incoming WHERE snapshot <> ?", (snapshot_id,))
        connection.execute(
            "INSERT OR REPLACE INTO incoming (part, snapshot, body) VALUES (?, ?, ?)",
            (number, snapshot_id, part),
        )


def install(database: Database, snapshot_id: str, count: int) -> Position:
    """
    Replace the whole content by the staged snapshot of C{count} parts, in one transaction.

    @raise errors.StorageError: parts are missing or damaged; nothing changed.
    """
    failpoints.reach("journal.install.before", "snapshot")
    with sqlite.transaction(database.connection, database.path) as connection:
        _clear(connection)
        head: SnapshotHead | None = None
        for number in range(count):
            part = _staged_part(connection, snapshot_id, number)
            head = part.head if number == 0 else head
            _insert_rows(connection, part)
        if head is None or head.format != FORMAT:
            raise errors.StorageError(f"Snapshot {snapshot_id} has no head that we can read")
        _set_position(connection, head)
        connection.execute("DELETE FROM incoming")
    failpoints.reach("journal.install.after", "snapshot")
    return head.position


def _clear(connection: sqlite3.Connection) -> None:
    for table in ("log", "meta", *_CONTENT):
        connection.execute(f"DELETE FROM {table}")


def _staged_part(connection: sqlite3.Connection, snapshot_id: str, number: int) -> SnapshotPart:
    sql = "SELECT body FROM incoming WHERE snapshot = ? AND part = ?"
    row = connection.execute(sql, (snapshot_id, number)).fetchone()
    if row is None:
        raise errors.StorageError(f"Part {number} of snapshot {snapshot_id} is missing")
    try:
        return _decode(row[0])
    except msgspec.DecodeError as err:
        raise errors.StorageError(f"Part {number} of snapshot {snapshot_id}: {err}") from err


def _insert_rows(connection: sqlite3.Connection, part: SnapshotPart) -> None:
    for table, found in groupby(part.rows, key=lambda row: row[0]):
        columns = _CONTENT.get(table)
        if columns is None:
            raise errors.StorageError(f"The snapshot has an unknown table '{table}'")
        marks = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
        connection.executemany(sql, [row[1:] for row in found])


def _set_position(connection: sqlite3.Connection, head: SnapshotHead) -> None:
    connection.executemany(
        "INSERT INTO meta (key, value) VALUES (?, ?)",
        [("position", codec.encode(head.position)), ("header", codec.encode(head.header))],
    )
