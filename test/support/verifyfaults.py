"""
Faults of a real virtual cluster, each made and mended again, and what a verification says of it.

C{IN_MEMORY} names the codes whose faults no real cluster of the tests can have, C{NEVER} those
that nothing here can lead to.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ganeti.paths import NODED
from support.osdirs import make_os, write_script
from support.virtualcluster import Ran, VirtualCluster

Found = tuple[str, str, str]
"""Severity, code and object of one line of the report."""
Change = Callable[[VirtualCluster], AbstractContextManager[None]]

STAMP = len("Sat Nov 21 04:07:42 2026 ")
UNKNOWN_DISK = "00000000-0000-4000-8000-000000000000.file.disk0"


def report_of(ran: Ran) -> set[Found]:
    """All problems that C{gnt-cluster verify --error-codes} told."""
    lines = (line[STAMP:] for line in ran.stdout.splitlines())
    told = (line[4:].split(":") for line in lines if line.startswith("  - "))
    return {(line[0], line[1], line[3]) for line in told if line[0] != "NOTICE"}


def verify(cluster: VirtualCluster, *words: str) -> Ran:
    return cluster.run("gnt-cluster", "verify", "--error-codes", *words)


def node(number: int) -> str:
    return f"node{number}.example.com"


def inside(cluster: VirtualCluster, number: int, path: str) -> Path:
    """A path below a node's root."""
    return Path(f"{cluster.paths(number).root}{path}")


# -- files


@contextmanager
def written(path: Path, text: str | None) -> Iterator[None]:
    """A file with another content, or away; as it was at the end."""
    before = path.read_bytes() if path.exists() else None
    mode = path.stat().st_mode if path.exists() else 0o600
    path.parent.mkdir(parents=True, exist_ok=True)
    if text is None:
        path.unlink(missing_ok=True)
    else:
        path.write_text(text)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        if before is not None:
            path.write_bytes(before)
            path.chmod(mode)


@contextmanager
def moved(path: Path) -> Iterator[None]:
    """A file or folder that is away for a while."""
    aside = path.with_name(f".{path.name}.aside")
    path.rename(aside)
    try:
        yield
    finally:
        aside.rename(path)


def file(number: int, path: str, text: str | None) -> Change:
    return lambda cluster: written(inside(cluster, number, path), text)


def gone(number: int, path: str) -> Change:
    return lambda cluster: moved(inside(cluster, number, path))


# -- commands


@contextmanager
def commands(cluster: VirtualCluster, change: str, back: str) -> Iterator[None]:
    cluster.run(*change.split()).good()
    try:
        yield
    finally:
        cluster.run(*back.split()).good()


def command(change: str, back: str) -> Change:
    return lambda cluster: commands(cluster, change, back)


# -- daemons


@contextmanager
def dead(cluster: VirtualCluster, number: int = 3) -> Iterator[None]:
    """A node whose daemon does not run."""
    cluster.kill(number, NODED)
    try:
        yield
    finally:
        cluster.start(number, NODED)


@contextmanager
def other_daemon(cluster: VirtualCluster, patch: str) -> Iterator[None]:
    """node3's daemon with other facts: C{patch} runs before anything of it is loaded."""
    program = cluster.folder / "other-noded"
    program.write_text(
        f"#!{sys.executable} -I\nimport os, sys, time\nfrom ganeti import version\n{patch}\n"
        f"from ganeti.utils.daemon import run\nrun({NODED!r}, sys.argv[1:], os.environ)\n"
    )
    program.chmod(0o755)
    cluster.kill(3, NODED)
    try:
        cluster.start(3, str(program))
        yield
    finally:
        cluster.kill(3, NODED)
        cluster.start(3, NODED)


def daemon(patch: str) -> Change:
    return lambda cluster: other_daemon(cluster, patch)


# -- guests, disks, OS definitions


def guest_file(name: str) -> str:
    return f"/var/lib/ganeti/fake/guests/{name}.json"


