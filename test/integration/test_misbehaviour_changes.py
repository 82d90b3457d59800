"""Changes of instances that make no sense: each is refused with its reason, and nothing changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.misbehaviour import add_file_argv, refused, refused_all, unharmed
from support.observe import luxi
from support.ready import make_cluster
from support.virtualcluster import VirtualCluster

from ganeti.errors import GanetiError

DOWN = "down.example.com"
UP = "up.example.com"
MAC = "aa:00:00:11:22:33"
OTHER_MAC = "aa:00:00:11:22:44"

Case = tuple[tuple[str, ...], tuple[str, ...]]


def _modify(*words: str, name: str = DOWN) -> tuple[str, ...]:
    return ("gnt-instance", "modify", *words, name)


def _instance(*words: str) -> tuple[str, ...]:
    return ("gnt-instance", *words)


PARAMETERS: list[Case] = [
    (_modify(), ("at least one of the parameters",)),
    (_modify("-B", "vcpus=2", name="nosuch"), ("Instance 'nosuch' not known",)),
    (_modify("-B", "memory=abc"), ("'memory'", "abc")),
    (_modify("-B", "vcpus=0"), ("'vcpus'", "0")),
    (_modify("-B", "vcpus=999"), ("violates policy", "cpu-count value 999")),
    (_modify("-B", "minmem=512"), ("minmem (512, from this request)", "maxmem (128, from the")),
    (_modify("-B", "memory=100T", "--ignore-ipolicy"), ("missing on its primary", "node2")),
    (_modify("-B", "memory=1,minmem=1"), ("'memory'", "together", "minmem")),
    (_modify("-H", "nosuch=1"), ("Unknown parameter 'nosuch'",)),
    (_modify("-H", "migration_mode=live"), ("whole cluster", "migration_mode")),
    (_modify("-O", "colour=red"), ("node2.example.com", "busybox", "colour")),
    (_modify("--os-parameters-private", "colour=red"), ("node2.example.com", "colour")),
    (_modify("-O", "motd=a", "--os-parameters-private", "motd=b"), ("not both: motd",)),
    (_modify("--os-type=nosuch"), ("node2.example.com", "nosuch", "not found")),
    (_modify("--os-type=busybox+x"), ("'x' of OS 'busybox'", "default")),
    (_modify("-m", "128"), (f"Instance {DOWN} is not running",)),
    (_modify("-m", "64", name=UP), ("between 128 and 128",)),
    (_modify("-m", "100T", "-f", name=UP), ("Not enough memory", "node1.example.com")),
    (_modify("--offline", name=UP), (UP, "marked to be up")),
    (_modify("--online", name=UP), (UP, "marked to be up")),
    (_modify("--offline", "--online"), ("--offline", "--online")),
    (_modify("--new-primary=nosuch"), ("Node 'nosuch' not known",)),
    (_modify("--new-primary=node1"), ("Disk 0 is not on node node1.example.com",)),
    (_modify("-t", "diskless"), ("to the 'diskless'", "not supported")),
    (_modify("-t", "sharedfile"), ("'sharedfile' is not enabled",)),
    (_modify("-n", "node1", "-B", "vcpus=2"), ("secondary node", "disk template")),
]

DEVICES: list[Case] = [
    (_modify("--net", f"add:mac={OTHER_MAC}"), (OTHER_MAC, "already in use")),
    (_modify("--net", f"0:mac={OTHER_MAC}"), (OTHER_MAC, "already in use")),
    (_modify("--net", "0:mac=zz"), ("Invalid MAC address 'zz'",)),
    (_modify("--net", "0:mac=auto"), ("'auto'",)),
    (_modify("--net", "0:ip=300.1.2.3"), ("Invalid IP address '300.1.2.3'",)),
    (_modify("--net", "0:ip=10.0.0.1"), ("10.0.0.1", UP)),
    (_modify("--net", "0:mode=strange"), ("'strange'", "bridged")),
    (_modify("--net", "add:mode=routed"), ("routed NIC",)),
    (_modify("--net", "0:colour=red"), ("Unknown parameter 'colour'",)),
    (_modify("--net", "9:remove"), ("NIC index 9", "only 1")),
    (_modify("--net", "eth9:remove"), ("NIC", "eth9")),
    (_modify("--net", "-2:remove"), ("index -2",)),
    (_modify("--net", "0:remove,ip=1.2.3.4"), ("NIC 0", "nothing can be given")),
    (_modify("--net", "0:add,remove"), ("NIC 0", "choose one")),
    (_modify("--net", "0:attach,name=x"), ("attached", "only disks")),
    (_modify("--net", "add:network=nosuch"), ("Network 'nosuch'",)),
    (_modify("--disk", "add"), ("Missing size", "disk 1")),
    (_modify("--disk", "add:size=0"), ("size of disk 1", "not positive")),
    (_modify("--disk", "add:size=1M"), ("violates policy", "disk-size/1")),
    (_modify("--disk", "add:size=999999T", "--ignore-ipolicy"), ("node2", DOWN, "too large")),
    (_modify("--disk", "add:size=1G,mode=wild"), ("'wild' of disk 1",)),
    (_modify("--disk", "add:size=1G,colour=red"), ("'colour' of disk 1",)),
    (_modify("--disk", "0:size=2G"), ("grow-disk",)),
    (_modify("--disk", "0:mode=wild"), ("'wild' of disk 0",)),
    (_modify("--disk", "9:remove"), ("disk index 9", "only 1")),
    (_modify("--disk", "nosuch:remove"), ("disk", "nosuch")),
    (_modify("--disk", "attach:name=nosuch"), ("Disk with name 'nosuch' not known",)),
    (_modify("--disk", "0:remove", name=UP), (UP, "marked to be up")),
]

OTHERS: list[Case] = [
    (_instance("reboot"), ("No instance names",)),
    (_instance("reboot", "nosuch"), ("does not match any instances",)),
    (_instance("reboot", "--all", DOWN), ("takes no arguments",)),
    (_instance("reboot", "--primary", "nosuch"), ("does not match any instances",)),
    (_instance("rename", "nosuch", "x"), ("Instance 'nosuch' not known",)),
    (_instance("rename", DOWN, UP), (UP, "already in the cluster")),
    (_instance("rename", DOWN, "../../etc"), ("Invalid hostname", "../../etc")),
    (_instance("rename", "--name-check", DOWN, "no.where"), ("no.where", "not resolve")),
    (_instance("rename", UP, "x"), (UP, "marked to be up")),
    (_instance("reinstall", "-f", UP), (UP, "marked to be up")),
    (_instance("reinstall", "-f", "-o", "nosuch", DOWN), ("node2.example.com", "nosuch")),
    (_instance("reinstall", "-f", "-O", "colour=red", DOWN), ("busybox", "colour")),
    (
        _instance("reinstall", "-f", "-O", "motd=a", "--os-parameters-secret", "motd=b", DOWN),
        ("given once: motd",),
    ),
    (_instance("add-tags", DOWN, "two words"), ("invalid tag", "characters")),
    (_instance("remove-tags", DOWN, "nosuch"), ("'nosuch' not found",)),
]

USAGE: list[Case] = [
    (_modify("-m", "abc"), ("-m", "'abc'")),
    (_modify("-t", "nosuch"), ("-t", "'nosuch'")),
    (_modify("--hotplug"), ("--hotplug",)),
    (_instance("reboot", "-t", "warm", DOWN), ("-t", "'warm'")),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualCluster]:
    found = make_cluster(tmp_path_factory.mktemp("changes") / "c", nodes=2)
    try:
        disk = ("-s", "1G", "--no-start", "--no-install", "--net")
        found.run(*add_file_argv(*disk, f"0:mac={MAC}", name=DOWN)).good()
        net = f"0:mac={OTHER_MAC},ip=10.0.0.1"
        found.run(*add_file_argv(*disk, net, node="node1", name=UP)).good()
        found.run("gnt-instance", "startup", UP).good()
        yield found
    finally:
        found.remove()


@pytest.mark.parametrize(
    "cases", [PARAMETERS, DEVICES, OTHERS], ids=["parameters", "devices", "others"]
)
def test_refused(cluster: VirtualCluster, cases: list[Case]) -> None:
    """What cannot be is refused, naming what and why; nothing has changed."""
    before = _shown(cluster)
    with unharmed(cluster):
        refused_all(cluster, cases)
    assert _shown(cluster) == before


def _shown(cluster: VirtualCluster) -> str:
    return cluster.run("gnt-instance", "info", "--all").good().stdout


def test_usage(cluster: VirtualCluster) -> None:
    """What no command line can say is not even sent."""
    with unharmed(cluster):
        refused_all(cluster, USAGE, status=2)


def test_nobody_confirms(cluster: VirtualCluster) -> None:
    """Where nobody can be asked, several instances are left alone."""
    with unharmed(cluster):
        for verb in ("reboot", "shutdown", "startup", "reinstall"):
            assert cluster.run("gnt-instance", verb, "--all").status == 1
    jobs = cluster.run("gnt-job", "list", "--no-headers", "-o", "summary").good().stdout
    assert "REBOOT" not in jobs.splitlines()[-1]


CHANGE = {"OP_ID": "OP_INSTANCE_SET_PARAMS", "instance_name": DOWN, "reason": []}
WRONG_TYPES = [
    ("beparams", [1]),
    ("hvparams", "x"),
    ("osparams", 5),
    ("osparams_private", {"x": [1]}),
    ("nics", "all"),
    ("nics", [["conquer", {}]]),
    ("nics", [["modify", 0]]),
    ("disks", [[0, {"size": {}}]]),
    ("disks", [["add", -1]]),
    ("runtime_mem", "much"),
    ("runtime_mem", -1),
    ("offline", "yes"),
    ("disk_template", "stone"),
    ("force", 7),
    ("hotplug_if_possible", True),
]


def test_wrong_types(cluster: VirtualCluster) -> None:
    """A field of another type, or none of ours, is named."""
    before = _shown(cluster)
    with unharmed(cluster):
        for field, value in WRONG_TYPES:
            submitted = [{**CHANGE, field: value}]
            with pytest.raises(GanetiError, match=field):
                luxi(cluster, lambda client, ops=submitted: client.call("SubmitJob", [ops]))
    assert _shown(cluster) == before


def test_all_or_nothing(cluster: VirtualCluster) -> None:
    """Of several changes, one of which fails on the node, none remains."""
    before = _shown(cluster)
    with unharmed(cluster):
        disks = ("--disk", "add:size=1G", "--disk", "add:size=999999T")
        argv = _modify("-B", "vcpus=2", *disks, "--ignore-ipolicy")
        refused(cluster, argv, DOWN, "node2.example.com", "too large")
    assert _shown(cluster) == before


def test_the_honest_case(cluster: VirtualCluster) -> None:
    """What all these differ from works, so they are refused for what they differ in."""
    changes = (
        *("-B", "vcpus=2", "-O", "motd=a", "--net", f"0:mac={MAC},name=eth0"),
        *("--disk", "add:size=1G,name=data", "--disk", "0:mode=ro"),
    )
    with unharmed(cluster):
        cluster.run(*_modify(*changes)).good()
        cluster.run(*_modify("--net", "eth0:ip=10.0.0.3", "--disk", "data:remove")).good()
        cluster.run("gnt-instance", "reinstall", "-f", "-o", "busybox+default", DOWN).good()
        cluster.run("gnt-instance", "rename", DOWN, "other.example.com").good()
        cluster.run("gnt-instance", "reboot", "--all", "--force-multiple").good()
    shown = _shown(cluster)
    for words in ("other.example.com", "vcpus: 2", "motd: a", "name: eth0", "access mode: ro"):
        assert words in shown
