"""What gnt-cluster modify and gnt-os modify ask of the master daemon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.commands import Ran, VirtualNode
from support.fakemaster import ScriptedMaster

from ganeti.opcodes import decode_opcode

MODIFY = ("gnt-cluster", "modify")


@pytest.fixture
def node(tmp_path: Path) -> VirtualNode:
    return VirtualNode(tmp_path)


def ask(node: VirtualNode, *words: str, result: Any = None) -> tuple[Ran, dict[str, Any]]:
    """What a command printed, and the opcode it submitted; empty when it did not."""
    master = ScriptedMaster(result=result)
    server = node.serve(master)
    try:
        ran = node.run(*words)
    finally:
        server.stop()
    return ran, master.jobs[1][0] if master.jobs else {}


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        (["-C", "5"], {"candidate_pool_size": 5}),
        (
            ["-B", "memory=1g,vcpus=2,auto_balance=no,-spindle_use"],
            {
                "beparams": {
                    "memory": 1024,
                    "vcpus": 2,
                    "auto_balance": False,
                    "spindle_use": None,
                }
            },
        ),
        (
            ["-H", "kvm:acpi=no,kernel_path=/k", "-H", "xen-pvm:root_path=default"],
            {
                "hvparams": {
                    "kvm": {"acpi": False, "kernel_path": "/k"},
                    "xen-pvm": {"root_path": "default"},
                }
            },
        ),
        (["-N", "link=br0,mode=routed"], {"nicparams": {"link": "br0", "mode": "routed"}}),
        (["--node-parameters=ssh_port=2222"], {"ndparams": {"ssh_port": 2222}}),
        (["-D", "rbd:pool=x"], {"diskparams": {"rbd": {"pool": "x"}}}),
        (
            ["--hypervisor-state=kvm:cpu_node=1", "--disk-state=plain/vg:disk_total=5"],
            {
                "hv_state": {"kvm": {"cpu_node": 1}},
                "disk_state": {"plain": {"vg": {"disk_total": 5}}},
            },
        ),
        (
            ["--enabled-hypervisors=kvm, fake", "--enabled-disk-templates=file,plain"],
            {"enabled_hypervisors": ["kvm", "fake"], "enabled_disk_templates": ["file", "plain"]},
        ),
        (
            ["--ipolicy-std-specs=memory-size=1g,cpu-count=2", "--ipolicy-vcpu-ratio=3"],
            {"ipolicy": {"std": {"memory-size": 1024, "cpu-count": 2}, "vcpu-ratio": 3.0}},
        ),
        (
            ["--vg-name=", "--drbd-usermode-helper=", "--file-storage-dir=/x"],
            {"vg_name": "", "drbd_helper": "", "file_storage_dir": "/x"},
        ),
        (
            ["--uid-pool=10-20,5", "--add-uids=30", "--remove-uids=10"],
            {"uid_pool": [[5, 5], [10, 20]], "add_uids": [[30, 30]], "remove_uids": [[10, 10]]},
        ),
        (["--reserved-lvs=xenvg/a.*,x\\,y"], {"reserved_lvs": ["xenvg/a.*", "x,y"]}),
        (["--reserved-lvs="], {"reserved_lvs": []}),
        (
            ["--maintain-node-health=yes", "--user-shutdown=no", "--modify-etc-hosts=no"],
            {
                "maintain_node_health": True,
                "enabled_user_shutdown": False,
                "modify_etc_hosts": False,
            },
        ),
        (["--master-netmask=24", "-f"], {"master_netmask": 24, "force": True}),
        (
            ["-I", "hail", "--default-iallocator-params=a=b"],
            {"default_iallocator": "hail", "default_iallocator_params": {"a": "b"}},
        ),
        (
            ["--enabled-data-collectors=lv=no,drbd", "--data-collector-interval=lv=2.5"],
            {
                "enabled_data_collectors": {"lv": False, "drbd": True},
                "data_collector_interval": {"lv": 2500000},
            },
        ),
        (["--compression-tools=gzip,lzop"], {"compression_tools": ["gzip", "lzop"]}),
    ],
)
def test_modify(node: VirtualNode, words: list[str], fields: dict[str, Any]) -> None:
    """Options become fields of the opcode, with values of the right types; others stay out."""
    import json

    ran, op = ask(node, *MODIFY, *words)
    assert ran == (0, "", "", "")
    assert op["OP_ID"] == "OP_CLUSTER_SET_PARAMS"
    given = {name for name, value in op.items() if value is not None}
    common = {"OP_ID", "reason", "priority", "force", "debug_level", "dry_run"}
    assert given - common == fields.keys() - {"force"}
    assert {name: op[name] for name in fields} == fields
    decode_opcode(json.dumps(op).encode(), submitted=True)


@pytest.mark.parametrize("words", [[], ["--force"], ["--dry-run"]])
def test_nothing(node: VirtualNode, words: list[str]) -> None:
    """At least one setting is needed."""
    ran, op = ask(node, *MODIFY, *words)
    assert ran == (1, "", "Please give at least one of the parameters.\n", "")
    assert op == {}


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["-B", "nosuch=1"], "Parameter Error: Unknown parameter 'nosuch'\n"),
        (["-H", "nosuch:acpi=yes"], "Unknown hypervisor 'nosuch'"),
        (["-H", "kvm:x=1"], "Parameter Error: Unknown parameter 'x'\n"),
        (["-N", "mode=x"], "Unknown NIC mode 'x': use bridged, ext, openvswitch, routed\n"),
        (["--uid-pool=x"], "Invalid user ids 'x'"),
        (["--uid-pool=5-1"], "Invalid user ids 5-1"),
        (["--master-netmask=x"], "Invalid netmask (x)"),
        (["--enabled-data-collectors=lv=maybe"], "is not a valid boolean\n"),
        (["--data-collector-interval=lv=often"], "'often' is no number\n"),
        (["--ipolicy-std-specs=memory-size=abc"], "(abc) in std instance specs: Invalid format\n"),
    ],
)
def test_refused_here(node: VirtualNode, words: list[str], text: str) -> None:
    """What is malformed is refused before anything is submitted."""
    ran, op = ask(node, *MODIFY, *words)
    assert (ran.status, op) == (1, {})
    assert text in ran.stderr


def test_redistribute(node: VirtualNode) -> None:
    """Files are sent again by a job; nothing is asked."""
    ran, op = ask(node, "gnt-cluster", "redist-conf", "--yes-do-it")
    assert ran == (0, "", "", "")
    assert op["OP_ID"] == "OP_CLUSTER_REDIST_CONF"


# -- Operating systems


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        (["-H", "kvm:acpi=no"], {"os_hvp": {"deb": {"kvm": {"acpi": False}}}}),
        (["-O", "a=b,-c"], {"osparams": {"deb": {"a": "b", "c": None}}}),
        (
            ["--os-parameters-private=a=b,-c"],
            {"osparams_private_cluster": {"deb": {"a": "b", "c": "default"}}},
        ),
        (
            ["--hidden=yes", "--blacklisted=no"],
            {"hidden_os": [["add", "deb"]], "blacklisted_os": [["remove", "deb"]]},
        ),
    ],
)
def test_os_modify(node: VirtualNode, words: list[str], fields: dict[str, Any]) -> None:
    """What is said about a system becomes a setting of the cluster."""
    ran, op = ask(node, "gnt-os", "modify", *words, "deb")
    assert ran == (0, "", "", "")
    assert {name: op[name] for name in fields} == fields


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "At least one of OS parameters or hypervisor parameters must be passed\n"),
        (["-H", "kvm:x=1"], "Parameter Error: Unknown parameter 'x'\n"),
        (["--os-parameters-private=a"], "a needs a value\n"),
    ],
)
def test_os_refused_here(node: VirtualNode, words: list[str], text: str) -> None:
    """What is malformed is refused before anything is submitted."""
    ran, op = ask(node, "gnt-os", "modify", *words, "deb")
    assert (ran.status, op) == (1, {})
    assert text in ran.stderr


def test_os_info(node: VirtualNode) -> None:
    """What is known of named systems, and of all."""
    rows = [
        ["a", True, ["v1", "v2"], [["p", "a parameter"]], [10, 20], False, True, True],
        ["b", False, None, None, None, True, False, False],
    ]
    shown = {
        "a": "a:\n  - valid: True\n  - hidden: False\n  - blacklisted: True\n"
        "  - API versions:\n    - 10\n    - 20\n  - variants:\n    - v1\n    - v2\n"
        "  - parameters:\n    - p: a parameter\n  - trusted: True\n\n",
        "b": "b:\n  - valid: False\n  - hidden: True\n  - blacklisted: False\n"
        "  - API versions:\n  - variants:\n  - parameters:\n  - trusted: False\n\n",
    }
    assert ask(node, "gnt-os", "info", result=rows)[0].stdout == shown["a"] + shown["b"]
    ran, _ = ask(node, "gnt-os", "show", "nosuch", "b", result=rows)
    assert ran == (0, shown["b"] + "nosuch: \n\n", "", "")