def guest(number: int, name: str) -> Change:
    """A guest that nobody has started there."""
    record = {"name": name, "uuid": "u", "memory_mib": 128, "vcpus": 1}
    return file(number, guest_file(name), json.dumps(record))


def disk_folder(cluster: VirtualCluster, number: int, name: str) -> Path:
    return inside(cluster, number, f"/srv/ganeti/file-storage/{name}")


@contextmanager
def unreadable_disk(cluster: VirtualCluster) -> Iterator[None]:
    """A disk of which nobody can tell anything: its folder leads to itself."""
    folder = disk_folder(cluster, 2, "disky.example.com")
    aside = folder.rename(cluster.folder / "aside")
    folder.symlink_to(folder.name)
    try:
        yield
    finally:
        folder.unlink()
        aside.rename(folder)


@contextmanager
def missing_disk(cluster: VirtualCluster) -> Iterator[None]:
    [disk] = disk_folder(cluster, 2, "disky.example.com").iterdir()
    with moved(disk):
        yield


@contextmanager
def unknown_disk(cluster: VirtualCluster) -> Iterator[None]:
    folder = disk_folder(cluster, 2, "gone.example.com")
    folder.mkdir()
    (folder / UNKNOWN_DISK).touch()
    try:
        yield
    finally:
        (folder / UNKNOWN_DISK).unlink()
        folder.rmdir()


@contextmanager
def extra_os(cluster: VirtualCluster) -> Iterator[None]:
    """An OS definition that only node3 has."""
    made = make_os(inside(cluster, 3, "/srv/ganeti/os"))
    try:
        yield
    finally:
        made.rename(cluster.folder / f"old-os-{os.getpid()}")


@contextmanager
def failing_hook(cluster: VirtualCluster) -> Iterator[None]:
    folder = inside(cluster, 2, "/etc/ganeti/hooks/cluster-verify-post.d")
    folder.mkdir(parents=True, exist_ok=True)
    write_script(folder / "judge", "echo 'not at all'; exit 1")
    try:
        yield
    finally:
        (folder / "judge").unlink()


@dataclass(frozen=True)
class Fault:
    """
    One fault.

    @ivar found: exactly what is told; with C{code} and C{name} alone for an error.
    @ivar words: something of the text.
    """

    change: Change
    found: tuple[tuple[str, ...], ...]
    words: str = ""

    @property
    def expected(self) -> set[Found]:
        pairs = [each if len(each) == 3 else ("ERROR", *each) for each in self.found]
        return {(each[0], each[1], each[2]) for each in pairs}


def answering(answer: str) -> Change:
    """node3 answers with this, whatever it is asked to verify."""
    return daemon(
        "from ganeti.noded.verify import Verifier\n"
        f"async def look(self, call, context): return {answer}\n"
        "Verifier.look = look"
    )


LIB = "/var/lib/ganeti"
CLUSTER_FILE = ("ECLUSTERFILECHECK", "None")
STORAGE = "/srv/ganeti"
BEHAVIOUR = f"{LIB}/fake/behaviour.json"
TROUBLE = json.dumps({"rules": [{"method": "verify", "error": "no guests today"}]})

