"""gnt-job wait, archive, autoarchive, change-priority."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.commands import VirtualNode
from support.fakemaster import FakeMaster, ScriptedMaster

from ganeti import errors
from ganeti.cli.commands.job_archive import parse_age
from ganeti.errors import OpPrereqError

DAY_S = 86400


@pytest.fixture
def node(tmp_path: Path) -> VirtualNode:
    return VirtualNode(tmp_path)


@pytest.fixture
def server(node: VirtualNode) -> Iterator[FakeMaster]:
    other: dict[str, Any] = {
        "ArchiveJob": lambda job_id: job_id != 9,
        "AutoArchiveJobs": [7, 2],
        "ChangeJobPriority": lambda job_id, _priority: [job_id != 9, f"about {job_id}"],
        "Query": {"fields": [], "data": [[[0, 5], [0, ["A(x)", "B(y)"]]], [[0, 6], [0, ["C"]]]]},
    }
    running = node.serve(ScriptedMaster(log=[("message", "loud")], other=other))
    yield running
    running.stop()


def test_wait_is_silent(node: VirtualNode, server: FakeMaster) -> None:
    """Waiting prints nothing, while watching prints the log."""
    assert node.run("gnt-job", "wait", "1") == (0, "", "", "")
    assert "loud" in node.run("gnt-job", "watch", "1").stdout


def test_wait_tells_failure(node: VirtualNode) -> None:
    """What the job failed with is on standard error."""
    server = node.serve(ScriptedMaster(result=errors.OpExecError("bad")))
    ran = node.run("gnt-job", "wait", "4")
    server.stop()
    text = "Job 4 failed: Failure: command execution error:\nbad\n"
    assert ran == (1, "", text, "")


def test_archive(node: VirtualNode, server: FakeMaster) -> None:
    """Each job is archived; those that cannot be are named."""
    text = "Failed to archive job with ID '9'\n"
    assert node.run("gnt-job", "archive", "1", "9", "2") == (1, "", text, "")
    assert server.asked("ArchiveJob") == [[1], [9], [2]]


def test_archive_checks_all_first(node: VirtualNode, server: FakeMaster) -> None:
    """A word that is no number is refused before anything is archived."""
    assert node.run("gnt-job", "archive", "1", "x").status == 1
    assert not server.calls


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("90", 90),
        ("90s", 90),
        ("5m", 300),
        ("1h", 3600),
        ("1d", DAY_S),
        ("4w", 28 * DAY_S),
        ("9" * 40 + "w", 1 << 40),
    ],
)
def test_age(text: str, seconds: int) -> None:
    """An age is a number with a unit; seconds without one."""
    assert parse_age(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "-1d", "+1", "1.5h", "1y", "all ", "\u0661", "1 d"])
def test_no_age(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(OpPrereqError):
        parse_age(text)


@pytest.mark.parametrize(("word", "age"), [("all", -1), ("1d", DAY_S)])
def test_autoarchive(node: VirtualNode, server: FakeMaster, word: str, age: int) -> None:
    """It is told how many jobs were archived."""
    ran = node.run("gnt-job", "autoarchive", word)
    assert ran == (0, "Archived 7 jobs, 2 unchecked left\n", "", "")
    assert server.asked("AutoArchiveJobs") == [[age, 90]]


def test_change_priority(node: VirtualNode, server: FakeMaster) -> None:
    """Each job gets the priority; one that is not there makes the command fail."""
    ran = node.run("gnt-job", "change-priority", "--priority=high", "5", "9")
    assert ran == (1, "about 5\nabout 9\n", "", "")
    assert server.asked("ChangeJobPriority") == [[5, -10], [9, -10]]


@pytest.mark.parametrize(("typed", "changed"), [("y\n", 2), ("n\n", 0), (None, 0)])
def test_change_by_state(
    node: VirtualNode, server: FakeMaster, typed: str | None, changed: int
) -> None:
    """Jobs in a state are changed after a yes."""
    words = ("change-priority", "--priority=low", "--pending")
    ran = node.run("gnt-job", *words, typed=typed)
    assert ran.status == (0 if changed else 1)
    assert len(server.asked("ChangeJobPriority")) == changed
    if typed:
        assert "  5 (A(x), B(y))" in ran.shown


def test_change_by_state_unasked(node: VirtualNode, server: FakeMaster) -> None:
    """With -f nobody is asked."""
    ran = node.run("gnt-job", "change-priority", "--priority=low", "--queued", "-f")
    assert ran == (0, "about 5\nabout 6\n", "", "")


@pytest.mark.parametrize(
    "words", [["--priority=low"], ["--priority=low", "--waiting", "5"], ["--pending"]]
)
def test_change_refused(node: VirtualNode, server: FakeMaster, words: list[str]) -> None:
    """A priority is needed, and either jobs or a state."""
    assert node.run("gnt-job", "change-priority", *words).status == 1
    assert not server.calls


@pytest.mark.parametrize(
    ("words", "qfilter"),
    [
        (["3", "4"], ["|", ["=", "id", 3], ["=", "id", 4]]),
        (['status == "error"'], ["==", "status", "error"]),
        (["--filter", "id"], ["?", "id"]),
        (["--running", "id > 3"], ["&", ["|", ["=", "status", "running"]], [">", "id", 3]]),
    ],
)
def test_list_selects(
    node: VirtualNode, server: FakeMaster, words: list[str], qfilter: list[Any]
) -> None:
    """Numbers, filters and states select jobs, also together."""
    node.run("gnt-job", "list", *words)
    assert server.asked("Query") == [["job", ["id", "status", "summary"], qfilter]]
