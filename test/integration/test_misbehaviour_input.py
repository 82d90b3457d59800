"""Requests that make no sense: each is refused with its reason, and nothing comes of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.misbehaviour import NEW, add_argv, add_file_argv, refused_all, unharmed
from support.observe import luxi
from support.ready import make_cluster
from support.virtualcluster import VirtualCluster

from ganeti.errors import GanetiError

TAKEN = "taken.example.com"
MAC = "aa:00:00:11:22:33"
DISK = ("-s", "1G")

Case = tuple[tuple[str, ...], tuple[str, ...]]

NAMES: list[Case] = [
    (add_argv(name=TAKEN), (TAKEN, "already in the cluster")),
    (add_argv(name=""), ("Invalid hostname ''",)),
    (add_argv(name="two words"), ("Invalid hostname 'two words'",)),
    (add_argv(name="../../etc/passwd"), ("Invalid hostname", "../../etc/passwd")),
    (add_argv(name="a..b"), ("Invalid hostname 'a..b'",)),
    (add_argv(name="a" * 300), ("Invalid hostname", "aaaa")),
    (add_argv(name="new\n.example.com"), ("Invalid hostname",)),
    (add_argv(name="ünï.example.com"), ("Invalid hostname", "ünï")),
    (add_argv("--name-check", name="nowhere.example.com"), ("nowhere.example.com", "not resolve")),
    (add_argv(node="node9"), ("Node 'node9' not known",)),
    (add_argv(node="node2:node9"), ("Node 'node9' not known",)),
    (add_argv("-g", "nogroup"), ("Node group 'nogroup' not found",)),
    (add_argv("--tags", "bad tag!"), ("invalid tag",)),
    (add_argv("-I", "nosuch", node=""), ("nosuch", "allocator")),
    (add_argv("-I", "../hail", node=""), ("../hail", "allocator")),
    (add_argv("-I", "hail"), ("both, iallocator and node",)),
    (("gnt-instance", "remove", "-f", "nosuch"), ("Instance 'nosuch' not known",)),
    (("gnt-instance", "startup", "nosuch"), ("does not match any instances",)),
    (("gnt-instance", "shutdown", "nosuch"), ("does not match any instances",)),
    (("gnt-instance", "info", "nosuch"), ("Instance 'nosuch' not known",)),
    (("gnt-instance", "list", "nosuch"), ("Instance name nosuch not found",)),
    (("gnt-instance", "list", "--filter", "name =="), ("name ==", "parse")),
    (("gnt-node", "list", "nosuch"), ("Node name nosuch not found",)),
    (("gnt-node", "remove", "nosuch"), ("Node 'nosuch' not known",)),
    (("gnt-node", "remove", "node1"), ("master node",)),
    (("gnt-node", "remove", "node2"), (TAKEN, "still running on the node")),
    (("gnt-node", "add", "node2.example.com"), ("node2.example.com already in the cluster",)),
    (("gnt-node", "add", "nosuch.example.com"), ("nosuch.example.com", "does not resolve")),
    (("gnt-node", "add", "two words"), ("Invalid hostname 'two words'",)),
    (("gnt-debug", "delay", "-n", "nosuch", "0.1"), ("Node 'nosuch' not known",)),
    (("gnt-debug", "delay", "abc"), ("'abc' is not a number",)),
    (("gnt-job", "cancel", "999999"), ("Job 999999 not found",)),
    (("gnt-job", "cancel", "abc"), ("job ID", "abc")),
    (("gnt-job", "watch", "999999"), ("Job 999999 failed", "Can't load job file")),
    (add_file_argv(*DISK, "-o", "nosuch"), ("node2.example.com", "nosuch", "not found")),
    (add_file_argv(*DISK, "-o", "busybox+nosuch"), ("'nosuch' of OS 'busybox'", "default")),
    (add_file_argv(*DISK, "-o", "busybox"), ("'busybox' must include a variant", "default")),
    (add_file_argv(*DISK, "-o", "../../../etc"), ("node2.example.com", "../../../etc")),
    (add_file_argv(*DISK, "-O", "colour=red"), ("node2.example.com", "busybox", "colour")),
]

SIZES: list[Case] = [
    (add_file_argv("-s", "0"), ("size of disk 0", "not positive")),
    (add_file_argv("--disk", "0:size=-1"), ("Disk 0", "'-1'")),
    (add_file_argv("--disk", "0:size=abc"), ("Disk 0", "'abc'")),
    (add_file_argv("--disk", "0:size=" + "9" * 400), ("Disk 0", "none so large")),
    (add_file_argv("-s", "1M"), ("violates policy", "disk-size/0 value 4 ")),
    (add_file_argv("-s", "999999T"), ("violates policy", "disk-size/0")),
    (
        add_file_argv("-s", "999999T", "--ignore-ipolicy"),
        ("node2.example.com", "Cannot create disk", NEW, "too large"),
    ),
    (add_file_argv("-s", "9" * 30 + "T", "--ignore-ipolicy"), ("size of disk 0", "more than")),
    (add_file_argv("--disk", "0:size=1G", "--disk", "0:size=1G"), ("more than one disk 0",)),
    (add_file_argv("--disk", "0:size=1G", "--disk", "16:size=1G"), ("disk index 16", "0 to 15")),
    (add_file_argv("--disk", "1:size=1G"), ("disk 0", "Missing size")),
    (add_file_argv("--disk", "0:size=1G,colour=red"), ("'colour' of disk 0",)),
    (add_file_argv("--disk", "0:size=1G,mode=wild"), ("'wild' of disk 0",)),
    (add_file_argv(), ("No disk information",)),
    (add_argv(*DISK), ("Diskless instance",)),
    (add_file_argv(*DISK, "-t", "plain"), ("'plain' is not enabled",)),
    (add_file_argv(*DISK, "--file-storage-dir", "../../../etc"), ("'../../../etc' leads out",)),
    (add_file_argv(*DISK, "--file-storage-dir", "/etc"), ("'/etc' must be relative",)),
    (add_argv("-B", "memory=999G"), ("violates policy", "memory-size")),
    (
        add_file_argv(*DISK, "-B", "memory=999G", "--ignore-ipolicy"),
        ("Not enough memory on node node2.example.com", NEW, "1022976 MiB"),
    ),
    (
        add_file_argv(*DISK, "-B", f"memory={'9' * 30}T", "--ignore-ipolicy"),
        ("Not enough memory on node node2.example.com", NEW),
    ),
    (add_argv("-B", "memory=0"), ("memory",)),
    (add_argv("-B", "memory=-5"), ("'memory'", "-5")),
    (add_argv("-B", "memory=abc"), ("'memory'", "abc")),
    (add_argv("-B", "maxmem=128M,minmem=256M"), ("128", "256")),
    (add_argv("-B", "vcpus=999"), ("violates policy", "cpu-count value 999")),
    (add_argv("-B", "vcpus=0"), ("vcpus",)),
    (add_argv("-B", "vcpus=1.5"), ("'vcpus'", "1.5")),
    (add_argv("-B", "nonsense=1"), ("Unknown parameter 'nonsense'",)),
    (add_argv("-H", "fake:nonsense=1"), ("Unknown parameter 'nonsense'",)),
    (add_argv("-H", "kvm"), ("(kvm) not enabled",)),
    (add_argv("-H", "nosuch"), ("Unknown hypervisor 'nosuch'",)),
    (("gnt-instance", "startup", "-B", "nonsense=1", TAKEN), ("'nonsense'",)),
    (("gnt-instance", "startup", "-H", "nonsense=1", TAKEN), ("'nonsense'",)),
]

NETS: list[Case] = [
    (add_argv("--net", "0:ip=300.1.2.3"), ("Invalid IP address '300.1.2.3'",)),
    (add_argv("--net", "0:ip=abc"), ("Invalid IP address 'abc'",)),
    (add_argv("--net", "0:mac=zz:00:00:00:00:01"), ("zz:00:00:00:00:01",)),
    (add_argv("--net", "0:mac=aa:00"), ("aa:00",)),
    (add_argv("--net", "0:mac=01:00:00:00:00:01"), ("01:00:00:00:00:01",)),
    (add_argv("--net", f"0:mac={MAC}"), (MAC, "already in use")),
    (add_argv("--net", "0:ip=10.0.0.1"), ("10.0.0.1", TAKEN)),
    (add_argv("--net", "0:ip=10.0.0.2", "--net", "1:ip=10.0.0.2"), ("10.0.0.2", "two NICs")),
    (add_argv("--net", "0:mode=strange"), ("'strange'", "bridged")),
    (add_argv("--net", "0:mode=routed"), ("requires an ip address",)),
    (add_argv("--net", "0:colour=red"), ("Unknown parameter 'colour'",)),
    (add_argv("--net", "0:network=nosuch"), ("Network 'nosuch'",)),
    (add_argv("--net", "0:name=bad name!"), ("bad name!",)),
    (add_argv("--net", "8:ip=none"), ("NIC index 8", "0 to 7")),
    (add_argv("--net", "x:ip=none"), ("NIC index", "x")),
]

USAGE: list[Case] = [
    (add_file_argv("-s", "-1"), ("-s", "'-1'")),
    (add_file_argv("-s", "abc"), ("-s", "'abc'")),
    (add_file_argv(*DISK, "-t", "nosuch"), ("-t", "'nosuch'")),
    (add_argv("--priority", "strange"), ("--priority", "'strange'")),
    (add_argv("--colour"), ("--colour",)),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualCluster]:
    found = make_cluster(tmp_path_factory.mktemp("input") / "c", nodes=2)
    try:
        found.run(*add_argv("--net", f"0:mac={MAC},ip=10.0.0.1", "--no-start", name=TAKEN)).good()
        yield found
    finally:
        found.remove()


@pytest.mark.parametrize("cases", [NAMES, SIZES, NETS], ids=["names", "sizes", "nets"])
def test_refused(cluster: VirtualCluster, cases: list[Case]) -> None:
    """What cannot be is refused, naming what and why."""
    with unharmed(cluster):
        refused_all(cluster, cases)


def test_usage(cluster: VirtualCluster) -> None:
    """What no command line can say is not even sent."""
    with unharmed(cluster):
        refused_all(cluster, USAGE, status=2)


CREATE = {
    "OP_ID": "OP_INSTANCE_CREATE",
    "instance_name": NEW,
    "mode": "create",
    "disk_template": "diskless",
    "disks": [],
    "nics": [],
    "pnode": "node2",
    "no_install": True,
    "start": False,
    "reason": [],
}
WRONG_TYPES = [
    ("instance_name", 5),
    ("instance_name", ["new.example.com"]),
    ("mode", "conquer"),
    ("disks", "1G"),
    ("disks", [{"size": 1.5}]),
    ("disks", [{"size": None}]),
    ("nics", [{"ip": 7}]),
    ("nics", {"0": {}}),
    ("pnode", True),
    ("start", "yes"),
    ("beparams", [1]),
    ("hvparams", None),
    ("tags", [3]),
    ("priority", "urgent"),
    ("priority", 99),
    ("depends", [["soon", []]]),
    ("reason", "none"),
    ("debug_level", {}),
    ("OP_ID", "OP_WORLD_CONQUER"),
    ("OP_ID", 7),
    ("colour", "red"),
]


def test_wrong_types(cluster: VirtualCluster) -> None:
    """An opcode with a field of another type, or none of ours, is refused by that field's name."""
    with unharmed(cluster):
        for field, value in WRONG_TYPES:
            with pytest.raises(GanetiError) as caught:
                submitted = [{**CREATE, field: value}]
                luxi(cluster, lambda client, ops=submitted: client.call("SubmitJob", [ops]))
            told = str(caught.value)
            assert field in told or str(value) in told, f"{field}={value!r}: {told}"
        for ops in ({}, "x", None, [1], [[]], [{}]):
            with pytest.raises(GanetiError):
                luxi(cluster, lambda client, ops=ops: client.call("SubmitJob", [ops]))


def test_the_honest_case(cluster: VirtualCluster) -> None:
    """What all these differ from works, so they are refused for what they differ in."""
    with unharmed(cluster):
        for argv in (add_argv(), add_file_argv(*DISK)):
            cluster.run(*argv).good()
            cluster.run("gnt-instance", "remove", "-f", NEW).good()
