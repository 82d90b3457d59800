"""
The cluster's database, store.db: the log of commits, and what they add up to.

Blocking and without Twisted. What C{append} was given is durable when it returns.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from ganeti import errors
from ganeti.model import codec
from ganeti.model.state import StateHeader
from ganeti.store import rows, schema, sqlite
from ganeti.store.entry import Entry, Position
from ganeti.utils import failpoints

LOG_KEPT = 10_000
"""Entries kept in the log; replicas that are further behind get a snapshot."""

MAX_PATH_BYTES = 504
"""SQLite opens no file with a longer path: its MAX_PATHNAME, less room for a journal's ending."""

_PUT_JOB = """
    INSERT INTO job (id, body) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body
"""
_ARCHIVE_JOB = """
    INSERT OR REPLACE INTO archive (id, body) SELECT id, body FROM job WHERE id = ?
"""
_CHECKPOINT_BYTES = 2 << 20
_PROBE_BYTES = 128 << 10
_MAX_INTEGER = (1 << 63) - 1
"""Of SQLite."""


def excess_bytes(path: str) -> int:
    """How much too long C{path} is, once its symbolic links are followed; 0 when it will do."""
    return max(0, len(os.fsencode(os.path.realpath(path))) - MAX_PATH_BYTES)


class Database:
    """
    One store.db. One process owns the file; one thread at a time may call.

    Every method raises StorageError when the file cannot be read or written.
    """

    def __init__(self, path: str, *, create: bool = False, log_kept: int = LOG_KEPT) -> None:
        """
        @param create: make the file when there is none.
        @raise errors.StorageError: missing, damaged, of a newer release, or in use.
        """
        if excess := excess_bytes(path):
            raise errors.StorageError(f"Cannot open {path}: {excess} bytes too long for SQLite")
        self.path = path
        self._log_kept = log_kept
        self._since_checkpoint = 0
        self._lock = sqlite.OwnerLock(path) if path != ":memory:" else None
        try:
            self.connection = sqlite.connect(path, create=create)
            schema.prepare(self.connection, path)
        except BaseException:
            self._unlock()
            raise

    def close(self) -> None:
        """Let go of the file."""
        try:
            self.connection.close()
        except sqlite3.Error as err:
            raise sqlite.translated(err, self.path) from err
        finally:
            self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()

    # -- writing

    def append(self, batch: Sequence[Entry], header: StateHeader) -> None:
        """
        Make the entries durable, with the rows they change, in one transaction.

        @param header: of the state after the last of them.
        """
        if not batch:
            return
        changes = [rows.rows_of(bytes(entry.body)) for entry in batch]
        what = ";".join(change.summary for change in changes)
        self._reach_before("journal.append.before", what)
        with sqlite.transaction(self.connection, self.path) as connection:
            for entry, change in zip(batch, changes, strict=True):
                _append_entry(connection, entry, change)
            _put_meta(connection, "position", codec.encode(batch[-1].position))
            _put_meta(connection, "header", codec.encode(header))
            connection.execute(
                "DELETE FROM log WHERE idx <= ?", (batch[-1].index - self._log_kept,)
            )
        failpoints.reach("journal.append.after", what)
        self._since_checkpoint += sum(2 * len(bytes(entry.body)) + 8192 for entry in batch)

    def begin_with(self, body: bytes, position: Position, header: StateHeader) -> None:
        """
        Fill an empty database with objects that come from elsewhere; the log goes on from there.

        @param body: an encoded delta with all of them.
        """
        changes = rows.rows_of(body).changes
        with sqlite.transaction(self.connection, self.path) as connection:
            for statement, values in _statements(changes):
                connection.execute(statement, values)
            _put_meta(connection, "position", codec.encode(position))
            _put_meta(connection, "header", codec.encode(header))

    def _reach_before(self, name: str, what: str) -> None:
        try:
            failpoints.reach(name, what)
        except failpoints.FailpointError as err:
            raise errors.StorageError(f"Cannot write {self.path}: {err}") from err

    def tidy(self) -> None:
        """Empty the write-ahead log when it has grown; call it after an append was answered."""
        if self._since_checkpoint >= _CHECKPOINT_BYTES:
            self._since_checkpoint = 0
            sqlite.checkpoint(self.connection, self.path)

    def probe(self) -> None:
        """Write something of some size, durably, and take it away again: does writing work?"""
        with sqlite.transaction(self.connection, self.path) as connection:
            _put_meta(connection, "probe", bytes(_PROBE_BYTES))
        with sqlite.transaction(self.connection, self.path) as connection:
            connection.execute("DELETE FROM meta WHERE key = 'probe'")

    def put_unknown(self, unknown: Iterable[tuple[str, bytes]]) -> None:
        """Keep what an imported file says that no record has: (place in the file, JSON)."""
        with sqlite.transaction(self.connection, self.path) as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO unknown (place, body) VALUES (?, ?)", unknown
            )

    def set_aside(self, damaged: Iterable[tuple[int, bytes, str]]) -> None:
        """Keep the stored form of unreadable jobs that will be replaced: (id, body, reason)."""
        with sqlite.transaction(self.connection, self.path) as connection:
            sql = "INSERT OR REPLACE INTO unreadable_job (id, body, reason) VALUES (?, ?, ?)"
            connection.executemany(sql, damaged)

    # -- reading

    def position(self) -> Position:
        """How far the log goes."""
        found = self.meta("position")
        return codec.decode(found, Position) if found is not None else Position()

    def meta(self, key: str) -> bytes | None:
        """A value kept beside the rows."""
        found = self._rows("SELECT value FROM meta WHERE key = ?", (key,))
        return found[0][0] if found else None

    def objects(self, table: str) -> list[tuple[str, bytes]]:
        """Uuid and body of all objects of a kind, in the order they were first put."""
        if table not in rows.OBJECT_TABLES:
            raise ValueError(table)
        return self._rows(f"SELECT uuid, body FROM {schema.table_name(table)} ORDER BY id")

    def jobs(self) -> list[tuple[int, bytes]]:
        """Id and body of all jobs that are not archived, by id."""
        return self._rows("SELECT id, body FROM job ORDER BY id")

    def unknown(self) -> list[tuple[str, bytes]]:
        """What L{put_unknown} kept."""
        return self._rows("SELECT place, body FROM unknown ORDER BY place")

    def log_serials(self) -> list[tuple[int, int]]:
        """The last serial number in the log of each job that is not archived."""
        sql = """
            SELECT id, (SELECT max(serial) FROM job_log WHERE job_id = job.id) AS last
            FROM job WHERE last > 0
        """
        return self._rows(sql)

    def job_log(self, job_id: int, after: int = 0) -> list[bytes]:
        """The lines of a job's log with serial numbers above C{after}, in order."""
        sql = "SELECT body FROM job_log WHERE job_id = ? AND serial > ? ORDER BY serial"
        return [row[0] for row in self._rows(sql, (job_id, min(after, _MAX_INTEGER)))]

    def archived_job(self, job_id: int) -> bytes | None:
        """The body of an archived job; no job has a number that SQLite cannot hold."""
        if abs(job_id) > _MAX_INTEGER:
            return None
        found = self._rows("SELECT body FROM archive WHERE id = ?", (job_id,))
        return found[0][0] if found else None

    def archived_ids(self, after: int = 0, limit: int = -1) -> list[int]:
        """Ids of archived jobs above C{after}, rising; C{limit} -1: all."""
        sql = "SELECT id FROM archive WHERE id > ? ORDER BY id LIMIT ?"
        return [row[0] for row in self._rows(sql, (after, limit))]

    def archived_jobs(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """Id and body of up to C{limit} archived jobs above C{after}, rising."""
        return self._rows(
            "SELECT id, body FROM archive WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
        )

    def tail(self, after: int, limit: int) -> list[Entry] | None:
        """
        Up to C{limit} log entries that follow the one with index C{after}.

        @return: None when the log does not go back that far: a snapshot is needed.
        """
        sql = "SELECT idx, term, time_ns, body, digest FROM log WHERE idx > ? ORDER BY idx LIMIT ?"
        found = self._rows(sql, (after, limit))
        if not found:
            return [] if after >= self.position().index else None
        return [_entry(row) for row in found] if found[0][0] == after + 1 else None

    def entry(self, index: int) -> Entry | None:
        """One log entry; None when it is not there (any more, or yet)."""
        found = self._rows(
            "SELECT idx, term, time_ns, body, digest FROM log WHERE idx = ?", (index,)
        )
        return _entry(found[0]) if found else None

    def _rows(self, sql: str, values: tuple[object, ...] = ()) -> list[Any]:
        try:
            return self.connection.execute(sql, values).fetchall()
        except sqlite3.Error as err:
            raise sqlite.translated(err, self.path) from err


def _entry(row: tuple[int, int, int, bytes, str]) -> Entry:
    index, term, time_ns, body, digest = row
    return Entry(index=index, term=term, time_ns=time_ns, body=msgspec.Raw(body), digest=digest)


def _append_entry(connection: sqlite3.Connection, entry: Entry, changed: rows.EntryRows) -> None:
    connection.execute(
        "INSERT INTO log (idx, term, time_ns, body, digest) VALUES (?, ?, ?, ?, ?)",
        (entry.index, entry.term, entry.time_ns, bytes(entry.body), entry.digest),
    )
    for statement, values in _statements(changed.changes):
        connection.execute(statement, values)


def _statements(changes: Iterable[rows.RowChange]) -> Iterator[tuple[str, tuple[object, ...]]]:
    for change in changes:
        match change:
            case rows.PutRow(table, uuid, body):
                yield schema.UPSERT[table], (uuid, body)
            case rows.DeleteRow(table, uuid):
                yield schema.DELETE[table], (uuid,)
            case rows.PutJobRow(job_id, body):
                yield _PUT_JOB, (job_id, body)
            case rows.ArchiveRow(job_id):
                yield _ARCHIVE_JOB, (job_id,)
                yield "DELETE FROM job WHERE id = ?", (job_id,)
            case rows.LogRow(job_id, serial, body):
                yield (
                    "INSERT INTO job_log (job_id, serial, body) VALUES (?, ?, ?)",
                    (job_id, serial, body),
                )


def _put_meta(connection: sqlite3.Connection, key: str, value: bytes) -> None:
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))
