"""The tables of store.db."""

from __future__ import annotations

import sqlite3

from ganeti import errors
from ganeti.store import sqlite
from ganeti.store.rows import OBJECT_TABLES

SCHEMA_VERSION = 1
APPLICATION_ID = 0x476E7469  # "Gnti": file(1) and we know our files by it


def table_name(kind: str) -> str:
    """The table that holds the objects of a kind ("group" alone is a word of SQL)."""
    return f"object_{kind}"


UPSERT = {
    kind: f"""
        INSERT INTO {table_name(kind)} (uuid, body) VALUES (?, ?)
        ON CONFLICT (uuid) DO UPDATE SET body = excluded.body
    """
    for kind in OBJECT_TABLES
}
DELETE = {kind: f"DELETE FROM {table_name(kind)} WHERE uuid = ?" for kind in OBJECT_TABLES}

_OBJECT_TABLE = (
    "CREATE TABLE {} (id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, body BLOB NOT NULL);"
)
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL);
CREATE TABLE log (
  idx INTEGER PRIMARY KEY,
  term INTEGER NOT NULL,
  time_ns INTEGER NOT NULL,
  body BLOB NOT NULL,
  digest TEXT NOT NULL
);
CREATE TABLE job (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE archive (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE job_log (
  job_id INTEGER NOT NULL,
  serial INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (job_id, serial)
) WITHOUT ROWID;
CREATE TABLE unknown (place TEXT PRIMARY KEY NOT NULL, body BLOB NOT NULL);
CREATE TABLE unreadable_job (id INTEGER PRIMARY KEY, body BLOB NOT NULL, reason TEXT NOT NULL);
CREATE TABLE incoming (part INTEGER PRIMARY KEY, snapshot TEXT NOT NULL, body BLOB NOT NULL);
"""


def prepare(connection: sqlite3.Connection, path: str) -> None:
    """
    Make the tables in an empty file; make sure that another is one of ours.

    @raise errors.StorageError: it is not, or it was written by a newer release.
    """
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if version == 0 and tables == 0:
            _create(connection)
            return
    except sqlite3.Error as err:
        raise sqlite.translated(err, path) from err
    if application != APPLICATION_ID:
        raise errors.StorageError(f"{path} is not a database of this project")
    if version > SCHEMA_VERSION:
        raise errors.StorageError(
            f"{path} was written by a newer release (layout {version}, we know {SCHEMA_VERSION})"
        )


def _create(connection: sqlite3.Connection) -> None:
    objects = "".join(_OBJECT_TABLE.format(table_name(kind)) for kind in OBJECT_TABLES)
    pragmas = f"PRAGMA application_id={APPLICATION_ID};PRAGMA user_version={SCHEMA_VERSION};"
    connection.executescript(f"BEGIN;{_TABLES}{objects}{pragmas}COMMIT;")
