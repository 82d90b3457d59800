"""What gnt-group asks of the master daemon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.commands import Ran, VirtualNode
from support.fakemaster import ScriptedMaster

SIZES = {
    "cpu-count": 1,
    "disk-count": 2,
    "disk-size": 1024,
    "memory-size": 512,
    "nic-count": 0,
    "spindle-use": 1,
}


@pytest.fixture
def node(tmp_path: Path) -> VirtualNode:
    return VirtualNode(tmp_path)


def ask(node: VirtualNode, *words: str, result: Any = None) -> tuple[Ran, dict[str, Any]]:
    """What a command printed, and the opcode it submitted; empty when it did not."""
    master = ScriptedMaster(result=result)
    server = node.serve(master)
    try:
        ran = node.run("gnt-group", *words)
    finally:
        server.stop()
    return ran, master.jobs[1][0] if master.jobs else {}


@pytest.mark.parametrize(
    ("words", "op_id", "fields"),
    [
        (["add", "g"], "OP_GROUP_ADD", {"group_name": "g"}),
        (
            [
                "add",
                "--alloc-policy=unallocable",
                "--node-parameters=spindle_count=2,ovs,no_exclusive_storage,oob_program=/a\\,b",
                "-D",
                "drbd:metavg=x,resync-rate=10",
                "-D",
                "plain:stripes=2",
                "--hypervisor-state=kvm:cpu_node=1",
                "--disk-state=plain/vg:disk_reserved=5",
                "g",
            ],
            "OP_GROUP_ADD",
            {
                "alloc_policy": "unallocable",
                "ndparams": {
                    "spindle_count": 2,
                    "ovs": True,
                    "exclusive_storage": False,
                    "oob_program": "/a,b",
                },
                "diskparams": {
                    "drbd": {"metavg": "x", "resync-rate": 10},
                    "plain": {"stripes": 2},
                },
                "hv_state": {"kvm": {"cpu_node": 1}},
                "disk_state": {"plain": {"vg": {"disk_reserved": 5}}},
            },
        ),
        (
            [
                "modify",
                "--node-parameters=-spindle_count,ssh_port=default",
                "-D",
                "rbd:pool=default",
                "--ipolicy-vcpu-ratio=2.5",
                "--ipolicy-spindle-ratio=default",
                "--ipolicy-disk-templates=file,plain",
                "g",
            ],
            "OP_GROUP_SET_PARAMS",
            {
                "ndparams": {"spindle_count": None, "ssh_port": "default"},
                "diskparams": {"rbd": {"pool": "default"}},
                "ipolicy": {
                    "vcpu-ratio": 2.5,
                    "spindle-ratio": "default",
                    "disk-templates": ["file", "plain"],
                },
            },
        ),
        (
            ["modify", "--ipolicy-bounds-specs=default", "--ipolicy-disk-templates=default", "g"],
            "OP_GROUP_SET_PARAMS",
            {"ipolicy": {"minmax": "default", "disk-templates": "default"}},
        ),
        (
            ["rename", "a", "b"],
            "OP_GROUP_RENAME",
            {"group_name": "a", "new_name": "b"},
        ),
        (["remove", "--dry-run", "g"], "OP_GROUP_REMOVE", {"group_name": "g", "dry_run": True}),
        (
            ["assign-nodes", "-f", "g", "n1", "n2"],
            "OP_GROUP_ASSIGN_NODES",
            {"group_name": "g", "nodes": ["n1", "n2"], "force": True},
        ),
        (["assign-nodes", "g"], "OP_GROUP_ASSIGN_NODES", {"nodes": [], "force": False}),
    ],
)
def test_requests(node: VirtualNode, words: list[str], op_id: str, fields: dict[str, Any]) -> None:
    """Options become an opcode, with values of the right types."""
    ran, op = ask(node, *words)
    assert ran.status == 0, ran.stderr
    assert op["OP_ID"] == op_id
    assert {name: op.get(name) for name in fields} == fields


def test_bounds(node: VirtualNode) -> None:
    """Bounds of a policy are typed, pair by pair."""
    text = ",".join(f"{name}={size}" for name, size in SIZES.items())
    big = text.replace("512", "1g")
    _, op = ask(node, "add", f"--ipolicy-bounds-specs=min:{text}/max:{big}", "g")
    assert op["ipolicy"] == {"minmax": [{"min": SIZES, "max": SIZES | {"memory-size": 1024}}]}


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--node-parameters=nosuch=1"], "Parameter Error: Unknown parameter 'nosuch'\n"),
        (
            ["--node-parameters=spindle_count=x"],
            "Parameter Error: 'spindle_count' (value x) is not a valid integer\n",
        ),
        (["-D", "cow:stripes=1"], "Unknown disk template 'cow'"),
        (["-D", "plain:metavg=x"], "Parameter Error: Unknown parameter 'metavg'\n"),
        (["-D", "no_plain"], "Option -D plain needs parameters"),
        (["--ipolicy-bounds-specs=min:cpu-count=1"], "needs min and max"),
        (["--ipolicy-bounds-specs=min:cpu-count=x/max:cpu-count=1"], "(x) in min instance specs"),
    ],
)
def test_refused_here(node: VirtualNode, words: list[str], text: str) -> None:
    """What is malformed is refused before anything is submitted."""
    ran, op = ask(node, "modify", *words, "g")
    assert (ran.status, op) == (1, {})
    assert text in ran.stderr


def test_modified(node: VirtualNode) -> None:
    """What the group sets itself now is shown."""
    ran, _ = ask(node, "modify", "g", result=[["ndparams", {"ovs": True}], ["diskparams", {}]])
    assert ran.stdout == (
        "Modified node group g\n - ndparams -> {'ovs': True}\n - diskparams -> {}\n"
    )


def test_own_values(node: VirtualNode) -> None:
    """Details mark what is inherited."""
    bounds = [{"min": SIZES, "max": SIZES}]
    policy = {
        "minmax": bounds,
        "disk-templates": ["file"],
        "vcpu-ratio": 4.0,
        "spindle-ratio": 2.5,
    }
    row = [
        "g",
        {"ovs": True, "ssh_port": 22},
        {"ovs": True},
        {"plain": {"stripes": 1}, "file": {}, "rbd": {"pool": "x", "access": "y"}},
        {"rbd": {"pool": "x"}},
        policy,
        {"minmax": bounds, "spindle-ratio": 2.5},
        "u",
    ]
    server = node.serve(ScriptedMaster(other={"QueryGroups": [row]}))
    ran = node.run("gnt-group", "info", "g", "u")
    server.stop()
    sizes = "".join(f"          {name}: {size}\n" for name, size in SIZES.items())
    assert ran == (
        0,
        "- Node group: g\n"
        "  Node parameters: \n    ovs: True\n    ssh_port: default (22)\n"
        "  Disk parameters: \n    file: default ({})\n    plain: \n      stripes: default (1)\n"
        "    rbd: \n      access: default (y)\n      pool: x\n"
        "  Instance policy: \n    bounds specs: \n"
        f"      - min/0: \n{sizes}        max/0: \n{sizes}"
        "    allowed disk templates: default (file)\n"
        "    vcpu-ratio: default (4)\n    spindle-ratio: 2.5\n",
        "",
        "",
    )
