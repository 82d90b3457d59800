"""Hooks of the units against the table of the public interface."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.fakejob import FakeJob, plan_unit
from support.samples import make_config, make_disk, make_instance, node_uuid, uuid_of
from twisted.internet.defer import Deferred

from ganeti.model.config import Configuration
from ganeti.model.disk import Disk
from ganeti.model.group import NodeGroup
from ganeti.model.instance import AdminState
from ganeti.model.live import InstanceRuntime, NodeResources, OsInfo
from ganeti.model.network import Network
from ganeti.model.nic import Nic
from ganeti.model.parameters import NicMode, PartialNicParams
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes import OPCODES, decode_opcode, op_id
from ganeti.operations.instance.environment import instance_environment
from ganeti.operations.registry import UNITS
from ganeti.operations.unit import HookPlan
from ganeti.rpc.calls import (
    CheckFileStorage,
    GetInstance,
    GetNodeInfo,
    GetOs,
    NodeVersion,
    VersionInfo,
)
from ganeti.version import PROTOCOL_VERSION

TABLE = json.loads((Path(__file__).parent / "interface" / "hooks.json").read_text())
OURS = {path: entry for path, entry in TABLE["paths"].items() if entry["opcode"] in OPCODES}

REQUESTS: dict[str, dict[str, Any]] = {
    "OP_CLUSTER_POST_INIT": {},
    "OP_CLUSTER_DESTROY": {},
    "OP_CLUSTER_VERIFY_GROUP": {"group_name": "default"},
    "OP_CLUSTER_SET_PARAMS": {"candidate_pool_size": 5},
    "OP_NODE_ADD": {"node_name": "node4.example.com"},
    "OP_NODE_REMOVE": {"node_name": "node3.example.com"},
    "OP_NODE_SET_PARAMS": {"node_name": "node3.example.com", "drained": True},
    "OP_GROUP_ADD": {"group_name": "new"},
    "OP_GROUP_REMOVE": {"group_name": "empty"},
    "OP_GROUP_RENAME": {"group_name": "default", "new_name": "new"},
    "OP_GROUP_SET_PARAMS": {"group_name": "default"},
    "OP_INSTANCE_CREATE": {
        "instance_name": "web1",
        "mode": "create",
        "pnode": "node2",
        "os_type": "noop",
        "disk_template": "file",
        "disks": [{"size": 1024}],
        "nics": [{}],
    },
    "OP_INSTANCE_REMOVE": {"instance_name": "inst2"},
    "OP_INSTANCE_STARTUP": {"instance_name": "inst2"},
    "OP_INSTANCE_SHUTDOWN": {"instance_name": "inst2"},
    "OP_INSTANCE_REBOOT": {"instance_name": "inst2", "reboot_type": "hard"},
    "OP_INSTANCE_REINSTALL": {"instance_name": "inst3"},
    "OP_INSTANCE_RENAME": {"instance_name": "inst3", "new_name": "web3"},
    "OP_INSTANCE_SET_PARAMS": {"instance_name": "inst2", "runtime_mem": 128},
}


def _guest(_node: str, call: GetInstance) -> InstanceRuntime | None:
    """Instance 2 runs."""
    running = call.name.startswith("inst2")
    return InstanceRuntime(name=call.name, memory_mib=128, vcpus=1) if running else None


ANSWERS: dict[type, Any] = {
    NodeVersion: VersionInfo(
        protocol=PROTOCOL_VERSION,
        release="4",
        name="node4.example.com",
        uuid=node_uuid(4),
        term=0,
        certificate_digest="digest",
    ),
    GetOs: OsInfo(name="noop", path="/os", valid=True),
    GetNodeInfo: NodeResources(memory_free=4096),
    GetInstance: _guest,
    CheckFileStorage: "",
}

MASTER, NODE2, NODE3, NODE4 = (node_uuid(number) for number in range(1, 5))
# The table's words for nodes, in the situations of REQUESTS.
NODES: dict[tuple[str, str], set[str]] = {
    ("cluster-init", "master"): {MASTER},
    ("cluster-destroy", "master"): {MASTER},
    ("cluster-modify", "master"): {MASTER},
    ("node-add", "all existing nodes but the new one"): {MASTER, NODE2, NODE3},
    ("node-add", "the same + the new node"): {MASTER, NODE2, NODE3, NODE4},
    ("node-remove", "all nodes but the removed one"): {MASTER, NODE2},
    ("node-modify", "master + target node"): {MASTER, NODE3},
    ("group-add", "master"): {MASTER},
    ("group-modify", "master"): {MASTER},
    ("group-remove", "master"): {MASTER},
    ("group-rename", "master + nodes of the group"): {MASTER, NODE2, NODE3},
    ("instance-add", "master + primary + secondaries"): {MASTER, NODE2},
    ("instance-remove", "master"): {MASTER},
    ("instance-remove", "nodes of the instance + master"): {MASTER, NODE2},
    ("instance-start", "master + all nodes of the instance"): {MASTER, NODE2},
    ("instance-stop", "master + all nodes of the instance"): {MASTER, NODE2},
    ("instance-reboot", "master + all nodes of the instance"): {MASTER, NODE2},
    ("instance-reinstall", "master + all nodes of the instance"): {MASTER, NODE2},
    ("instance-rename", "master + all nodes of the instance"): {MASTER, NODE2},
    ("instance-modify", "master + all nodes of the instance"): {MASTER, NODE2},
}


NOT_CHANGED = ("NEW_DISK_TEMPLATE (if changed)",)
"""Variables of changes that REQUESTS does not ask for."""


def hooks_of(op_name: str) -> HookPlan:
    """The hooks of an opcode in a cluster that lets it pass."""
    config = make_config(nodes=3, instances=3)
    config = config.with_instance(make_instance(3, 2, admin_state=AdminState.DOWN))
    if op_name == "OP_GROUP_REMOVE":
        config = config.with_group(NodeGroup(uuid=uuid_of(1, 2), name="empty"))
    if op_name == "OP_CLUSTER_DESTROY":
        config = make_config(nodes=1)
    job = FakeJob(config, dict(ANSWERS))
    job.resolver.hosts["node4.example.com"] = "192.0.2.4"
    op = decode_opcode(json.dumps({"OP_ID": op_name, **REQUESTS[op_name]}).encode())
    plans: list[Any] = []
    unit = UNITS[op_name]
    Deferred.fromCoroutine(plan_unit(unit, op, job)).addCallback(plans.append)
    hooks = unit(op, job).hooks(plans[0])
    assert hooks is not None
    return hooks


def test_all_are_tried() -> None:
    """Each hook path whose opcode we have is in this test."""
    assert {entry["opcode"] for entry in OURS.values()} == set(REQUESTS)


@pytest.mark.parametrize("path", sorted(OURS))
def test_path(path: str) -> None:
    """Path, object type and the operation's own variables are the table's."""
    entry = OURS[path]
    hooks = hooks_of(entry["opcode"])
    assert (hooks.path, hooks.object_type) == (path, entry["object_type"])
    own = {name for word in entry["env"] if "(import)" not in word for name in _each_node(word)}
    own = {name.removesuffix(" (if changed)") for name in own if name not in NOT_CHANGED}
    if entry["instance_env"]:
        general = {name for name in hooks.env if _instance_pattern(name)}
        assert general
        assert set(hooks.env) - general == own
    else:
        assert set(hooks.env) == own
    assert all(isinstance(value, str) for value in hooks.env.values())


def _each_node(name: str) -> list[str]:
    """A variable that there is for every node, by its names."""
    nodes = [f"node{number}.example.com" for number in (1, 2, 3)]
    return [name.replace("<node name>", node) for node in nodes]


@pytest.mark.parametrize("path", sorted(OURS))
def test_nodes(path: str) -> None:
    """They run where the table says; some run their own, within the operation."""
    entry = OURS[path]
    hooks = hooks_of(entry["opcode"])
    assert set(hooks.pre_nodes) == _nodes(path, entry["pre_nodes"])
    if path in ("cluster-destroy", "cluster-verify"):
        assert hooks.post_nodes == ()
    elif entry["post_nodes"].startswith("the same;"):
        assert set(hooks.post_nodes) == set(hooks.pre_nodes)
    else:
        assert set(hooks.post_nodes) == _nodes(path, entry["post_nodes"])


def _nodes(path: str, words: str | None) -> set[str]:
    return set() if words is None else NODES[path, words]


def test_units_without_hooks() -> None:
    """Only the table's operations have hooks."""
    with_hooks = {entry["opcode"] for entry in OURS.values()}
    for name, unit in UNITS.items():
        has_hooks = "hooks" in vars(unit)
        assert has_hooks == (name in with_hooks), op_id(unit.OP)


