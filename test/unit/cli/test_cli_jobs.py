"""Jobs as commands see them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.commands import Ran, VirtualNode
from support.fakemaster import FakeMaster, HangUp, ScriptedMaster

from ganeti import errors
from ganeti.cli import failures
from ganeti.cli.session import Clock
from ganeti.opcodes import decode_opcode

FAILED = "Failure: command execution error:\n"
Serve = Callable[[Any], FakeMaster]


@pytest.fixture
def node(tmp_path: Path) -> VirtualNode:
    return VirtualNode(tmp_path)


@pytest.fixture
def serve(node: VirtualNode) -> Iterator[Serve]:
    servers = []

    def start(answer: Any) -> FakeMaster:
        servers.append(node.serve(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def _delay(node: VirtualNode, *words: str) -> Ran:
    return node.run("gnt-debug", "delay", *words, "0.5")


def _submitted(server: FakeMaster) -> dict[str, Any]:
    ((ops,),) = server.asked("SubmitJob")
    (op,) = ops
    return dict(op)


def test_log_lines(node: VirtualNode, serve: Serve) -> None:
    """Log entries are printed with their time, lists of texts as one line."""
    log = [("message", " - INFO: one"), ("message-list", ["a", "b"]), ("delay-test", ["/sock"])]
    serve(ScriptedMaster(log=log))
    ran = _delay(node)
    assert ran.status == 0
    texts = [line.split(" ", 5)[5] for line in ran.stdout.replace("  ", " ").splitlines()]
    assert texts == ["- INFO: one", "a b", "['/sock']"]


def test_common_fields(node: VirtualNode, serve: Serve) -> None:
    """Opcodes carry who asked and why, the priority, and whether it is a dry run."""
    server = serve(ScriptedMaster())
    clock = Clock(now_ns=lambda: 77)
    words = ["--reason", "why", "--priority=low", "--dry-run", "-d", "1"]
    assert node.run("gnt-debug", "delay", *words, clock=clock).status == 0
    op = _submitted(server)
    assert op["reason"] == [["gnt:user", "why", 77], ["gnt:client:gnt-debug", "delay", 77]]
    assert (op["priority"], op["dry_run"], op["debug_level"]) == (10, True, 1)


def test_submit_only(node: VirtualNode, serve: Serve) -> None:
    """With --submit nothing is waited for; --print-jobid prints the number first."""
    server = serve(ScriptedMaster(first_id=42))
    assert _delay(node, "--submit") == (0, "", "JobID: 42\n", "")
    assert _delay(node, "--print-jobid") == (0, "43\n", "", "")
    assert len(server.asked("WaitForJobChange")) == 1


@pytest.mark.parametrize(
    ("row", "status", "text"),
    [
        (["canceled", ["canceled"], ["x"]], 1, "Unhandled Ganeti error: Job was canceled\n"),
        (["error", ["error"], [["OpExecError", ["bad"]]]], 1, f"{FAILED}bad\n"),
        (["error", ["error"], ["plain"]], 1, f"{FAILED}plain\n"),
        (
            ["error", ["success", "error"], [None, ["OpPrereqError", ["bad", "wrong_state"]]]],
            1,
            f"{FAILED}partial failure (opcode 1): bad\n",
        ),
        ([None, None, None], 1, "Error checking job status: Job with id 1 lost\n"),
        (["success", ["success"], [None]], 0, ""),
    ],
)
def test_endings(node: VirtualNode, serve: Serve, row: list[Any], status: int, text: str) -> None:
    """However a job ends, the command says it."""
    other = {"WaitForJobChange": [[row[0] or "error"], []], "QueryJobs": [row]}
    serve(ScriptedMaster(other=other))
    ran = _delay(node)
    assert (ran.status, ran.stderr) == (status, text)


def test_lost_job(node: VirtualNode, serve: Serve) -> None:
    """A job that is not there (any more) is said so."""
    serve(ScriptedMaster(other={"WaitForJobChange": [None, []]}))
    assert "Job with id 1 lost" in _delay(node).stderr


class Restarting:
    """A master daemon that goes away each time it is asked for news, three times."""

    def __init__(self) -> None:
        self.inner = ScriptedMaster(log=[("message", "once")])
        self.left = 3

    def __call__(self, method: str, args: list[Any]) -> Any:
        if method == "WaitForJobChange" and self.left:
            self.left -= 1
            raise HangUp
        return self.inner(method, args)


def test_restart(node: VirtualNode, serve: Serve) -> None:
    """Waiting outlives the master daemon; the job is submitted once."""
    server = serve(Restarting())
    ran = node.run("gnt-debug", "delay", "1", clock=Clock(sleep=lambda _s: None))
    assert (ran.status, ran.stdout.count("once")) == (0, 1)
    assert len(server.asked("SubmitJob")) == 1


def test_standstill(node: VirtualNode, serve: Serve) -> None:
    """While nothing happens, it is said once what the job waits for."""
    states = [["queued"], ["queued"], ["queued"], ["waiting"], ["waiting"], ["success"]]
    serve(ScriptedMaster(other={"WaitForJobChange": lambda *args: [states.pop(0), []]}))
    ran = _delay(node)
    assert ran.stderr == (
        "Job 1 is waiting in queue\nJob 1 is trying to acquire all necessary locks\n"
    )


def test_log_is_asked_on(node: VirtualNode, serve: Serve) -> None:
    """Each question names the last entry that was seen."""
    entries = [[[1, [5, 0], "message", "a"]], [[2, [6, 0], "message", "b"]], []]
    states = [["running"], ["running"], ["success"]]
    change = {"WaitForJobChange": lambda *args: [states.pop(0), entries.pop(0)]}
    server = serve(ScriptedMaster(other=change))
    assert _delay(node).status == 0
    asked = [(args[2], args[3]) for args in server.asked("WaitForJobChange")]
    assert asked == [(None, None), (["running"], 1), (["running"], 2)]


class Away(Restarting):
    """A master daemon that goes away while a job runs."""

    def __call__(self, method: str, args: list[Any]) -> Any:
        if method == "WaitForJobChange":
            raise HangUp
        return self.inner(method, args)


def test_interrupted(node: VirtualNode, serve: Serve) -> None:
    """Ctrl-C ends the command, and tells what goes on."""

    def sleep(_seconds: float) -> None:
        raise KeyboardInterrupt

    serve(Away())
    ran = node.run("gnt-debug", "delay", "1", clock=Clock(sleep=sleep))
    assert ran.status == 1
    assert ran.stderr.startswith("Interrupted. Job 1, already submitted, can be followed ")


# -- Several jobs


def _instances(*names: str) -> dict[str, Any]:
    return {"QueryInstances": [[name] for name in names]}


def test_several(node: VirtualNode, serve: Serve) -> None:
    """Many instances are asked about, submitted together, and waited for one by one."""
    server = serve(ScriptedMaster(first_id=5, other=_instances("a", "b")))
    ran = node.run("gnt-instance", "startup", "a", "b", typed="y\n")
    assert ran.status == 0
    assert ran.stdout == (
        "Submitted jobs 5, 6\nWaiting for job 5 for a ...\nWaiting for job 6 for b ...\n"
    )
    ((submitted,),) = server.asked("SubmitManyJobs")
    for ops in submitted:
        for op in ops:
            decode_opcode(json.dumps(op).encode(), submitted=True)


def test_several_fail(node: VirtualNode, serve: Serve) -> None:
    """A failure of one is said and does not stop the others."""
    master = ScriptedMaster(result=errors.OpExecError("bad"), other=_instances("a", "b"))
    serve(master)
    ran = node.run("gnt-instance", "startup", "--force-multiple", "a", "b")
    assert ran.status == 1
    assert ran.stderr == (
        "Job 1 for a has failed: Failure: command execution error:\nbad\n"
        "Job 2 for b has failed: Failure: command execution error:\nbad\n"
    )


def test_several_refused(node: VirtualNode, serve: Serve) -> None:
    """A job that is not even taken is said; the others run."""
    other = {**_instances("a", "b"), "SubmitManyJobs": [[False, "no room"], [True, 9]]}
    serve(ScriptedMaster(other=other))
    ran = node.run("gnt-instance", "startup", "--force-multiple", "a", "b")
    assert ran.status == 1
    assert ran.stderr == "Failed to submit job for a: no room\n"
    assert ran.stdout == "Submitted jobs 9\nWaiting for job 9 for b ...\n"


def test_several_submit(node: VirtualNode, serve: Serve) -> None:
    """With --submit the numbers and names are printed."""
    serve(ScriptedMaster(first_id=5, other=_instances("a")))
    ran = node.run("gnt-instance", "shutdown", "--submit", "a")
    assert ran == (0, "5: a\n", "", "")


def test_words_for_a_lost_job() -> None:
    """The master daemon's words for it, once."""
    head = "Error checking job status: "
    for text in ("Can't load job file", f"{head}Can't load job file"):
        assert failures.describe(errors.JobLost(text)) == (1, f"{head}Can't load job file")


@pytest.mark.parametrize(("result", "asked"), [(None, 0), (errors.OpExecError("no"), 3)])
def test_results_that_nobody_needs(
    node: VirtualNode, serve: Serve, result: Any, asked: int
) -> None:
    """Of several jobs, only those that failed are asked for what came of them."""
    names = [[f"web{number}"] for number in range(3)]
    server = serve(ScriptedMaster(result=result, other={"QueryInstances": names}))
    ran = node.run("gnt-instance", "startup", "--all", "--force-multiple")
    assert ran.status == (1 if asked else 0)
    assert len(server.asked("QueryJobs")) == asked
    assert ran.stderr.count("has failed: Failure: command execution error:\nno\n") == asked
