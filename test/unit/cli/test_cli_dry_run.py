"""Dry runs: where the plan is printed, and as what."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.commands import VirtualNode
from support.fakemaster import FakeMaster, ScriptedMaster

from ganeti import errors
from ganeti.cli.plans import plan_lines

INFO = " - INFO: dry-run mode requested, not actually executing the operation"
STARTED = {
    "OP_ID": "OP_INSTANCE_STARTUP",
    "operation": "INSTANCE_STARTUP(web1)",
    "steps": ["start instance web1 on node2", "mark instance web1 as up"],
    "plan": {"instance": {"name": "web1"}, "running": False},
}
Serve = Callable[..., FakeMaster]


@pytest.fixture
def node(tmp_path: Path) -> VirtualNode:
    return VirtualNode(tmp_path)


@pytest.fixture
def serve(node: VirtualNode) -> Iterator[Serve]:
    servers = []

    def start(*plans: Any, **settings: Any) -> FakeMaster:
        log = [("message", INFO), *(("plan", plan) for plan in plans)]
        servers.append(node.serve(ScriptedMaster(log=log, **settings)))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def _op(server: FakeMaster) -> dict[str, Any]:
    (((op,),),) = server.asked("SubmitJob")
    return dict(op)


def test_text(node: VirtualNode, serve: Serve) -> None:
    """The plan is on standard error; standard output has what it always had."""
    server = serve(STARTED)
    ran = node.run("gnt-debug", "delay", "--dry-run", "1")
    assert ran.status == 0
    assert ran.stderr == (
        "Plan of INSTANCE_STARTUP(web1):\n"
        "  start instance web1 on node2\n"
        "  mark instance web1 as up\n"
    )
    (line,) = ran.stdout.splitlines()
    assert line.endswith(INFO)
    assert _op(server)["dry_run"] is True


def test_json(node: VirtualNode, serve: Serve) -> None:
    """As JSON it is alone on standard output."""
    server = serve(STARTED)
    ran = node.run("gnt-debug", "delay", "--dry-run=json", "--print-jobid", "1")
    assert ran.status == 0
    assert json.loads(ran.stdout) == [{"job": 1, **STARTED}]
    assert ran.stderr.splitlines()[0] == "1"
    assert INFO in ran.stderr
    assert _op(server)["dry_run"] is True


def test_json_of_several(node: VirtualNode, serve: Serve) -> None:
    """Many jobs make one document."""
    serve(STARTED, other={"QueryInstances": [["a"], ["b"]]})
    ran = node.run("gnt-instance", "startup", "--dry-run=json", "--force-multiple", "a", "b")
    assert ran.status == 0
    assert [plan["job"] for plan in json.loads(ran.stdout)] == [1, 2]
    assert "Waiting for job 1 for a ..." in ran.stderr


def test_json_of_a_failure(node: VirtualNode, serve: Serve) -> None:
    """A plan that cannot be made is an error, and the document is empty."""
    serve(result=errors.OpPrereqError("no room", "insufficient_resources"))
    ran = node.run("gnt-debug", "delay", "--dry-run=json", "1")
    assert (ran.status, json.loads(ran.stdout)) == (1, [])
    assert "no room" in ran.stderr


def test_json_submitted(node: VirtualNode, serve: Serve) -> None:
    """Nobody waits for the plan."""
    serve(STARTED)
    ran = node.run("gnt-debug", "delay", "--dry-run=json", "--submit", "1")
    assert ran == (0, "[]\n", "JobID: 1\n", "")


@pytest.mark.parametrize("word", ["--dry-run=xml", "--dry-run=", "--dry=JSON"])
def test_other_forms(node: VirtualNode, serve: Serve, word: str) -> None:
    """There is no other form."""
    server = serve()
    ran = node.run("gnt-debug", "delay", word, "1")
    assert ran.status == 2
    assert "option --dry-run: invalid choice: " in ran.stderr
    assert "(choose from 'json')" in ran.stderr
    assert not server.calls


def test_shortened(node: VirtualNode, serve: Serve) -> None:
    """The option may be cut, in both forms; others take no value."""
    server = serve()
    assert node.run("gnt-debug", "delay", "--dry=json", "1").stdout == "[]\n"
    assert _op(server)["dry_run"] is True
    ran = node.run("gnt-debug", "delay", "--submit=json", "1")
    assert ran.status == 2
    assert "--submit option does not take a value" in ran.stderr


def test_watch(node: VirtualNode, serve: Serve) -> None:
    """Who watches the job sees the plan, too."""
    serve(STARTED)
    assert "Plan of INSTANCE_STARTUP(web1):\n  start" in node.run("gnt-job", "watch", "1").stderr


def test_info(node: VirtualNode) -> None:
    """So does who looks at it later."""
    stamp = [1795180557, 0]
    log = [[[1, stamp, "plan", STARTED]]]
    ops = [{"OP_ID": "OP_X"}]
    row = [1, "success", ops, [None], ["success"], log, [stamp], [stamp], [stamp], *[stamp] * 3]
    server = node.serve(ScriptedMaster(other={"QueryJobs": [row]}))
    ran = node.run("gnt-job", "info", "1")
    server.stop()
    wanted = "Content: Plan of INSTANCE_STARTUP(web1):\n"
    assert wanted in ran.stdout
    assert "\n              start instance web1 on node2\n" in ran.stdout


def test_without_steps() -> None:
    """A plan that has no words for its steps is shown as what it is, without what is empty."""
    plan = {
        "node": {"name": "n", "tags": [], "x": None},
        "flags": {"offline": True},
        "y": {"z": ""},
    }
    assert plan_lines({"operation": "O", "steps": [], "plan": plan}) == [
        "Plan of O:",
        "  flags: ",
        "    offline: True",
        "  node: ",
        "    name: n",
    ]


@pytest.mark.parametrize("plan", [None, {}, [], {"node_uuids": []}, [[], {}]])
def test_nothing_to_tell(plan: Any) -> None:
    """A plan of nothing is no text."""
    assert plan_lines({"operation": "O", "steps": [], "plan": plan}) == []


@pytest.mark.parametrize("plan", ["some text", 3, False])
def test_simple_plans(plan: Any) -> None:
    """What is one value is one line; what is no plan at all is shown as it is."""
    assert plan_lines(plan) == [str(plan)]
    lines = plan_lines({"operation": "O", "plan": plan})
    assert lines == (["Plan of O:", f"  {plan}"] if plan else [])