def _patterns() -> list[str]:
    patterns = []
    for name in TABLE["instance_env"]:
        choices = re.search(r"\{(.*)\}", name)
        for choice in choices[1].split(",") if choices else [""]:
            text = name.replace(choices[0], choice) if choices else name
            pattern = re.escape(text).replace("%d", r"\d+").replace(re.escape("<param>"), r"\w+")
            patterns.append(pattern.replace(re.escape("%") + "d", r"\d+"))
    return patterns


def _instance_pattern(name: str) -> bool:
    return any(re.fullmatch(pattern, name) for pattern in _patterns())


def full_instance() -> tuple[Configuration, list[Disk]]:
    """An instance that has everything that can be told, disks of every template among it."""
    config = make_config(nodes=3, instances=1)
    network = Network(
        uuid="net",
        name="net1",
        network="192.0.2.0/24",
        gateway="192.0.2.1",
        network6="2001:db8::/64",
        gateway6="2001:db8::1",
        mac_prefix="aa:00:01",
        tags=("t",),
    )
    logical_ids: dict[DiskTemplate, tuple[str | int, ...]] = {
        DiskTemplate.FILE: ("loop", "/path"),
        DiskTemplate.PLAIN: ("xenvg", "lv"),
        DiskTemplate.EXT: ("provider", "name"),
        DiskTemplate.DRBD: (node_uuid(1), node_uuid(2), 11000, 0, 1, "secret"),
    }
    disks = []
    for place, (template, logical_id) in enumerate(logical_ids.items()):
        lv = Disk(uuid="c", dev_type=DiskTemplate.PLAIN, logical_id=("xenvg", "lv"), size=1)
        children = (lv, lv) if template is DiskTemplate.DRBD else ()
        disk = make_disk(1, place, dev_type=template, logical_id=logical_id, children=children)
        disks.append(disk)
    bridged = Nic(
        uuid=uuid_of(5, 1), mac="aa:00:00:00:00:01", ip="192.0.2.5", name="n0", network="net"
    )
    routed = replace(bridged, nicparams=PartialNicParams(mode=NicMode.ROUTED))
    instance = make_instance(1, nics=(bridged, routed), disks=tuple(d.uuid for d in disks))
    config = config.with_network(network)
    for disk in disks:
        config = config.with_disk(disk)
    return config.with_instance(instance), disks


