"""Changes of groups, tags, settings and jobs that make no sense: refused with their reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.misbehaviour import refused_all, unharmed
from support.ready import make_cluster
from support.virtualcluster import VirtualCluster

LONG = "x" * 300
BOUNDS = "min:cpu-count=1/max:cpu-count=2"

Case = tuple[tuple[str, ...], tuple[str, ...]]


def _group(*words: str) -> tuple[str, ...]:
    return ("gnt-group", *words)


def _modify(*words: str) -> tuple[str, ...]:
    return ("gnt-cluster", "modify", *words)


def _job(*words: str) -> tuple[str, ...]:
    return ("gnt-job", *words)


GROUPS: list[Case] = [
    (_group("add", "default"), ("'default' already exists",)),
    (_group("add", "two\nlines"), ("Invalid node group name", "two")),
    (_group("add", LONG), ("Invalid node group name", LONG)),
    (_group("add", "--node-parameters=nosuch=1", "g"), ("Unknown parameter 'nosuch'",)),
    (_group("add", "--node-parameters=ssh_port=99999", "g"), ("'ssh_port'", "65535")),
    (_group("add", "--node-parameters=cpu_speed=nan", "g"), ("'cpu_speed'", "nan")),
    (_group("add", "--hypervisor-state=nosuch:a=1", "g"), ("hypervisor state", "nosuch")),
    (_group("modify", "nosuch"), ("Node group 'nosuch' not found",)),
    (_group("modify", "-D", "drbd:protocol=Z", "default"), ("drbd:protocol", "A, B, C")),
    (_group("modify", "-D", "drbd:resync-rate=x", "default"), ("'resync-rate'", "x")),
    (_group("modify", f"--ipolicy-bounds-specs={BOUNDS}", "default"), ("min bound", "disk-count")),
    (_group("modify", "--ipolicy-disk-templates=nosuch", "default"), ("'nosuch'", "diskless")),
    (_group("modify", "--ipolicy-vcpu-ratio=-1", "default"), ("greater than zero",)),
    (_group("remove", "default"), ("'default' not empty",)),
    (_group("remove", "nosuch"), ("Node group 'nosuch' not found",)),
    (_group("rename", "nosuch", "x"), ("Node group 'nosuch' not found",)),
    (_group("rename", "default", LONG), ("Invalid node group name", LONG)),
    (_group("assign-nodes", "default", "nosuch"), ("Node 'nosuch' not known",)),
    (_group("assign-nodes", "nosuch", "node2"), ("Node group 'nosuch' not found",)),
    (_group("list", "nosuch"), ("nosuch not found",)),
]

TAGS: list[Case] = [
    (("gnt-cluster", "add-tags", "two words"), ("invalid tag", "characters")),
    (("gnt-cluster", "add-tags", ""), ("invalid tag", "empty")),
    (("gnt-cluster", "add-tags", LONG), ("invalid tag", "128")),
    (("gnt-cluster", "add-tags"), ("No tags to be added",)),
    (("gnt-cluster", "add-tags", "--from=/"), ("directory", "'/'")),
    (("gnt-cluster", "add-tags", "--from=nosuch"), ("No such file", "nosuch")),
    (("gnt-cluster", "add-tags", "--from=many"), ("Too many tags", "4096")),
    (("gnt-cluster", "add-tags", "--from=binary"), ("'binary' is not valid UTF-8",)),
    (("gnt-cluster", "remove-tags", "nosuch"), ("'nosuch' not found",)),
    (("gnt-cluster", "search-tags", "("), ("Invalid search pattern '('",)),
    (_group("add-tags", "nosuch", "a"), ("Node group 'nosuch' not found",)),
    (("gnt-node", "add-tags", "nosuch", "a"), ("Node 'nosuch' not known",)),
    (("gnt-instance", "list-tags", "nosuch"), ("Instance name nosuch not found",)),
]

SETTINGS: list[Case] = [
    (_modify(), ("at least one of the parameters",)),
    (_modify("-B", "memory=abc"), ("'memory'", "abc")),
    (_modify("-B", "vcpus=-1"), ("'vcpus'", "-1")),
    (_modify("-B", "maxmem=128,minmem=256"), ("minmem", "256", "cluster defaults")),
    (_modify("-B", "nosuch=1"), ("Unknown parameter 'nosuch'",)),
    (_modify("-N", "mode=strange"), ("'strange'", "bridged")),
    (_modify("-H", "fake:migration_mode=never"), ("'migration_mode'", "never", "live")),
    (_modify("--mac-prefix=01:00:00"), ("MAC address prefix '01:00:00'",)),
    (_modify("--uid-pool=5-1"), ("user ids 5-1",)),
    (_modify("--master-netmask=99"), ("netmask (99)",)),
    (_modify("--enabled-disk-templates="), ("At least one disk template",)),
    (_modify("--enabled-hypervisors="), ("At least one hypervisor",)),
    (_modify("--file-storage-dir=relative"), ("'relative'", "absolute")),
    (_modify("--file-storage-dir=/etc"), ("node1.example.com", "'/etc' is not listed")),
    (_modify("--default-iallocator=nosuch"), ("iallocator", "nosuch")),
    (_modify("--data-collector-interval=drbd=-5"), ("data collector drbd", "positive")),
    (_modify("--ipolicy-std-specs=memory-size=abc"), ("memory-size", "abc")),
    (("gnt-os", "modify", "busybox"), ("At least one",)),
    (("gnt-os", "modify", "-O", "colour=red", "busybox"), ("node1.example.com", "colour")),
    (("gnt-os", "modify", "-H", "kvm:nosuch=1", "busybox"), ("Unknown parameter 'nosuch'",)),
]

JOBS: list[Case] = [
    (_job("wait", "999999"), ("Job 999999 failed", "Can't load job file")),
    (_job("wait", "abc"), ("job ID", "abc")),
    (_job("archive", "999999"), ("'999999'",)),
    (_job("autoarchive", "1x"), ("'1x'",)),
    (_job("change-priority", "1"), ("--priority",)),
    (_job("change-priority", "--priority=low", "999999"), ("Job 999999 not found",)),
    (_job("change-priority", "--priority=low", "--pending", "1"), ("never both",)),
    (_job("cancel", "--pending"), ("No jobs",)),
    (_job("cancel", "--kill", "1"), ("--yes-do-it",)),
    (_job("list", "status =="), ("status ==", "parse")),
    (("gnt-debug", "submit-job", "nosuch"), ("No such file", "nosuch")),
    (("gnt-debug", "submit-job", "binary"), ("binary is not JSON",)),
    (("gnt-debug", "submit-job", "number.json"), ("number.json", "list of opcodes")),
    (("gnt-debug", "submit-job", "--op-repeat=0", "number.json"), ("--op-repeat", "0")),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualCluster]:
    found = make_cluster(tmp_path_factory.mktemp("settings") / "c", nodes=2)
    try:
        yield found
    finally:
        found.remove()


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "many").write_text("".join(f"tag{number}\n" for number in range(5000)))
    (tmp_path / "binary").write_bytes(b"\xb3\xff\n")
    (tmp_path / "number.json").write_text("5")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    "cases", [GROUPS, TAGS, SETTINGS, JOBS], ids=["groups", "tags", "settings", "jobs"]
)
def test_refused(cluster: VirtualCluster, cases: list[Case]) -> None:
    """What cannot be is refused, naming what and why; nothing has changed."""
    before = _shown(cluster)
    with unharmed(cluster):
        refused_all(cluster, cases)
    assert _shown(cluster) == before


def _shown(cluster: VirtualCluster) -> list[str]:
    """All that could have changed, but for the time of it."""
    commands = ("gnt-cluster info", "gnt-cluster list-tags", "gnt-group info")
    return [cluster.run(*words.split()).good().stdout for words in commands]
