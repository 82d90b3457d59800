"""Look at a virtual cluster of real daemons from outside, for L{support.audit}."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from ganeti.cli.guest.processes import find_emulators
from ganeti.errors import StorageError
from ganeti.luxi.client import Client
from ganeti.model import codec
from ganeti.paths import MASTERD, NODED, Paths
from ganeti.rpc.roles import RoleRecord
from ganeti.store.database import Database
from ganeti.store.entry import Position
from ganeti.store.loading import Loaded, load
from ganeti.store.sqlite import connect_for_reading
from support.audit import Acknowledged, NodeView, Observed, audit
from support.virtualcluster import ClusterError, VirtualCluster, wait_for

FINAL = ("success", "error", "canceled")
QUIET_LIMIT_S = 60.0
"""
Within which copies must equal the master. Logs follow in a second or two; files that show the
configuration are written a twentieth of the time at most, which is long on a busy machine.
"""
Processes = list[tuple[str, str]]
"""Working directory and command line of each."""


class DatabaseReader(Database):
    """The rows of a store.db that another process owns."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.connection = connect_for_reading(path)


def read_store(paths: Paths) -> Loaded:
    """What the store.db of a node holds now."""
    reader = DatabaseReader(paths.store_db)
    with closing(reader.connection):
        return load(reader)


def read_position(paths: Paths) -> Position | None:
    """Where a node's copy of the log ends; None without one, or as long as it is being made."""
    if not os.path.exists(paths.store_db):
        return None
    reader = DatabaseReader(paths.store_db)
    with closing(reader.connection):
        try:
            return reader.position()
        except StorageError as err:
            if "no such table" in str(err):
                return None
            raise


def jobs_final(cluster: VirtualCluster) -> bool:
    """Whether every job has ended."""
    rows = luxi(cluster, lambda client: client.call("QueryJobs", [None, ["id", "status"]]))
    return all(status in FINAL for _, status in rows)


def luxi(cluster: VirtualCluster, ask: Callable[[Client], object]) -> object:
    """Ask the master daemon."""
    client = Client(cluster.paths(1).query_socket)
    try:
        return ask(client)
    finally:
        client.close()


def node_view(cluster: VirtualCluster, node: int, processes: Processes, *, files: bool) -> NodeView:
    """One node whose daemon runs."""
    paths = cluster.paths(node)
    position = read_position(paths)
    emulators = find_emulators(paths.libvirt_dir) if os.path.exists(paths.libvirt_dir) else []
    return NodeView(
        running=[*_running(paths), *(each.name for each in emulators if each.name)],
        defined=[path.stem for path in Path(paths.libvirt_dir, "etc", "qemu").glob("*.xml")],
        disks=_disk_files(paths),
        requests=_requests(paths),
        position=None if position is None else (position.index, position.digest),
        folders=_disk_folders(paths),
        role=_role(paths),
        ssconf=_ssconf(paths) if files else None,
        config_serial=_config_serial(paths),
        has_ca_key=os.path.exists(paths.ca_key),
        processes=[
            *(argv for cwd, argv in processes if cwd.startswith(paths.root + "/")),
            *(f"QEMU {each.pid}" for each in emulators if not each.name),
        ],
    )


def _running(paths: Paths) -> list[str]:
    guests = Path(paths.fake_hypervisor_dir, "guests")
    found = [codec.decode(file.read_bytes(), dict) for file in guests.glob("*.json")]
    return [str(guest["name"]) for guest in found]


def _disk_files(paths: Paths) -> list[str]:
    return [str(path).removeprefix(paths.root) for path in _stored(paths) if path.is_file()]


def _disk_folders(paths: Paths) -> list[str]:
    return [str(path).removeprefix(paths.root) for path in _stored(paths) if path.is_dir()]


def _stored(paths: Paths) -> list[Path]:
    """All that is below the folders for disks."""
    tops = (paths.file_storage_dir, paths.shared_file_storage_dir)
    return [path for top in tops for path in Path(top).rglob("*")]


def _ssconf(paths: Paths) -> dict[str, str]:
    files = Path(paths.ssconf_dir).glob("ssconf_*")
    return {path.name.removeprefix("ssconf_"): path.read_text() for path in files}


def _config_serial(paths: Paths) -> int | None:
    if not os.path.exists(paths.config_data):
        return None
    config = codec.decode(Path(paths.config_data).read_bytes(), dict)
    return int(config["serial_no"])


def _requests(paths: Paths) -> list[str]:
    connection = connect_for_reading(paths.node_db)
    with closing(connection):
        return [row[0] for row in connection.execute("SELECT id FROM request")]


def _role(paths: Paths) -> RoleRecord:
    connection = connect_for_reading(paths.node_db)
    with closing(connection):
        (record,) = connection.execute("SELECT record FROM role").fetchone()
    return codec.decode(record, RoleRecord)


def list_processes(folder: Path) -> Processes:
    """Those that work below C{folder}."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            cwd = os.readlink(entry / "cwd")
            if not cwd.startswith(f"{folder}/"):
                continue
            argv = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # it has ended, or is the kernel's
        found.append((cwd, argv))
    return found


def observe(
    cluster: VirtualCluster,
    acknowledged: Acknowledged,
    *,
    may_owe: bool = False,
    files: bool = True,
) -> Observed:
    """All that the audit needs; nodes whose noded is down are left out."""
    loaded = read_store(cluster.paths(1))
    by_name = {node.name: node.uuid for node in loaded.state.config.nodes.values()}
    processes = list_processes(cluster.folder)
    views = {
        by_name[cluster.name(node)]: node_view(cluster, node, processes, files=files)
        for node in range(1, cluster.nodes + 1)
        if cluster.name(node) in by_name and cluster.pid(node, NODED) is not None
    }
    return Observed(
        state=loaded.state,
        nodes=views,
        locks=_held_locks(cluster),
        archived=frozenset(),
        master_position=(loaded.position.index, loaded.position.digest),
        acknowledged=acknowledged,
        may_owe=may_owe,
    )


def _held_locks(cluster: VirtualCluster) -> list[str]:
    fields = ["name", "owner", "pending"]
    answer = luxi(cluster, lambda client: client.call("Query", ["lock", fields, None]))
    rows = answer["data"]  # type: ignore[index]
    return [str(row) for row in rows if row[1][1] or row[2][1]]


def problems_at_rest(
    cluster: VirtualCluster,
    acknowledged: Acknowledged,
    *,
    may_owe: bool = False,
    files: bool = True,
) -> list[str]:
    """
    Wait until all jobs are final and copies are equal, then audit.

    The audit is repeated until it is content or the time for quiet is over, since
    copies and the nodes' memory of requests follow a little later.

    @param files: also look at those that show the configuration, which follow last.
    """
    if cluster.pid(1, MASTERD) is None:
        return [f"the master daemon is dead: {cluster.last_words()}"]
    if not wait_for(lambda: jobs_final(cluster), 60.0):
        rows = luxi(cluster, lambda client: client.call("QueryJobs", [None, ["id", "status"]]))
        return [f"jobs do not end: {[row for row in rows if row[1] not in FINAL]}"]  # type: ignore[attr-defined]
    found: list[str] = ["not looked yet"]

    def sound() -> bool:
        try:
            found[:] = audit(observe(cluster, acknowledged, may_owe=may_owe, files=files))
        except (sqlite3.Error, FileNotFoundError, ClusterError) as err:
            found[:] = [f"cannot look: {err!r}"]  # a file was replaced while we read
        return not found

    wait_for(sound, QUIET_LIMIT_S, every_s=0.15)
    return found
