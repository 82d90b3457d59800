"""Full disks: what needs room fails with a clear error, the rest goes on, and room is enough."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.misbehaviour import NEW, add_argv, add_file_argv, refused, unharmed
from support.observe import luxi
from support.osdirs import make_os
from support.ready import INIT, add_node_argv
from support.virtualcluster import VirtualCluster, wait_for
from support.waiting import end_waiting, waiting

from ganeti.cli.quickstart.definition import install_os
from ganeti.errors import GanetiError
from ganeti.luxi.client import Client
from ganeti.opcodes.test import OpTestDelay

NODE = "node2.example.com"
ADD = add_file_argv("-s", "1G", "-o", "quick")
REMOVE = ("gnt-instance", "remove", "-f", NEW)
WRITE = "exec dd if=/dev/zero of=$DISK_0_PATH bs=1M count=20 conv=notrunc"
NO_ROOM = "the file system is full"
ACCEPTED_AGAIN_S = 20.0
FILE_STORAGE, MASTER, CANDIDATE = "12m", "24m", "25m"


def folders(cluster: VirtualCluster) -> dict[str, Path]:
    """Where small file systems are mounted, and how large they are."""
    return {
        FILE_STORAGE: Path(cluster.paths(2).file_storage_dir),
        MASTER: Path(cluster.paths(1).data_dir),
        CANDIDATE: Path(cluster.paths(2).data_dir),
    }


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualCluster]:
    """A cluster whose disks are soon full: the data of both nodes, the instances of node2."""
    if os.getuid() != 0:
        pytest.skip("only root may mount the small file systems that are to be filled")
    found = VirtualCluster(tmp_path_factory.mktemp("disk") / "c", nodes=2)
    mounted: list[Path] = []
    try:
        found.setup()
        for size, folder in folders(found).items():
            mount(folder, size)
            mounted.append(folder)
        for node in (1, 2):
            install_os(found.paths(node))
        found.run(*INIT).good()
        found.run(*add_node_argv(2)).good()
        search = Path(found.paths(2).os_search_path[0])
        make_os(search, "quick")
        make_os(search, "writing", create=WRITE)
        yield found
    finally:
        found.end()
        for folder in mounted:
            subprocess.run(["umount", folder], check=True, timeout=20)
        found.remove()


def mount(folder: Path, size: str) -> None:
    """A tmpfs over an empty folder; the folders in it are made again."""
    inner = [(path.relative_to(folder), path.stat().st_mode) for path in folder.rglob("*")]
    argv = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "ganeti-test", str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20)
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
    for path, mode in inner:
        (folder / path).mkdir(mode & 0o777)


@contextmanager
def filled(folder: Path, but: int = 0) -> Iterator[None]:
    """While the block runs, a folder's file system is full, but for some bytes."""
    ballast, end = folder / "ballast", 0
    try:
        with ballast.open("wb") as stream:
            for step in (1 << 20, 1 << 16, 1 << 12):
                while room(folder) >= step + but:
                    with contextlib.suppress(OSError):  # somebody else took it
                        os.posix_fallocate(stream.fileno(), end, step)
                        end += step
        yield
    finally:
        ballast.unlink()


def room(folder: Path) -> int:
    """Free bytes."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


@pytest.fixture(autouse=True)
def calm(cluster: VirtualCluster) -> Iterator[None]:
    with unharmed(cluster):
        yield


def test_script(cluster: VirtualCluster) -> None:
    """An OS script that meets the end of the disk: its own words are told, the disk is removed."""
    writing = add_file_argv("-s", "1G", "-o", "writing")
    refused(cluster, writing, NODE, NEW, "create script of 'writing'", "No space left on device")


def test_shipped_definition(cluster: VirtualCluster) -> None:
    """The OS definition that comes with us notices, too."""
    with filled(folders(cluster)[FILE_STORAGE], but=1 << 20):
        refused(cluster, add_file_argv("-s", "1G"), NODE, NEW, "create script of 'busybox+default'")


def test_creation(cluster: VirtualCluster) -> None:
    """A disk for which there is no room is not created; it is when there is."""
    with filled(folders(cluster)[FILE_STORAGE]):
        ran = refused(cluster, ADD, NODE, NEW, "Cannot create disk", "No space left on device")
        assert "1024 MiB" in ran.stderr
    cluster.run(*ADD).good()
    cluster.run(*REMOVE).good()


def test_node(cluster: VirtualCluster) -> None:
    """A node that cannot note what it is asked does nothing, and says why; it answers questions."""
    with filled(folders(cluster)[CANDIDATE]):
        refused(cluster, ADD, f"Node {NODE}", "node.db", NO_ROOM)
        refused(cluster, ("gnt-debug", "delay", "--no-master", "-n", "node2", "0"), NODE, NO_ROOM)
        refused(cluster, ADD, f"The name '{NEW}' is free again when node {NODE} has cleaned up")
        listed = cluster.run("gnt-node", "list", "--no-headers", "-o", "name,mfree", "node2")
        assert "?" not in listed.good().stdout
    begun = time.monotonic()
    assert wait_for(lambda: cluster.run(*ADD).status == 0, 2 * ACCEPTED_AGAIN_S)
    print(f"the node works again after {time.monotonic() - begun:.1f} s")
    cluster.run(*REMOVE).good()


def test_master(cluster: VirtualCluster) -> None:
    """Changes are refused, questions answered; nothing told is lost; no restart is needed."""
    cluster.run(*ADD).good()
    told = submit(cluster)
    with waiting(cluster) as running:
        with filled(folders(cluster)[MASTER]):
            told += fill_up(cluster)
            refused(cluster, add_argv(name="other"), "cannot store", "store.db", NO_ROOM)
            refused(cluster, REMOVE, "store.db", NO_ROOM)
            refused(cluster, ("gnt-cluster", "queue", "drain"), "store.db", NO_ROOM)
            end_waiting(cluster)
            assert running.poll() is None
            listed = cluster.run("gnt-instance", "list", "--no-headers", "-o", "name,status")
            assert listed.good().stdout.split() == [NEW, "running"]
            assert jobs(cluster)[told[0] + 1] == "running"
            cluster.run("gnt-node", "list").good()
        begun = time.monotonic()
        assert wait_for(lambda: submitted(cluster), ACCEPTED_AGAIN_S, every_s=0.1)
        print(f"changes are accepted again after {time.monotonic() - begun:.1f} s")
        assert running.wait(60) == 0
    cluster.run(*REMOVE).good()
    states = jobs(cluster)
    assert {states[job_id] for job_id in told} == {"success"}


def submit(cluster: VirtualCluster) -> list[int]:
    """A small job, and its id as soon as it is told. @raise GanetiError: it is refused."""
    op = OpTestDelay(duration=0.0, on_master=False, reason=())

    def ask(client: Client) -> object:
        return client.submit_job([op])

    return [int(luxi(cluster, ask))]  # type: ignore[call-overload]


def submitted(cluster: VirtualCluster) -> bool:
    try:
        return bool(submit(cluster))
    except GanetiError:
        return False


def fill_up(cluster: VirtualCluster) -> list[int]:
    """Submit jobs until one is refused: the files' last pages are full, too. Those accepted."""
    told: list[int] = []
    for _ in range(3000):
        try:
            told += submit(cluster)
        except GanetiError as err:
            assert NO_ROOM in str(err)
            return told
    raise AssertionError("changes go on without room")


def jobs(cluster: VirtualCluster) -> dict[int, str]:
    rows = luxi(cluster, lambda client: client.query_jobs(None, ["id", "status"]))
    return dict(rows)  # type: ignore[call-overload]
