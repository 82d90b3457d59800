"""gnt-node modify and powercycle: what they ask the master for, and the person at the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.commands import Ran, VirtualNode
from support.fakemaster import ScriptedMaster

LEFT_OUT = ("OP_ID", "reason", "debug_level", "comment", "depends", "priority", "dry_run")


def run(
    folder: Path, *words: str, result: Any = None, typed: str | None = None
) -> tuple[Ran, dict[str, Any] | None]:
    """Run the command; what it did, and the opcode that it submitted, without what is unset."""
    node = VirtualNode(folder)
    master = ScriptedMaster(result=result)
    server = node.serve(master)
    try:
        ran = node.run("gnt-node", *words, typed=typed)
    finally:
        server.stop()
    ops = master.jobs.get(1)
    if ops is None:
        return ran, None
    return ran, {k: v for k, v in ops[0].items() if v is not None and k not in LEFT_OUT}


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        (["-C", "yes"], {"master_candidate": True}),
        (["-D", "no", "--auto-promote"], {"drained": False, "auto_promote": True}),
        (["-O", "yes", "-f"], {"offline": True, "force": True}),
        (
            ["--master-capable=no", "--vm-capable=YES"],
            {"master_capable": False, "vm_capable": True},
        ),
        (["-s", "192.0.2.9", "--node-powered=no"], {"secondary_ip": "192.0.2.9", "powered": False}),
        (
            ["--node-parameters", "ssh_port=22,oob_program=default"],
            {"ndparams": {"ssh_port": 22, "oob_program": "default"}},
        ),
        (
            ["--hypervisor-state", "fake:cpu_total=2", "--disk-state", "plain/vg:disk_total=5"],
            {
                "hv_state": {"fake": {"cpu_total": 2}},
                "disk_state": {"plain": {"vg": {"disk_total": 5}}},
            },
        ),
    ],
)
def test_modify(tmp_path: Path, words: list[str], fields: dict[str, Any]) -> None:
    """Each option is a field of the request."""
    ran, op = run(tmp_path, "modify", *words, "node2")
    assert ran == (0, "", "", "")
    assert op == {"node_name": "node2", "force": False, "auto_promote": False} | fields


def test_result(tmp_path: Path) -> None:
    """Every change is printed."""
    ran, _op = run(tmp_path, "modify", "-D", "yes", "node2", result=[["drained", True]])
    assert ran.stdout == "Modified node node2\n - drained -> True\n"


@pytest.mark.parametrize(("typed", "asked"), [("y\n", True), ("n\n", False), (None, False)])
def test_back_in_service(tmp_path: Path, typed: str | None, asked: bool) -> None:
    """Taking a node back without setting it up again is confirmed."""
    ran, op = run(tmp_path, "modify", "-O", "no", "node2", typed=typed)
    assert (ran.status, op is not None) == (0 if asked else 1, asked)
    assert (ran.stdout, ran.stderr) == ("", "")
    assert typed is None or "gnt-node add --readd node2" in ran.shown.replace("\n", " ")


@pytest.mark.parametrize(
    ("words", "typed", "force"),
    [(["--yes"], None, False), ([], "y\n", False), (["--yes", "-f"], None, True)],
)
def test_powercycle(tmp_path: Path, words: list[str], typed: str | None, force: bool) -> None:
    """It is confirmed, and what the node says goes to standard error."""
    ran, op = run(tmp_path, "powercycle", *words, "node2", typed=typed, result="Reboot scheduled")
    assert op == {"node_name": "node2", "force": force}
    assert (ran.status, ran.stdout, ran.stderr) == (0, "", "Reboot scheduled\n")


def test_powercycle_declined(tmp_path: Path) -> None:
    """Without a yes nothing happens."""
    for number, typed in enumerate(("n\n", None)):
        (tmp_path / str(number)).mkdir()
        ran, op = run(tmp_path / str(number), "powercycle", "node2", typed=typed)
        assert (ran.status, ran.stdout, ran.stderr, op) == (1, "", "", None)
