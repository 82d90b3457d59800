"""gnt-instance reboot, reinstall, rename and modify, as far as the records do not show them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.commands import Ran, VirtualNode
from support.fakemaster import ScriptedMaster

INSTANCES = ("web1", "web2")
SYSTEMS = [["busybox", ["default", "empty"], True, False, False]]


def _query_instances(names: list[str], _fields: list[str], _lock: bool) -> list[list[str]]:
    return [[name] for name in INSTANCES if not names or name in names]


def _run(
    folder: Path, *words: str, result: Any = None, typed: str | None = None
) -> tuple[Ran, list[dict[str, Any]]]:
    """What was printed, and the opcodes that were submitted."""
    node = VirtualNode(folder)
    master = ScriptedMaster(result=result, other={"QueryInstances": _query_instances})
    server = node.serve(master)
    try:
        ran = node.run("gnt-instance", *words, typed=typed)
    finally:
        server.stop()
    return ran, [op for ops in master.jobs.values() for op in ops]


def _op(folder: Path, *words: str) -> dict[str, Any]:
    ran, (op,) = _run(folder, *words)
    assert (ran.status, ran.stderr) == (0, "")
    return op


def test_reboot(tmp_path: Path) -> None:
    """Its options become parameters; several instances are several jobs."""
    words = ("reboot", "-t", "full", "--shutdown-timeout=7", "--ignore-secondaries")
    ran, ops = _run(tmp_path, *words, "--all", "--force-multiple")
    assert ran.stdout == (
        "Submitted jobs 1, 2\nWaiting for job 1 for web1 ...\nWaiting for job 2 for web2 ...\n"
    )
    assert [op["instance_name"] for op in ops] == ["web1", "web2"]
    assert {(op["reboot_type"], op["shutdown_timeout"]) for op in ops} == {("full", 7)}
    assert all(op["ignore_secondaries"] for op in ops)


@pytest.mark.parametrize("verb", ["reboot", "reinstall"])
@pytest.mark.parametrize(("typed", "count"), [("y\n", 2), ("n\n", 0), (None, 0)])
def test_several(tmp_path: Path, verb: str, typed: str | None, count: int) -> None:
    """Several instances are asked for, also with -f where there is one."""
    more = ["-f"] if verb == "reinstall" else []
    ran, ops = _run(tmp_path, verb, *more, "web1", "web2", typed=typed)
    assert (len(ops), ran.status) == (count, 0 if count else 1)
    if typed:
        assert ran.shown.startswith(f"The {verb} will operate on 2 instances.\n")


def test_reinstall_several_warns(tmp_path: Path) -> None:
    """The question says what comes of it."""
    ran, _ = _run(tmp_path, "reinstall", "-o", "other", "--all", typed="n\n")
    assert (
        "All data of these instances will be lost. It will change the OS to\n'other'.\n"
    ) in ran.shown


def test_reinstall(tmp_path: Path) -> None:
    """Its options become parameters; nothing is asked with -f."""
    op = _op(
        tmp_path,
        *("reinstall", "-f", "-o", "busybox+empty", "--force-variant", "-O", "motd=hello"),
        *("--os-parameters-private", "a=b", "--os-parameters-secret", "c=d", "web1"),
    )
    assert (op["os_type"], op["force_variant"], op["osparams"]) == (
        "busybox+empty",
        True,
        {"motd": "hello"},
    )
    assert (op["osparams_private"], op["osparams_secret"]) == ({"a": "b"}, {"c": "d"})


def test_reinstall_alone(tmp_path: Path) -> None:
    """Without options nothing but the name is said."""
    op = _op(tmp_path, "reinstall", "--force-multiple", "web1")
    for name in ("os_type", "osparams", "osparams_private", "osparams_secret"):
        assert op[name] is None


def test_select_os(tmp_path: Path) -> None:
    """Each variant can be chosen, and the question names the choice."""
    ran, ops = _run(tmp_path, "reinstall", "--select-os", "web1", result=SYSTEMS, typed="1\nn\n")
    assert ran.stdout == "Available OS templates:\n  0: busybox+default\n  1: busybox+empty\n"
    assert "0/1/[x]/?: 1\n" in ran.shown
    assert "change the OS to\n'busybox+empty')" in ran.shown
    assert (ran.status, [op["OP_ID"] for op in ops]) == (1, ["OP_OS_DIAGNOSE"])


def test_select_from_nothing(tmp_path: Path) -> None:
    """Where there is nothing to choose, that is said."""
    ran, _ = _run(tmp_path, "reinstall", "--select-os", "web1", result=[])
    assert (ran.status, ran.stderr) == (
        1,
        "There is no operating system to choose from: see gnt-os diagnose\n",
    )


def test_rename(tmp_path: Path) -> None:
    """The names and the checks."""
    op = _op(tmp_path, "rename", "--name-check", "--ip-check", "web1", "web9")
    assert (op["instance_name"], op["new_name"], op["name_check"], op["ip_check"]) == (
        "web1",
        "web9",
        True,
        True,
    )


def test_rename_submitted(tmp_path: Path) -> None:
    """With --submit only the job is named."""
    ran, _ = _run(tmp_path, "rename", "--submit", "web1", "web9")
    assert (ran.status, ran.stdout, ran.stderr) == (0, "", "JobID: 1\n")


def test_modify(tmp_path: Path) -> None:
    """Its options become parameters, typed."""
    op = _op(
        tmp_path,
        *("modify", "-B", "memory=1g,vcpus=2,-minmem", "-H", "acpi=no,cpu_cores=default"),
        *("-O", "motd=x,-old", "--os-parameters-private", "pw=1,-gone", "-o", "busybox"),
        *("-m", "512", "--online", "--new-primary", "node2", "--no-hotplug", "--force-variant"),
        *("--no-wait-for-sync", "--no-conflicts-check", "--ignore-ipolicy", "-f"),
        *("--file-driver", "loop", "--file-storage-dir", "sub", "web1"),
    )
    assert op["beparams"] == {"memory": 1024, "vcpus": 2, "minmem": None}
    assert op["hvparams"] == {"acpi": False, "cpu_cores": "default"}
    assert op["osparams"] == {"motd": "x", "old": None}
    assert op["osparams_private"] == {"pw": "1", "gone": "default"}
    assert (op["os_name"], op["runtime_mem"], op["pnode"]) == ("busybox", 512, "node2")
    assert (op["offline"], op["hotplug"], op["force"], op["force_variant"]) == (
        False,
        False,
        True,
        True,
    )
    assert (op["wait_for_sync"], op["conflicts_check"], op["ignore_ipolicy"]) == (
        False,
        False,
        True,
    )
    assert (op["file_driver"], op["file_storage_dir"]) == ("loop", "sub")


def test_modify_conversion(tmp_path: Path) -> None:
    """What goes with a conversion is sent along."""
    op = _op(
        tmp_path,
        *[
            "modify",
            "-t",
            "drbd",
            "-n",
            "node3",
            "-I",
            "hail",
            "-e",
            "provider=p",
            "--offline",
            "web1",
        ],
    )
    assert (op["disk_template"], op["remote_node"], op["iallocator"]) == ("drbd", "node3", "hail")
    assert (op["ext_params"], op["offline"]) == ({"provider": "p"}, True)


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("add", ["add", -1, {}]),
        ("add:ip=192.0.2.1,mode=routed", ["add", -1, {"ip": "192.0.2.1", "mode": "routed"}]),
        ("1:add,link=br1", ["add", 1, {"link": "br1"}]),
        ("-1:add,mac=auto", ["add", -1, {"mac": "auto"}]),
        ("0:ip=none", ["modify", 0, {"ip": "none"}]),
        ("0:modify,-ip,vlan=5", ["modify", 0, {"ip": None, "vlan": "5"}]),
        ("eth0:link=br2", ["modify", "eth0", {"link": "br2"}]),
        ("remove", ["remove", -1, {}]),
        ("-1:remove", ["remove", -1, {}]),
        ("eth0:remove", ["remove", "eth0", {}]),
    ],
)
def test_nics(tmp_path: Path, typed: str, wanted: list[Any]) -> None:
    """All ways to write a change of an interface."""
    assert _op(tmp_path, "modify", "--net", typed, "web1")["nics"] == [wanted]


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("add:size=1.5g,mode=ro", ["add", -1, {"size": 1536, "mode": "ro"}]),
        ("2:add,size=64,spindles=2", ["add", 2, {"size": 64, "spindles": 2}]),
        ("0:mode=rw,-name", ["modify", 0, {"mode": "rw", "name": "none"}]),
        ("data:modify,name=new", ["modify", "data", {"name": "new"}]),
        ("remove", ["remove", -1, {}]),
        ("1:detach", ["detach", 1, {}]),
        ("attach:uuid=abc", ["attach", -1, {"uuid": "abc"}]),
        ("0:attach,name=data", ["attach", 0, {"name": "data"}]),
    ],
)
def test_disks(tmp_path: Path, typed: str, wanted: list[Any]) -> None:
    """All ways to write a change of a disk."""
    assert _op(tmp_path, "modify", "--disk", typed, "web1")["disks"] == [wanted]


def test_several_changes(tmp_path: Path) -> None:
    """They stay in their order."""
    op = _op(tmp_path, "modify", "--net", "0:remove", "--net", "add", "--net", "add", "web1")
    assert [change[0] for change in op["nics"]] == ["remove", "add", "add"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--offline", "--online"], "Only one of --offline and --online can be given"),
        (["--net", "no_0"], "Invalid NIC specification '0'"),
        (["--net", "-x"], "Invalid NIC specification 'x'"),
        (["--net", "0"], "NIC 0: say what to modify"),
        (
            ["--net", "add,ip=192.0.2.1"],
            "NIC 'add,ip=192.0.2.1': write add:NAME=VALUE,... or INDEX:NAME=VALUE,...",
        ),
        (["--net", "0:add,remove"], "NIC 0: choose one of add, remove"),
        (["--net", "0:remove,ip=none"], "NIC 0: nothing can be given with remove"),
        (["--disk", "0:detach,name=x"], "disk 0: nothing can be given with detach"),
        (["--disk", "attach"], "disk attach: say what to attach"),
        (["--net", "0:wrong=1"], "Unknown parameter 'wrong'"),
        (["--disk", "add:size=x"], "'size' (value x) is not a valid size. error: Invalid format"),
        (["--disk", "add:spindles=x"], "'spindles' (value x) is not a valid integer"),
        (["--disk", "add:size=1g,ro"], "'ro' (value True) is not a valid string"),
        (
            ["--os-parameters-private", "x"],
            "Option --os-parameters-private: x needs a value",
        ),
        (["-B", "vcpus=x"], "'vcpus' (value x) is not a valid integer"),
    ],
)
def test_wrong(tmp_path: Path, words: list[str], text: str) -> None:
    """What cannot be meant is refused before a job is made."""
    ran, ops = _run(tmp_path, "modify", *words, "web1")
    assert (ran.status, ops) == (1, [])
    assert ran.stderr.endswith(f"{text}\n")


def test_changes_are_shown(tmp_path: Path) -> None:
    """Each change has a line, and the reminder follows; no change prints nothing."""
    result = [["be/vcpus", 2], ["os", "busybox"]]
    ran, _ = _run(tmp_path, "modify", "-B", "vcpus=2", "web1", result=result)
    head = "Modified instance web1\n - be/vcpus -> 2\n - os    -> busybox\nPlease don't forget"
    assert ran.stdout.startswith(head)
    folder = tmp_path / "other"
    folder.mkdir()
    ran, _ = _run(folder, "modify", "-B", "vcpus=2", "web1", result=[])
    assert (ran.status, ran.stdout) == (0, "")


def test_nothing_is_claimed_of_a_dry_run(tmp_path: Path) -> None:
    """A result is told as done only where something was done."""
    ran, ops = _run(tmp_path, "rename", "--dry-run", "web1", "web9", result="web9")
    assert (ran.status, ran.stdout, ops[0]["dry_run"]) == (0, "", True)
    folder = tmp_path / "other"
    folder.mkdir()
    changes = [["be/vcpus", 2]]
    ran, _ = _run(folder, "modify", "--dry-run", "-B", "vcpus=2", "web1", result=changes)
    assert (ran.status, ran.stdout) == (0, "")
