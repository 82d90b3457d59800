"""New databases: of a new cluster, or from config.data alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.samples import instance_uuid, make_config, node_uuid

from ganeti.errors import ConfigurationError, ParseError, StorageError
from ganeti.model.configfile import UnknownKey, build_config_data
from ganeti.model.delta import Delta, changes_of, put
from ganeti.model.state import State
from ganeti.store.bootstrap import (
    create_cluster_database,
    rebuild_from_config_data,
    remove_database,
)
from ganeti.store.database import Database
from ganeti.store.loading import Loaded, load
from ganeti.utils import failpoints


def read(path: Path) -> Loaded:
    """What a start would find."""
    database = Database(str(path))
    try:
        return load(database)
    finally:
        database.close()


def first_delta() -> Delta:
    """The objects of a new cluster of one node."""
    return changes_of(State(config=make_config(1)))


def test_create(tmp_path: Path) -> None:
    """The new database has the objects, stamped, as its first log entry."""
    path = tmp_path / "store.db"
    state = create_cluster_database(str(path), first_delta(), 1, 5_000_000_000)
    loaded = read(path)
    assert loaded.state == state
    assert (loaded.position.index, loaded.position.term) == (1, 1)
    assert state.config.nodes[node_uuid(1)].ctime == 5.0
    assert state.config.serial_no == 1
    database = Database(str(path))
    assert [entry.position for entry in database.tail(0, 9) or ()] == [loaded.position]
    database.close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_create_twice(tmp_path: Path) -> None:
    """A database that is there is never overwritten."""
    path = tmp_path / "store.db"
    create_cluster_database(str(path), first_delta(), 1, 1)
    with pytest.raises(StorageError, match="already"):
        create_cluster_database(str(path), first_delta(), 1, 1)


def test_create_whole_or_not_at_all(tmp_path: Path) -> None:
    """Contradicting objects, or a death half-way, leave no database; a repeat works."""
    path = tmp_path / "store.db"
    stray = replace(make_config(1).cluster, master_node="nobody")
    with pytest.raises(ConfigurationError):
        create_cluster_database(str(path), (*first_delta(), put(stray)), 1, 1)

    def die(name: str, detail: str) -> None:
        if name == "file.rename.before":
            raise RuntimeError(name)

    failpoints.on_reach(die)
    try:
        with pytest.raises(RuntimeError):
            create_cluster_database(str(path), first_delta(), 1, 1)
    finally:
        failpoints.on_reach(None)
    assert not path.exists()
    create_cluster_database(str(path), first_delta(), 1, 1)
    assert os.listdir(tmp_path) == ["store.db"]


def test_rebuild(tmp_path: Path) -> None:
    """config.data alone makes the cluster again, with the keys that we do not know."""
    config = make_config(3, 2)
    place = f"instances/{instance_uuid(1)}"
    unknown = {place: (UnknownKey(path=("site_key",), value=[1]),)}
    source, path = tmp_path / "config.data", tmp_path / "store.db"
    source.write_bytes(build_config_data(config, unknown))
    rebuild_from_config_data(str(source), str(path), term=7, last_job_id=100)
    loaded = read(path)
    assert loaded.state.config == config
    assert loaded.unknown == unknown
    assert (loaded.state.queue.last_job_id, loaded.state.jobs) == (100, State().jobs)
    assert (loaded.position.term, loaded.position.index) == (7, config.serial_no)
    assert loaded.state.index == loaded.position.index


def test_rebuild_from_nothing_usable(tmp_path: Path) -> None:
    """A file that is missing or no configuration is refused, and no database made."""
    source, path = tmp_path / "config.data", tmp_path / "store.db"
    with pytest.raises(ConfigurationError, match=r"config\.data"):
        rebuild_from_config_data(str(source), str(path), term=1)
    for content in (b"", b"[]", b'{"version":1}', b'{"version":3010000}'):
        source.write_bytes(content)
        with pytest.raises((ParseError, ConfigurationError)):
            rebuild_from_config_data(str(source), str(path), term=1)
    assert os.listdir(tmp_path) == ["config.data"]


def test_remove(tmp_path: Path) -> None:
    """Nothing is left, also when there was nothing."""
    path = tmp_path / "store.db"
    create_cluster_database(str(path), first_delta(), 1, 1)
    database = Database(str(path))
    assert len(os.listdir(tmp_path)) > 1
    database.close()
    remove_database(str(path))
    remove_database(str(path))
    assert os.listdir(tmp_path) == []