def test_instance_environment() -> None:
    """All variables of the table are there, and no others."""
    config, disks = full_instance()
    env = instance_environment(config, config.find_instance("inst1"), disks)
    assert not [name for name in env if not _instance_pattern(name) and name != "OP_TARGET"]
    missing = [
        pattern for pattern in _patterns() if not any(re.fullmatch(pattern, name) for name in env)
    ]
    assert not missing


def test_instance_environment_values() -> None:
    """Values are words, numbers and lists as scripts know them."""
    config, disks = full_instance()
    env = instance_environment(config, config.find_instance("inst1"), disks)
    assert env["INSTANCE_SECONDARIES"] == "node2.example.com"
    assert env["INSTANCE_PRIMARY"] == "node1.example.com"
    assert env["INSTANCE_DISK_TEMPLATE"] == "mixed"
    assert env["INSTANCE_MEMORY"] == env["INSTANCE_MAXMEM"] == env["INSTANCE_BE_maxmem"] == "128"
    assert env["INSTANCE_BE_auto_balance"] == "True"
    assert env["INSTANCE_NIC0_BRIDGE"] == "xen-br0"
    assert "INSTANCE_NIC1_BRIDGE" not in env
    assert env["INSTANCE_DISK3_PNODE"] == "node1.example.com"
    assert "secret" not in env.values()