FOREIGN = """
version.RELEASE = "3.9.9"
version.PROTOCOL_VERSION += 1
now = time.time
time.time = lambda: now() + 1000
"""
UNUSABLE = (
    ("ENODERPC", node(3)),
    ("ENODEFILECHECK", node(3)),
    ("EINSTANCEDOWN", "three.example.com"),
)
FAULTS: dict[str, Fault] = {
    "file differs": Fault(
        file(2, f"{LIB}/hmac.key", "other"), (CLUSTER_FILE,), "variant 2 on node2"
    ),
    "file is missing": Fault(
        gone(3, f"{LIB}/cluster-domain-secret"), (CLUSTER_FILE,), "missing from node(s) node3"
    ),
    "cluster's certificate is unreadable": Fault(
        file(1, f"{LIB}/ca.pem", "nonsense"),
        (("ECLUSTERCERT", "None"), ("ECLUSTERCLIENTCERT", node(1)), CLUSTER_FILE),
        "/var/lib/ganeti/ca.pem",
    ),
    "node's certificate is unreadable": Fault(
        file(2, f"{LIB}/server.pem", "nonsense"), (("ECLUSTERCLIENTCERT", node(2)),), "server.pem"
    ),
    "node is dead": Fault(
        dead,
        (
            ("ENODERPC", node(3)),
            ("ENODEFILECHECK", node(3)),
            ("ENODEHOOKS", node(3)),
            ("ENODENET", node(1)),
            ("ENODENET", node(2)),
            ("EINSTANCEDOWN", "three.example.com"),
        ),
        "tcp communication with node 'node3.example.com': ",
    ),
    "node is out of service": Fault(
        command(
            "gnt-node modify --offline=yes --auto-promote node3.example.com",
            "gnt-node modify --offline=no --force node3.example.com",
        ),
        (("EINSTANCEBADNODE", "three.example.com"),),
        "lives on offline node node3.example.com",
    ),
    "another version, and a clock ahead": Fault(
        daemon(FOREIGN),
        (("ENODEVERSION", node(3)), ("WARNING", "ENODEVERSION", node(3)), ("ENODETIME", node(3))),
        "diverges by at least ",
    ),
    "answer is nonsense": Fault(
        answering("{'protocol': ['odd']}"), UNUSABLE, "while contacting node: unusable answer"
    ),
    "answer is huge": Fault(
        answering("{'protocol': 1, 'time_ns': 1, 'release': 'x' * (9 << 20)}"),
        UNUSABLE,
        "while contacting node: ",
    ),
    "hypervisor is broken": Fault(
        file(2, BEHAVIOUR, TROUBLE),
        (("ENODEHV", node(2)),),
        "verify failure: 'verify: no guests today'",
    ),
    "hypervisor's answer is nonsense": Fault(
        file(2, guest_file("two.example.com"), "{nonsense"),
        (("ENODEHV", node(2)), *(("EINSTANCEDOWN", f"{n}.example.com") for n in ("two", "disky"))),
        "two.example.com.json",
    ),
    "guest is dead": Fault(
        gone(1, guest_file("one.example.com")), (("EINSTANCEDOWN", "one.example.com"),)
    ),
    "guest is elsewhere, too": Fault(
        guest(2, "one.example.com"), (("EINSTANCEWRONGNODE", "one.example.com"),), node(2)
    ),
    "guest is unknown": Fault(
        guest(3, "ghost.example.com"), (("ENODEORPHANINSTANCE", node(3)),), "ghost.example.com"
    ),
    "disk is missing": Fault(
        missing_disk, (("EINSTANCEMISSINGDISK", "disky.example.com"),), "is missing on node node2"
    ),
    "disk cannot be looked at": Fault(
        unreadable_disk,
        (("EINSTANCEFAULTYDISK", "disky.example.com"),),
        "couldn't retrieve status for disk/0",
    ),
    "disk is unknown": Fault(
        unknown_disk, (("WARNING", "ENODEORPHANLV", node(2)),), f"{UNKNOWN_DISK} is unknown"
    ),
    "storage directory is forbidden": Fault(
        file(3, "/etc/ganeti/file-storage-paths", "/etc\n"),
        (("ENODEFILESTORAGEPATHS", node(3)), CLUSTER_FILE),
        "/etc",
    ),
    "no storage directory is allowed": Fault(
        gone(3, "/etc/ganeti/file-storage-paths"),
        (
            ("ENODEFILESTORAGEPATHS", node(3)),
            ("ENODEFILESTORAGEPATHUNUSABLE", node(3)),
            ("ENODESHAREDFILESTORAGEPATHUNUSABLE", node(3)),
            CLUSTER_FILE,
        ),
        "is optional, but it must exist",
    ),
    "storage directory is missing": Fault(
        gone(3, f"{STORAGE}/file-storage"),
        (("ENODEFILESTORAGEPATHUNUSABLE", node(3)),),
        "is not a directory",
    ),
    "shared storage directory is missing": Fault(
        gone(3, f"{STORAGE}/shared-file-storage"),
        (("ENODESHAREDFILESTORAGEPATHUNUSABLE", node(3)),),
        "is not a directory",
    ),
    "OS definition is invalid": Fault(
        gone(2, f"{STORAGE}/os/busybox/create"), (("ENODEOS", node(2)),), "Invalid OS busybox"
    ),
    "OS definition is missing": Fault(
        gone(2, f"{STORAGE}/os/busybox"), (("ENODEOS", node(2)),), "missing on this node: busybox"
    ),
    "OS definition differs": Fault(
        file(2, f"{STORAGE}/os/busybox/variants.list", "default\nother\n"),
        (("ENODEOS", node(2)),),
        "variants list differs",
    ),
    "OS definition is on one node only": Fault(extra_os, (("ENODEOS", node(3)),), "Extra OS tiny"),
    "hook fails": Fault(failing_hook, (("ENODEHOOKS", node(2)),), "judge failed, output:"),
    "program of the admin's is missing": Fault(
        command(
            "gnt-cluster modify --use-external-mip-script=yes",
            "gnt-cluster modify --use-external-mip-script=no",
        ),
        tuple(("ENODEUSERSCRIPTS", node(number)) for number in (1, 2, 3)),
        "master-ip-setup",
    ),
    "power program is missing": Fault(
        command(
            "gnt-node modify --node-parameters=oob_program=/no/such node2.example.com",
            "gnt-node modify --node-parameters=oob_program=default node2.example.com",
        ),
        (("ENODEOOBPATH", node(1)),),
        "OOB program /no/such is missing",
    ),
    "instance breaks the policy": Fault(
        command(
            "gnt-instance modify -B memory=64M --ignore-ipolicy two.example.com",
            "gnt-instance modify -B memory=128M two.example.com",
        ),
        (("WARNING", "EINSTANCEPOLICY", "two.example.com"),),
        "memory-size value 64 is not in range",
    ),
    "instances that should be apart": Fault(
        lambda cluster: sharing_a_tag(cluster),
        (("WARNING", "EEXTAGS", node(2)),),
        "Tag conflict: service:dns is on disky.example.com, two.example.com",
    ),
}


