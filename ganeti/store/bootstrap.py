"""Make a whole store.db, for a new cluster or from config.data; blocking, without Twisted."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator

from ganeti import errors
from ganeti.model import codec
from ganeti.model.configfile import Unknown, parse_config_data
from ganeti.model.delta import Delta, Stamp, apply, changes_of, stamped
from ganeti.model.state import QueueState, State, header_of
from ganeti.store.database import Database
from ganeti.store.entry import Position, make_entry
from ganeti.store.loading import encode_unknown
from ganeti.utils import durable, failpoints

CONFIG_DATA_LIMIT = 1 << 30


def create_cluster_database(path: str, delta: Delta, term: int, time_ns: int) -> State:
    """
    Make the database of a new cluster, whose first log entry is C{delta}.

    It appears at C{path} whole or not at all.
    @raise errors.StorageError: there is one already, or it cannot be written.
    @raise errors.ConfigurationError: the objects contradict each other.
    """
    stamp = Stamp(index=1, time_s=time_ns / 1e9, term=term)
    delta = stamped(delta, State(), stamp)
    state = apply(State(), delta, stamp)
    entry = make_entry(Position(), term, time_ns, codec.encode(delta))
    with _new_database(path) as database:
        database.append([entry], header_of(state))
    return state


def rebuild_from_config_data(
    config_data_path: str, database_path: str, *, term: int, last_job_id: int = 0
) -> State:
    """
    Make a fresh database from config.data, for a cluster that has nothing else left.

    Jobs are gone; the log begins anew, so that candidates are sent a snapshot.
    @param term: above all terms of before.
    @param last_job_id: ids given out from here on are higher.
    @raise errors.StorageError: there is a database, or it cannot be written.
    @raise errors.ConfigurationError, errors.ParseError: the file is none that we can use.
    """
    try:
        data = durable.read_limited(config_data_path, CONFIG_DATA_LIMIT)
    except OSError as err:
        raise errors.ConfigurationError(f"Cannot read {config_data_path}: {err.strerror}") from err
    config, unknown = parse_config_data(data)
    queue = QueueState(last_job_id=last_job_id)
    state = State(config=config, queue=queue, index=config.serial_no, term=term)
    digest = hashlib.sha256(data).hexdigest()
    write_state(
        database_path, state, Position(index=state.index, term=term, digest=digest), unknown
    )
    return state


def write_state(path: str, state: State, position: Position, unknown: Unknown) -> None:
    """
    Make a database that holds C{state} and no history before C{position}.

    @raise errors.StorageError: there is one already, or it cannot be written.
    """
    with _new_database(path) as database:
        database.begin_with(codec.encode(changes_of(state)), position, header_of(state))
        database.put_unknown(encode_unknown(unknown))


@contextlib.contextmanager
def _new_database(path: str) -> Iterator[Database]:
    if os.path.exists(path):
        raise errors.StorageError(f"There is a database {path} already")
    under_way = f"{path}.new"
    remove_database(under_way)
    database = Database(under_way, create=True)
    try:
        yield database
    finally:
        database.close()
    failpoints.reach("file.rename.before", os.path.basename(path))
    try:
        os.rename(under_way, path)
        remove_database(under_way)  # its lock file; the directory is synced with it
    except OSError as err:
        raise errors.StorageError(f"Cannot write {path}: {err.strerror}") from err
    failpoints.reach("file.rename.after", os.path.basename(path))


def remove_database(path: str) -> None:
    """Remove a database that nobody uses, and the files beside it; none is fine."""
    for suffix in ("", "-wal", "-shm", ".lock"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path + suffix)
    durable.fsync_directory(os.path.dirname(path))
