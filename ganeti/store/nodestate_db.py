"""
A node's own record, node.db: its role, and what became of the calls it was sent.

Blocking and without Twisted, so that node setup can write the first role record.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ganeti import errors
from ganeti.store import sqlite
from ganeti.store.nodestate_rows import Request, RequestState, RoleRow, job_of
from ganeti.utils import durable, failpoints

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE role (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  term INTEGER NOT NULL,
  record BLOB NOT NULL
);
CREATE TABLE promise (one INTEGER PRIMARY KEY CHECK (one = 1), term INTEGER NOT NULL);
CREATE TABLE request (
  id TEXT PRIMARY KEY NOT NULL,
  job_id INTEGER NOT NULL,
  state TEXT NOT NULL,
  call BLOB,
  answer BLOB,
  pid INTEGER,
  pid_started INTEGER
);
CREATE INDEX request_of_job ON request (job_id);
"""
_CHECKPOINT_EVERY = 200

Outcome = tuple[Any, errors.StorageError | None]
"""What a call returned, or what it raised."""


class NodeDatabase:
    """
    node.db. What a method changed is durable when it returns.

    One process owns the file; one thread at a time may call.
    """

    def __init__(self, path: str, *, create: bool = False) -> None:
        """
        @param create: make the file when there is none.
        @raise errors.StorageError: missing, damaged, of a newer release, or in use.
        """
        self.path = path
        self._lock = sqlite.OwnerLock(path) if path != ":memory:" else None
        try:
            self._connection = sqlite.connect(path, create=create)
            self._prepare()
        except BaseException:
            self._unlock()
            raise
        self._since_checkpoint = 0
        self._group: list[str] | None = None

    def _prepare(self) -> None:
        try:
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            if version == 0:
                self._connection.executescript(
                    f"BEGIN;{_SCHEMA}PRAGMA user_version={_SCHEMA_VERSION};COMMIT;"
                )
            elif version > _SCHEMA_VERSION:
                raise errors.StorageError(
                    f"{self.path} was written by a newer release (layout {version})"
                )
        except sqlite3.Error as err:
            raise sqlite.translated(err, self.path) from err

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def together(self, calls: Sequence[Callable[[], Any]]) -> list[Outcome]:
        """
        Call methods of this object in one transaction: it is durable when this one returns.

        @return: what became of each, in their order.
        @raise errors.StorageError: none of them has changed anything.
        """
        if len(calls) == 1:
            return [_outcome(calls[0])]
        with self._grouped():
            return [_outcome(call) for call in calls]

    @contextmanager
    def _grouped(self) -> Iterator[None]:
        written = self._group = list[str]()
        try:
            with sqlite.transaction(self._connection, self.path):
                yield
        finally:
            self._group = None
        self._wrote(written)

    def role(self) -> RoleRow | None:
        """The role record, or None on a node that no cluster has set up."""
        rows = self._read("SELECT term, record FROM role")
        return RoleRow(term=rows[0][0], record=rows[0][1]) if rows else None

    def set_role(self, term: int, record: bytes) -> None:
        """
        Replace the role record; C{term} is promised with it.

        @raise errors.StorageError: a higher term has been promised.
        """
        self._refuse_lower(term)
        self._write(
            f"set-role {term}",
            [
                (
                    "INSERT OR REPLACE INTO role (one, term, record) VALUES (1, ?, ?)",
                    (term, record),
                ),
                ("INSERT OR REPLACE INTO promise (one, term) VALUES (1, ?)", (term,)),
            ],
        )

    def promised_term(self) -> int:
        """The highest term this node has promised; lower ones are refused. 0 at first."""
        rows = self._read("SELECT term FROM promise")
        return int(rows[0][0]) if rows else 0

    def promise(self, term: int) -> None:
        """
        Never again accept a term below C{term}.

        @raise errors.StorageError: a higher term has been promised.
        """
        self._refuse_lower(term)
        if term > self.promised_term():
            self._write(
                f"promise {term}",
                [("INSERT OR REPLACE INTO promise (one, term) VALUES (1, ?)", (term,))],
            )

    def _refuse_lower(self, term: int) -> None:
        promised = self.promised_term()
        if term < promised:
            raise errors.StorageError(
                f"Term {term} is over: this node has promised term {promised}"
            )

    def lookup(self, request_id: str) -> Request | None:
        """What is known of a request."""
        rows = self._requests("WHERE id = ?", (request_id,))
        return rows[0] if rows else None

    def begin(self, request_id: str, call: bytes) -> Request | None:
        """
        Record that C{call} is about to be run.

        @return: None when it may run now; else what was known of the request already, unchanged.
        """
        known = self.lookup(request_id)
        if known is None:
            self._insert(f"begin {request_id}", request_id, RequestState.OPEN, call)
        return known

    def note_process(self, request_id: str, pid: int, started: int) -> None:
        """
        Remember the process group that works for an open request.

        @param started: when it began, in the kernel's count (proc(5), stat, field 22), by which
            it is known from a later one with the same id.
        """
        self._write(
            f"process {request_id}",
            [
                (
                    "UPDATE request SET pid = ?, pid_started = ? WHERE id = ? AND state = 'open'",
                    (pid, started, request_id),
                )
            ],
        )

    def finish(self, request_id: str, answer: bytes) -> bool:
        """Keep the answer. False, and nothing is kept, when the request is not open any more."""
        known = self.lookup(request_id)
        if known is None or known.state is not RequestState.OPEN:
            return False
        sql = """
            UPDATE request SET state = 'done', answer = ?, pid = NULL, pid_started = NULL
            WHERE id = ?
        """
        self._write(f"finish {request_id}", [(sql, (answer, request_id))])
        return True

    def tombstone(self, request_id: str) -> Request | None:
        """See to it that the request is never run (again); return what was known of it."""
        known = self.lookup(request_id)
        if known is None:
            self._insert(f"tombstone {request_id}", request_id, RequestState.TOMBSTONE, None)
        elif known.state is not RequestState.TOMBSTONE:
            self._write(
                f"tombstone {request_id}",
                [("UPDATE request SET state = 'tombstone' WHERE id = ?", (request_id,))],
            )
        return known

    def forget_job(self, job_id: int) -> int:
        """Drop all requests of a job that is final; say how many there were."""
        known = self._read("SELECT id FROM request WHERE job_id = ?", (job_id,))
        if known:
            self._write(f"forget {job_id}", [("DELETE FROM request WHERE job_id = ?", (job_id,))])
        return len(known)

    def unfinished(self) -> tuple[Request, ...]:
        """Requests that were begun and have no answer yet."""
        return self._requests("WHERE state = 'open'", ())

    def requests(self) -> tuple[Request, ...]:
        """All that is known, without calls and answers."""
        rows = self._read(
            "SELECT id, state, NULL, NULL, pid, pid_started FROM request ORDER BY job_id, id"
        )
        return tuple(_request(row) for row in rows)

    def _requests(self, where: str, values: tuple[object, ...]) -> tuple[Request, ...]:
        columns = "id, state, call, answer, pid, pid_started"
        sql = f"SELECT {columns} FROM request {where} ORDER BY job_id, id"
        return tuple(_request(row) for row in self._read(sql, values))

    def _insert(self, what: str, request_id: str, state: RequestState, call: bytes | None) -> None:
        sql = "INSERT INTO request (id, job_id, state, call) VALUES (?, ?, ?, ?)"
        self._write(what, [(sql, (request_id, job_of(request_id), state.value, call))])

    def _read(self, sql: str, values: tuple[object, ...] = ()) -> list[Any]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as err:
            if self._group is not None:
                raise  # all of the group fails
            raise sqlite.translated(err, self.path) from err

    def _write(self, what: str, statements: list[tuple[str, tuple[object, ...]]]) -> None:
        failpoints.reach("nodestate.write.before", what)
        if self._group is not None:
            self._execute(statements)
            self._group.append(what)
            return
        with sqlite.transaction(self._connection, self.path):
            self._execute(statements)
        self._wrote([what])

    def _execute(self, statements: list[tuple[str, tuple[object, ...]]]) -> None:
        for sql, values in statements:
            self._connection.execute(sql, values)

    def _wrote(self, written: Sequence[str]) -> None:
        """It is durable now."""
        for what in written:
            failpoints.reach("nodestate.write.after", what)
        self._since_checkpoint += len(written)
        if self._since_checkpoint >= _CHECKPOINT_EVERY:
            self._since_checkpoint = 0
            sqlite.checkpoint(self._connection, self.path)


