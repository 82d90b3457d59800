"""Open SQLite files so that a commit that returned is on the disk, and name what goes wrong."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from ganeti import errors

BUSY_TIMEOUT_S = 5.0
_WAL_KEPT_BYTES = 16 << 20

_NO_ROOM = frozenset(
    {"SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_TRUNCATE", "SQLITE_IOERR_SHMSIZE"}
)
_NOT_SYNCED = frozenset({"SQLITE_IOERR_FSYNC", "SQLITE_IOERR_DIR_FSYNC"})
_DAMAGED = frozenset(
    {"SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CORRUPT_INDEX", "SQLITE_CORRUPT_SEQUENCE"}
)


class SyncError(errors.StorageError):
    """
    The disk would not confirm a write.

    What the kernel still holds of it is unknown from here on, and asking again may
    be answered "fine" for data that is gone. The daemon has to end and read what is there.
    """


class DamagedError(errors.StorageError):
    """A file of ours is not a readable database any more."""


def translated(err: sqlite3.Error, path: str) -> errors.StorageError:
    """The same failure in words for an admin, as the class that says what may be done about it."""
    name = getattr(err, "sqlite_errorname", "") or type(err).__name__
    if name in _NOT_SYNCED:
        return SyncError(
            f"The disk did not confirm a write to {path} ({err}): what was written may be lost"
        )
    if name in _DAMAGED:
        return DamagedError(
            f"{path} is damaged ({err}); restore it from a master candidate or from config.data"
        )
    if name in _NO_ROOM:
        return errors.StorageError(
            f"Cannot write {path}: {err}; the file system is full, or the disk is failing"
        )
    if name == "SQLITE_CANTOPEN":
        return errors.StorageError(
            f"Cannot open {path}: {err}; is it there, and its directory writable?"
        )
    return errors.StorageError(f"Cannot read or write {path}: {err} ({name})")


def connect(path: str, *, create: bool) -> sqlite3.Connection:
    """
    Open C{path} in WAL mode with C{synchronous=FULL}; checkpoints are left to the caller.

    The connection may be used from any thread, one at a time.
    @raise errors.StorageError: it cannot be opened, or is no database.
    """
    if path != ":memory:" and not create and not os.path.exists(path):
        raise errors.StorageError(f"There is no database {path}")
    try:
        if create and path != ":memory:":
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
    except OSError as err:
        raise errors.StorageError(f"Cannot open {path}: {err.strerror}") from err
    except sqlite3.Error as err:
        raise translated(err, path) from err
    try:
        _configure(connection)
    except sqlite3.Error as err:
        connection.close()
        raise translated(err, path) from err
    return connection


def connect_for_reading(path: str) -> sqlite3.Connection:
    """Open C{path} for reading beside its owner: for snapshots, audits and tools."""
    try:
        connection = sqlite3.connect(
            f"file:{_quoted(path)}?mode=ro",
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA query_only=ON").close()
    except sqlite3.Error as err:
        raise translated(err, path) from err
    return connection


def _configure(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA page_size=4096")
    connection.execute("PRAGMA journal_mode=WAL").fetchone()
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute(f"PRAGMA journal_size_limit={_WAL_KEPT_BYTES}").fetchone()
    connection.execute("PRAGMA secure_delete=FAST").fetchone()
    connection.execute("PRAGMA cache_size=-16384")


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


@contextmanager
def transaction(connection: sqlite3.Connection, path: str) -> Iterator[sqlite3.Connection]:
    """
    All or nothing, and durable when the block has been left.

    @raise errors.StorageError: nothing changed; a L{SyncError} says that this is not certain.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("COMMIT")
    except sqlite3.Error as err:
        _roll_back(connection)
        raise translated(err, path) from err
    except BaseException:
        _roll_back(connection)
        raise


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        try:
            connection.execute("ROLLBACK")
        except sqlite3.Error:
            return  # SQLite has rolled back by itself then; the first error is the one to tell


def checkpoint(connection: sqlite3.Connection, path: str) -> None:
    """Move what the write-ahead log holds into the database file, as far as no reader needs it."""
    try:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    except sqlite3.Error as err:
        raise translated(err, path) from err


class OwnerLock:
    """Held by the one process that owns a database; the kernel frees it when that process ends."""

    def __init__(self, database_path: str) -> None:
        """@raise errors.StorageError: another process owns it."""
        path = database_path + ".lock"
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as err:
            raise errors.StorageError(f"Cannot open {path}: {err.strerror}") from err
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            os.close(self._fd)
            raise errors.StorageError(f"{database_path} is in use by another process") from err

    def release(self) -> None:
        """Let the next owner in; harmless when repeated."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
