"""The opcode that gnt-instance add makes of its options."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ganeti.cli.commands.gnt_instance import PROGRAM
from ganeti.cli.commands.instance_add import build
from ganeti.cli.parser import parse
from ganeti.errors import GanetiError
from ganeti.opcodes import decode_opcode, encode_opcode


def _add(*words: str) -> dict[str, Any]:
    command = PROGRAM.find("add")
    assert command is not None
    options, names = parse("gnt-instance", command, [*words, "inst"], 80)
    op = build(names[0], options, {"reason": ()})
    assert decode_opcode(encode_opcode(op)) == op
    plain: dict[str, Any] = json.loads(encode_opcode(op))
    return plain


BASE = ("-t", "file", "-s", "1G", "-o", "os")


def test_plain() -> None:
    """What is not said keeps its default."""
    op = _add(*BASE)
    assert op["instance_name"] == "inst"
    assert op["disks"] == [{"size": 1024}]
    assert op["nics"] == [{}]
    assert (op["mode"], op["disk_template"], op["os_type"]) == ("create", "file", "os")
    assert (op["start"], op["no_install"], op["wait_for_sync"]) == (True, False, True)
    assert op["pnode"] is None and op["iallocator"] is None
    assert op["beparams"] == {} and op["hvparams"] == {} and op["tags"] == []


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        (["-n", "n1"], {"pnode": "n1", "snode": None}),
        (["-n", "n1:n2"], {"pnode": "n1", "snode": "n2"}),
        (["-I", "hail", "-g", "g1"], {"iallocator": "hail", "group_name": "g1"}),
        (
            ["-B", "memory=1g,vcpus=2,auto_balance=no"],
            {"beparams": {"memory": 1024, "vcpus": 2, "auto_balance": False}},
        ),
        (["-H", "fake"], {"hypervisor": "fake", "hvparams": {}}),
        (
            ["-H", "kvm:kernel_path=/k,acpi=no"],
            {"hypervisor": "kvm", "hvparams": {"kernel_path": "/k", "acpi": False}},
        ),
        (["-O", "a=b,c"], {"osparams": {"a": "b", "c": True}}),
        (
            ["--os-parameters-private", "a=b", "--os-parameters-secret", "c=d"],
            {"osparams_private": {"a": "b"}, "osparams_secret": {"c": "d"}},
        ),
        (["--tags", "a,b"], {"tags": ["a", "b"]}),
        (["--no-start", "--no-install"], {"start": False, "no_install": True}),
        (["--no-nics"], {"nics": []}),
        (
            ["--net", "1:ip=10.0.0.1,mac=aa:00:00:00:00:01"],
            {"nics": [{}, {"ip": "10.0.0.1", "mac": "aa:00:00:00:00:01"}]},
        ),
        (["--net", "0:ip=none,name=x"], {"nics": [{"ip": "none", "name": "x"}]}),
        (["--name-check", "--ip-check"], {"name_check": True, "ip_check": True}),
        (["--no-ip-check", "--no-name-check"], {"name_check": False, "ip_check": False}),
        (["--communication=yes"], {"instance_communication": True}),
        (["--file-driver=loop", "--file-storage-dir=x"], {"file_driver": "loop"}),
        (["--no-conflicts-check"], {"conflicts_check": False}),
    ],
)
def test_options(words: list[str], fields: dict[str, Any]) -> None:
    """Each option has its place."""
    op = _add(*BASE, *words)
    assert {name: op[name] for name in fields} == fields


def test_disks() -> None:
    """Disks have numbers; sizes are MiB."""
    op = _add(
        "-t", "plain", "-o", "os", "--disk", "1:size=1.5g,mode=ro", "--disk", "0:size=128,vg=x"
    )
    assert op["disks"] == [{"size": 128, "vg": "x"}, {"size": 1536, "mode": "ro"}]
    assert _add("-t", "plain", "-o", "os", "--disk", "0:adopt=lv1")["disks"] == [
        {"adopt": "lv1", "size": 0}
    ]
    op = _add("-t", "plain", "-o", "os", "--disk", "0:size=1g,spindles=2,name=a")
    assert op["disks"] == [{"size": 1024, "spindles": 2, "name": "a"}]


def test_no_system() -> None:
    """Without an installation no system is needed."""
    assert _add("-t", "diskless", "--no-install")["os_type"] is None


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["-t", "file", "-o", "os"], "No disk information specified"),
        (["-t", "diskless"], "No guest OS or OS image specified"),
        (["-t", "diskless", "-o", "os", "-s", "1g"], "Diskless instance but disk information"),
        ([*BASE, "--disk", "0:size=1g"], "Please use either the '--disk' or '-s' option"),
        (["-t", "file", "-o", "os", "--disk", "1:size=1g"], "Missing size or adoption source for"),
        (["-t", "file", "-o", "os", "--disk", "x:size=1g"], "Invalid value for disk index: x"),
        (["-t", "file", "-o", "os", "--disk", "16:size=1"], "Invalid disk index 16: use 0 to 15"),
        (["-t", "file", "-o", "os", "--disk", "0:size=1,adopt=x"], "Only one of size and adoption"),
        (["-t", "file", "-o", "os", "--disk", "0:size=x"], "Disk 0: Invalid size 'x'"),
        (["-t", "file", "-o", "os", "--disk", "0:size=1,spindles=x"], "disk 0: spindles: x"),
        ([*BASE, "--net", "0", "--net", "0"], "There is more than one NIC 0"),
        ([*BASE, "--net", "no_0"], "Invalid NIC specification '0'"),
        ([*BASE, "--net", "0:nosuch=1"], "Unknown parameter 'nosuch'"),
        ([*BASE, "--net", "8"], "Invalid NIC index 8"),
        ([*BASE, "-B", "nosuch=1"], "Unknown parameter 'nosuch'"),
        ([*BASE, "-B", "memory=x"], "'memory' (value x) is not a valid size"),
        ([*BASE, "-H", "nosuch"], "Unknown hypervisor 'nosuch'"),
        ([*BASE, "-H", "no_kvm"], "Unknown hypervisor 'kvm'"),
        ([*BASE, "-H", "kvm:a=b"], "Unknown parameter 'a'"),
    ],
)
def test_refused(words: list[str], text: str) -> None:
    """What cannot be is refused with the reason."""
    with pytest.raises(GanetiError) as caught:
        _add(*words)
    assert text in str(caught.value)