def _outcome(call: Callable[[], Any]) -> Outcome:
    try:
        return call(), None
    except errors.StorageError as err:
        return None, err


def _request(row: tuple[str, str, bytes | None, bytes | None, int | None, int | None]) -> Request:
    return Request(
        id=row[0],
        state=RequestState(row[1]),
        call=row[2],
        answer=row[3],
        pid=row[4],
        pid_started=row[5],
    )


def create_node_database(path: str, term: int, role_record: bytes) -> None:
    """
    Make node.db with its first role record, for node setup; if it is there replace the record.

    @raise errors.StorageError: it cannot be written, or the node has promised a higher term.
    """
    database = NodeDatabase(path, create=True)
    try:
        database.set_role(term, role_record)
    finally:
        database.close()
    durable.fsync_directory(os.path.dirname(path))


def read_role_record(path: str) -> RoleRow | None:
    """The role record of the node.db at C{path}, read beside its owner; None when there is none."""
    if not os.path.exists(path):
        return None
    connection = sqlite.connect_for_reading(path)
    try:
        row = connection.execute("SELECT term, record FROM role").fetchone()
    except sqlite3.Error as err:
        raise sqlite.translated(err, path) from err
    finally:
        connection.close()
    return RoleRow(term=row[0], record=row[1]) if row else None
