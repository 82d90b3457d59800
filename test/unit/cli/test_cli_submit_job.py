"""gnt-debug submit-job."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.commands import Ran, VirtualNode
from support.fakemaster import FakeMaster, HangUp, ScriptedMaster

from ganeti import errors
from ganeti.cli.session import Clock

OPS = [{"OP_ID": "OP_ONE", "a": 1}, {"OP_ID": "OP_TWO", "priority": -10, "dry_run": True}]


@pytest.fixture
def node(tmp_path: Path) -> VirtualNode:
    return VirtualNode(tmp_path)


@pytest.fixture
def server(node: VirtualNode) -> Iterator[FakeMaster]:
    running = node.serve(ScriptedMaster(first_id=5))
    yield running
    running.stop()


@pytest.fixture
def ops(tmp_path: Path) -> str:
    return _written(tmp_path / "ops.json", OPS)


def _written(path: Path, content: Any) -> str:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def _submit(node: VirtualNode, *words: str, **world: Any) -> Ran:
    return node.run("gnt-debug", "submit-job", *words, **world)


def _together(server: FakeMaster) -> list[list[dict[str, Any]]]:
    ((jobs,),) = server.asked("SubmitManyJobs")
    return list(jobs)


def test_repeats(node: VirtualNode, server: FakeMaster, ops: str, tmp_path: Path) -> None:
    """Each file is a job, as often as asked, with its opcodes as often as asked."""
    other = _written(tmp_path / "other.json", OPS[:1])
    ran = _submit(node, "--job-repeat=2", "--op-repeat=3", ops, other)
    assert ran.status == 0
    names = [f"{ops}/0", f"{other}/0", f"{ops}/1", f"{other}/1"]
    waiting = [f"Waiting for job {5 + i} for file {name} ..." for i, name in enumerate(names)]
    assert ran.stdout.splitlines() == waiting
    one, two = "OP_ONE", "OP_TWO"
    wanted = [[one, two] * 3, [one] * 3] * 2
    assert [[op["OP_ID"] for op in job] for job in _together(server)] == wanted


def test_each(node: VirtualNode, server: FakeMaster, ops: str) -> None:
    """With --each the jobs are submitted one by one."""
    assert _submit(node, "--each", "--job-repeat=3", "-v", ops).stdout.startswith(
        "Submitted jobs 5, 6, 7\n"
    )
    assert len(server.asked("SubmitJob")) == 3


def test_each_refused(node: VirtualNode, ops: str) -> None:
    """A job that is not taken is said; the others run."""
    answers = [errors.JobQueueDrainError("no"), 8]

    def submit(_ops: Any) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    server = node.serve(ScriptedMaster(other={"SubmitJob": submit}))
    ran = _submit(node, "--each", "--job-repeat=2", ops)
    server.stop()
    text = f"Failed to submit job for file {ops}/0: no\n"
    assert (ran.status, ran.stderr) == (1, text)
    assert ran.stdout == f"Waiting for job 8 for file {ops}/1 ...\n"


def test_each_interrupted(node: VirtualNode, ops: str) -> None:
    """When the daemon goes away, the command ends: it is not known whether the job was taken."""

    def submit(_ops: Any) -> Any:
        raise HangUp

    server = node.serve(ScriptedMaster(other={"SubmitJob": submit}))
    ran = _submit(node, "--each", "--job-repeat=2", ops)
    server.stop()
    assert ran.status == 1
    assert "not known whether it was carried out" in ran.stderr
    assert len(server.asked("SubmitJob")) == 1


def test_timing(node: VirtualNode, server: FakeMaster, ops: str) -> None:
    """With --timing-stats it is said what is done, how much there was, and how long it took."""
    ticks = iter(range(1000))
    clock = Clock(monotonic=lambda: next(ticks) / 2)
    ran = _submit(node, "--timing-stats", "--job-repeat=2", ops, clock=clock)
    lines = [line for line in ran.stdout.splitlines() if not line.startswith("Waiting")]
    assert lines[:5] == [
        "Loading...", "Submitting...", "Executing...", "C:op        4", "C:job       2"
    ]  # fmt: skip
    times = [float(re.fullmatch(r"T:\w+ +(\d+\.\d{4})", line)[1]) for line in lines[5:]]  # type: ignore[index]
    assert times[0] > 0
    assert times[0] + times[1] == times[2]


def test_common_fields(node: VirtualNode, server: FakeMaster, ops: str) -> None:
    """What the options do not say stays as the file has it; who submits is added."""
    _submit(node, ops, clock=Clock(now_ns=lambda: 7))
    ((one, two),) = _together(server)
    who = ["gnt:client:gnt-debug", "submit-job", 7]
    assert one == {**OPS[0], "reason": [who], "debug_level": 0, "dry_run": False}
    assert two == {**OPS[1], "reason": [who], "debug_level": 0}


def test_common_fields_of_options(
    node: VirtualNode, server: FakeMaster, ops: str, tmp_path: Path
) -> None:
    """Options go before what the file has."""
    before = ["me", "because", 1]
    name = _written(tmp_path / "x", [{**OPS[1], "reason": [before], "dry_run": False}])
    words = ("--priority=low", "--dry-run", "--reason=why", "-d")
    _submit(node, *words, name, clock=Clock(now_ns=lambda: 7))
    (((op,),),) = server.asked("SubmitManyJobs")[0]
    assert op["reason"] == [
        before,
        ["gnt:user", "why", 7],
        ["gnt:client:gnt-debug", "submit-job", 7],
    ]
    assert (op["priority"], op["dry_run"], op["debug_level"]) == (10, True, 1)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('["\\ud800', "is not JSON"),
        ("{}", "does not hold a list"),
        ("3", "does not hold a list"),
        ("[3]", "Item 0 of "),
        ('[{"OP_ID": "X"}, {"op": "X"}]', "Item 1 of "),
        ('[{"OP_ID": 3}]', "Item 0 of "),
    ],
)
def test_bad_file(
    node: VirtualNode, server: FakeMaster, tmp_path: Path, content: str, text: str, ops: str
) -> None:
    """A file that holds no opcodes is named, and nothing is submitted."""
    name = _written(tmp_path / "bad", content)
    ran = _submit(node, ops, name)
    assert ran.status == 1
    assert name in ran.stderr
    assert text in ran.stderr
    assert not server.calls


def test_binary_file(node: VirtualNode, server: FakeMaster, tmp_path: Path) -> None:
    """Nor is what is no text at all."""
    (tmp_path / "bad").write_bytes(b"\xff\xfe\x00")
    assert "is not JSON" in _submit(node, str(tmp_path / "bad")).stderr


def test_no_file(node: VirtualNode, server: FakeMaster) -> None:
    """A file that is not there is named."""
    ran = _submit(node, "/nonexistent")
    assert (ran.status, ran.stdout) == (1, "")
    assert "No such file or directory: '/nonexistent'" in ran.stderr


@pytest.mark.parametrize("word", ["--job-repeat=0", "--op-repeat=-1"])
def test_no_repeats(node: VirtualNode, server: FakeMaster, ops: str, word: str) -> None:
    """Less than once is refused."""
    ran = _submit(node, word, ops)
    assert ran.status == 1
    assert "must be at least 1" in ran.stderr
    assert not server.calls
