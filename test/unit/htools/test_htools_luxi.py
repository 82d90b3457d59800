"""Clusters as master daemons tell them: what is loaded, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.clustermaster import (
    NO_DATA,
    OFFLINE,
    UNAVAILABLE,
    ClusterMaster,
    Unknown,
    a_cluster,
    a_group,
    a_node,
    a_silent_node,
    an_instance,
)
from support.fakemaster import FakeMaster
from support.thorough import examples

from ganeti.errors import GanetiError, LuxiError, NoMasterError
from ganeti.htools.errors import InputError
from ganeti.htools.loaders import Hints, Source, load
from ganeti.htools.records import ClusterData
from ganeti.htools.textwriter import format_text
from ganeti.model.templates import DiskTemplate

NETWORK = {"uuid": "net", "group_list": [["second", "bridged", "br0", ""]]}
EXCLUSIVE = {"spindle_count": 3, "exclusive_storage": True, "cpu_speed": 1.5}


USUAL = Hints()


def ask(folder: Path, answer: Callable[[str, list[Any]], Any], hints: Hints = USUAL) -> ClusterData:
    server = FakeMaster(str(folder / "query"), answer)
    try:
        return load(Source("luxi", str(folder / "query")), hints)
    finally:
        server.stop()


def described(**parts: Any) -> ClusterMaster:
    nodes = parts.pop("nodes", [a_node("node1"), a_node("node2")])
    return ClusterMaster(nodes=nodes, **parts)


def test_nodes(tmp_path: Path) -> None:
    """Offline nodes and those without virtual machines have nothing; drained ones what they say."""
    silent = [
        a_silent_node("off", OFFLINE, offline=True),
        a_silent_node("plain", UNAVAILABLE, vm_capable=False),
        a_node("incapable", vm_capable=False),
    ]
    drained = a_node("drained", drained=True, tags=["blue"])
    data = ask(tmp_path, described(nodes=[a_node("node1"), *silent, drained]))
    assert [node.offline for node in data.nodes] == [False, True, True, True, True]
    assert [node.master for node in data.nodes] == [True, False, False, False, False]
    assert {(n.total_memory, n.free_disk, n.cpus, n.node_cpus) for n in data.nodes[1:4]} == {
        (0, 0, 0, 0)
    }
    assert (data.nodes[4].total_memory, data.nodes[4].tags) == (32768, ("blue",))


def test_spindles(tmp_path: Path) -> None:
    """With exclusive storage physical volumes count; else what the parameters say."""
    full = a_node("full", ndparams=EXCLUSIVE, sptotal=10, spfree=-2)
    unknown = a_node("unknown", ndparams=EXCLUSIVE, sptotal=10)
    shared = a_node("shared", ndparams=EXCLUSIVE | {"exclusive_storage": False}, sptotal=10)
    data = ask(tmp_path, described(nodes=[full, unknown, shared]))
    counts = [(node.spindles, node.free_spindles, node.cpu_speed) for node in data.nodes]
    assert counts == [(10, -2, 1.5), (10, 0, 1.5), (3, 0, 1.5)]


def test_disk_space_may_be_unknown(tmp_path: Path) -> None:
    """Nodes need not have storage of their own; fractions of it are rounded."""
    none = a_node("none", dtotal=Unknown(UNAVAILABLE), dfree=Unknown(NO_DATA))
    data = ask(tmp_path, described(nodes=[none, a_node("node1", dtotal=10.4, dfree=9.6)]))
    assert [(node.total_disk, node.free_disk) for node in data.nodes] == [(0, 0), (10, 10)]
    assert not data.nodes[0].offline


@pytest.mark.parametrize("field", ["mtotal", "mnode", "mfree", "ctotal", "cnos"])
def test_silent_nodes_are_refused(tmp_path: Path, field: str) -> None:
    """A node that should answer and does not: nothing is planned, as if it were gone."""
    nodes = [a_node("node1"), a_node("node2", **{field: Unknown(NO_DATA)})]
    with pytest.raises(InputError, match=f"node node2, {field}: None: its live data is not known"):
        ask(tmp_path, described(nodes=nodes))


def test_instances(tmp_path: Path) -> None:
    """Instances of all templates, and those that are only planned."""
    instances = [
        an_instance(f"inst-{template}", "node1", "node2" if template == "drbd" else "")
        | {"disk_template": str(template)}
        for template in DiskTemplate
    ]
    instances[0]["nic.networks"] = ["net", None]
    planned = an_instance("planned", "node1", "node2", forthcoming=True, status="ADMIN_down")
    data = ask(tmp_path, described(instances=[*instances, planned], networks=[NETWORK]))
    assert [one.template for one in data.instances[:-1]] == list(DiskTemplate)
    assert {one.secondary for one in data.instances} == {"", "node2"}
    assert [one.forthcoming for one in data.instances] == [False] * len(instances) + [True]
    assert data.instances[0].nics == ("net", None)


def test_spindles_of_instances(tmp_path: Path) -> None:
    """They are written as their sum, as zero without disks, and not at all when unknown."""
    instances = [
        an_instance("none", "node1", **{"disk.sizes": [], "disk.spindles": []}),
        an_instance("two", "node1", **{"disk.sizes": [1, 2], "disk.spindles": [2, 3]}),
        an_instance("unknown", "node1"),
    ]
    lines = format_text(ask(tmp_path, described(instances=instances))).splitlines()
    assert [line.split("|")[11] for line in lines if "|running|" in line] == ["0", "5", "-"]


def test_groups(tmp_path: Path) -> None:
    """Several groups, each with its policy and the networks it is connected to."""
    second = a_group("second", alloc_policy="last_resort", tags=["x"])
    second["ipolicy"]["vcpu-ratio"] = 2.5
    nodes = [a_node("node1"), a_node("node2", **{"group.uuid": "second-uuid"})]
    groups = [a_group(), second]
    data = ask(tmp_path, described(groups=groups, nodes=nodes, networks=[NETWORK]))
    assert [group.networks for group in data.groups] == [(), ("net",)]
    assert data.groups[1].policy is not None
    assert (data.groups[1].policy.vcpu_ratio, data.groups[1].alloc_policy) == (2.5, "last_resort")
    assert [node.group for node in data.nodes] == ["default-uuid", "second-uuid"]


def test_memory_of_nodes_with_kvm(tmp_path: Path) -> None:
    """With KVM as the default hypervisor a node keeps a fixed amount of memory for itself."""
    for default, static, own in (("kvm", 1000, 1000), ("kvm", 0, 1024), ("fake", 1000, 1024)):
        cluster = a_cluster(default_hypervisor=default, enabled_hypervisors=["fake", "kvm"])
        data = ask(tmp_path, described(cluster=cluster), Hints(static))
        assert data.nodes[0].node_memory == own


def _wrong(what: str, change: dict[str, Any]) -> ClusterMaster:
    parts: dict[str, Any] = {
        "cluster": a_cluster(),
        "groups": [a_group()],
        "networks": [dict(NETWORK)],
        "nodes": [a_node("node1"), a_node("node2")],
        "instances": [an_instance("web1", "node1", "node2")],
    }
    first = parts[what][0] if isinstance(parts[what], list) else parts[what]
    first |= change
    return described(**parts)


@pytest.mark.parametrize(
    ("what", "change", "told"),
    [
        ("nodes", {"mtotal": "much"}, "node node1, mtotal: 'much': Expected `float`, got `str`"),
        ("nodes", {"mtotal": -5}, "node node1, mtotal: -5: it is out of range"),
        ("nodes", {"mtotal": 1e300}, "it is out of range"),
        ("nodes", {"mfree": float("nan")}, "node node1, mfree: nan: it is out of range"),
        ("nodes", {"offline": None}, "node node1, offline"),
        ("nodes", {"ndparams": {"spindle_count": 1}}, "node node1, cpu_speed"),
        ("nodes", {"name": "a|b"}, "there are characters in it that no name has"),
        ("nodes", {"name": ""}, "node , node name: it is empty"),
        ("nodes", {"name": "node2"}, "node node2, node name: 'node2' is there twice"),
        ("nodes", {"group.uuid": "x"}, "node node1, node group: there is no group 'x'"),
        ("instances", {"pnode": "x"}, "instance web1, primary node: there is no node 'x'"),
        ("instances", {"disk.sizes": None}, "instance web1, disk.sizes"),
        ("instances", {"disk.sizes": [1, 2]}, "it must have as many as there are disks"),
        ("instances", {"disk_template": "tape"}, "instance web1, disk_template: 'tape'"),
        ("instances", {"tags": ["a,b"]}, "instance web1, tags"),
        ("groups", {"ipolicy": {"minmax": 5}}, "group default, ipolicy"),
        ("groups", {"alloc_policy": "maybe"}, "group default, alloc_policy: 'maybe'"),
        ("networks", {"group_list": [5]}, "network, group_list"),
        ("cluster", {"tags": [5]}, "cluster cluster.example.com, tags"),
        ("cluster", {"default_hypervisor": None}, "default_hypervisor"),
    ],
)
def test_wrong_answers(tmp_path: Path, what: str, change: dict[str, Any], told: str) -> None:
    """What makes no sense is named: the object, the field and the value."""
    with pytest.raises(InputError) as caught:
        ask(tmp_path, _wrong(what, change))
    assert told in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("QueryClusterInfo", [1, 2]),
        ("Query", None),
        ("Query", {"data": 5}),
        ("Query", {"data": [["ab"]]}),
        ("Query", {"data": [[[0, "x"]]]}),
    ],
)
def test_strange_answers(tmp_path: Path, method: str, answer: Any) -> None:
    """What has not the form of an answer is refused."""
    with pytest.raises(InputError, match="Not understood what the master daemon says of"):
        ask(tmp_path, described(other={method: answer}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=3), part),
    max_leaves=8,
)
FIELDS = [
    (what, field)
    for what, row in (
        ("cluster", a_cluster()),
        ("groups", a_group()),
        ("networks", NETWORK),
        ("nodes", a_node("node1")),
        ("instances", an_instance("web1", "node1")),
    )
    for field in row
    if not field.startswith("ndp/") and field != "be/memory"
]


@settings(deadline=None, max_examples=examples(150), suppress_health_check=list(HealthCheck))
@given(where=st.sampled_from(FIELDS), value=JSON)
def test_hostile_answers(tmp_path: Path, where: tuple[str, str], value: Any) -> None:
    """Whatever stands in a field: it is loaded and can be written, or is refused in one line."""
    what, field = where
    try:
        format_text(ask(tmp_path, _wrong(what, {field: value})))
    except InputError as err:
        assert len(str(err).splitlines()) == 1


def test_nobody_answers(tmp_path: Path) -> None:
    """Without a master daemon it is said how to start it."""
    with pytest.raises(NoMasterError, match="start it with 'ganeti-masterd'"):
        load(Source("luxi", str(tmp_path / "nothing")), Hints())


def test_refusal(tmp_path: Path) -> None:
    """What the master daemon refuses is told as it tells it."""

    def refuse(_method: str, _args: list[Any]) -> Any:
        raise LuxiError("not today")

    with pytest.raises(GanetiError, match="not today"):
        ask(tmp_path, refuse)