@contextmanager
def sharing_a_tag(cluster: VirtualCluster) -> Iterator[None]:
    instances = ("two.example.com", "disky.example.com")
    cluster.run("gnt-cluster", "add-tags", "htools:iextags:service").good()
    for name in instances:
        cluster.run("gnt-instance", "add-tags", name, "service:dns").good()
    try:
        yield
    finally:
        cluster.run("gnt-cluster", "remove-tags", "htools:iextags:service").good()
        for name in instances:
            cluster.run("gnt-instance", "remove-tags", name, "service:dns").good()


IN_MEMORY = {
    "ECLUSTERCFG": "test_contradictions",
    "ECLUSTERDANGLINGINST": "test_dangling",
    "ECLUSTERDANGLINGNODES": "test_dangling",
    "EINSTANCELAYOUT": "test_layout",
    "EINSTANCEMISSINGCFGPARAMETER": "test_exclusive_storage",
    "EINSTANCESPLITGROUPS": "test_layout",
    "EINSTANCEUNSUITABLENODE": "test_exclusive_storage",
    "ENODEN1": "test_memory",
    "ENODESETUP": "test_setup",
}
"""Where each is tested: mostly configurations that the operations never make."""

NEVER = {
    "EGROUPDIFFERENTPVSIZE": "there are no disks on LVM yet",
    "ENODEDRBD": "there are no DRBD disks yet",
    "ENODEDRBDHELPER": "there are no DRBD disks yet",
    "ENODEDRBDVERSION": "the original declares it, and raises it nowhere",
    "ENODEGLUSTERSTORAGEPATHUNUSABLE": "there are no disks on Gluster yet",
    "ENODELVM": "there are no disks on LVM yet",
    "ENODESSH": "nodes do not use SSH with each other; the master's commands do, on demand",
}
