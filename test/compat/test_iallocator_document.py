"""What instance allocators that are programs are told: the keys and types of iallocator.json."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from support.samples import GROUP_UUID, make_config, make_disk, make_instance, node_uuid

from ganeti.htools.records import Disk, Instance
from ganeti.model.config import Configuration
from ganeti.model.nic import Nic
from ganeti.model.parameters import NicMode, PartialNicParams
from ganeti.model.templates import DiskTemplate
from ganeti.operations.allocators.document import build_document
from ganeti.operations.allocators.figures import NodeFigures
from ganeti.operations.allocators.requests import (
    Allocate,
    AllocateSecondary,
    AllocatorRequest,
    ChangeGroup,
    DiskRequest,
    MultiAllocate,
    NodeEvacuate,
    Relocate,
)
from ganeti.operations.allocators.situation import Situation

TABLE = json.loads((Path(__file__).parent / "interface" / "iallocator.json").read_text())
SPEC = ["cpu-count", "disk-count", "disk-size", "memory-size", "nic-count", "spindle-use"]
POLICY = ["disk-templates", "minmax", "spindle-ratio", "std", "vcpu-ratio"]
FIGURES = dict.fromkeys(NodeFigures.__struct_fields__, 7)

NEW = Allocate(
    name="new.example.com",
    memory=128,
    vcpus=1,
    disks=(DiskRequest(size=1024, dev_type=DiskTemplate.FILE),),
    disk_space_total=1024,
    disk_template=DiskTemplate.FILE,
    hypervisor="fake",
    nics=({"mac": "aa:00:00:00:00:01", "ip": None, "mode": "bridged", "link": "br0"},),
    os="busybox",
    required_nodes=1,
    restrict_to_nodes=("node1.example.com",),
)
REQUESTS: tuple[AllocatorRequest, ...] = (
    NEW,
    MultiAllocate(instances=(NEW,)),
    Relocate(name="inst1.example.com", relocate_from=("node1.example.com",)),
    AllocateSecondary(name="inst1.example.com"),
    NodeEvacuate(instances=("inst1.example.com",), evac_mode="all"),
    ChangeGroup(instances=("inst1.example.com",)),
)
PROMISED = Instance(
    name="soon.example.com",
    memory=256,
    disk=512,
    vcpus=2,
    primary="node2.example.com",
    template=DiskTemplate.FILE,
    disks=(Disk(size=512),),
)


def document(request: AllocatorRequest = NEW, config: Configuration | None = None) -> Any:
    """The document for a cluster of three nodes, of which the last did not answer."""
    situation = Situation(
        config=config or make_config(nodes=3, instances=2),
        figures={node_uuid(number): NodeFigures(**FIGURES) for number in (1, 2)},
        promised=(PROMISED,),
    )
    return json.loads(build_document(situation, request))


def wrong(value: Any, kind: Any, where: str) -> list[str]:
    """Where C{value} is not as the table says; a kind is a text that begins with its name."""
    if isinstance(kind, dict):
        keys = [f"{where}: {sorted(set(value) ^ set(kind))}"] if set(value) != set(kind) else []
        both = sorted(set(value) & set(kind))
        return keys + [
            text for key in both for text in wrong(value[key], kind[key], f"{where}.{key}")
        ]
    if isinstance(kind, list):
        return [text for each in value for text in wrong(each, kind[0], where)]
    kinds = {"str": str, "int": int, "bool": bool, "list": list, "object": dict, "complete": dict}
    name, _, rest = re.split("[ ,(]", kind)[0].partition("|")
    fits = type(value) is kinds.get(name, str) or (value is None and "null" in rest)
    return [] if fits else [f"{where}: {value!r} is no {kind}"]


def test_top() -> None:
    """All the keys, and those alone."""
    found = document()
    assert set(found) == set(TABLE["input"])
    assert found["version"] == TABLE["version"]
    assert found["cluster_name"] == "cluster.example.com"
    assert found["enabled_hypervisors"] == ["fake"]


def test_policies_are_complete() -> None:
    """The cluster's and each group's, with inherited values."""
    found = document()
    for policy in (found["ipolicy"], found["nodegroups"][GROUP_UUID]["ipolicy"]):
        assert sorted(policy) == POLICY
        assert sorted(policy["std"]) == SPEC
        assert sorted(policy["minmax"][0]["min"]) == SPEC


def test_groups() -> None:
    """By uuid."""
    [(uuid, group)] = document()["nodegroups"].items()
    assert uuid == GROUP_UUID
    assert wrong(group, TABLE["input"]["nodegroups"]["<uuid>"], "group") == []


def test_nodes() -> None:
    """By name; those that told their numbers have them beside the rest."""
    nodes, table = document()["nodes"], TABLE["input"]["nodes"]["<name>"]
    assert sorted(nodes) == [f"node{number}.example.com" for number in (1, 2, 3)]
    assert wrong(nodes["node1.example.com"], table["static"] | table["dynamic"], "node1") == []
    assert wrong(nodes["node3.example.com"], table["static"], "node3") == []


def test_silent_nodes() -> None:
    """A node that did not answer has no numbers; programs may count on those of all others."""
    nodes = document()["nodes"]
    offline = {name: node["offline"] for name, node in nodes.items()}
    assert [name for name in offline if offline[name]] == ["node3.example.com"]


def test_instances() -> None:
    """By name; those that jobs are about to make as well."""
    instances, table = document()["instances"], TABLE["input"]["instances"]["<name>"]
    assert sorted(instances) == ["inst1.example.com", "inst2.example.com", "soon.example.com"]
    for name, instance in instances.items():
        assert wrong(instance, table, name) == []
    assert instances["inst1.example.com"]["nodes"] == ["node1.example.com"]
    assert instances["inst1.example.com"]["admin_state"] == "up"
    assert instances["inst1.example.com"]["disk_space_total"] == 1024
    assert instances["soon.example.com"]["nodes"] == ["node2.example.com"]


def test_interfaces() -> None:
    """Only a bridged one names a bridge."""
    table = TABLE["input"]["instances"]["<name>"]["nics"][0]
    routed = Nic(
        uuid="u", mac="aa:00:00:00:00:02", nicparams=PartialNicParams(mode=NicMode.ROUTED, link="5")
    )
    config = make_config()
    nics = (*make_instance(1).nics, routed)
    config = Configuration.build(
        cluster=config.cluster,
        groups=config.groups.values(),
        nodes=config.nodes.values(),
        instances=[make_instance(1, nics=nics)],
        disks=[make_disk(1)],
        ctime=1.0,
        mtime=1.0,
    )
    bridged, other = document(config=config)["instances"]["inst1.example.com"]["nics"]
    assert bridged["bridge"] == bridged["link"]
    assert wrong(bridged, table, "nic") == []
    assert (set(table) - set(other), other["mode"], other["link"]) == ({"bridge"}, "routed", "5")


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda one: type(one).__name__)
def test_requests(request_: AllocatorRequest) -> None:
    """Each kind has the table's keys."""
    found = document(request_)["request"]
    keys = dict(TABLE["requests"][found.pop("type")]["keys"])
    if isinstance(request_, MultiAllocate):
        keys = dict(TABLE["requests"]["allocate"]["keys"])
        [found] = found["instances"]
        found.pop("type", None)
    assert set(found) == set(keys)
