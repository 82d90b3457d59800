"""Which instances startup and shutdown mean, and what they ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.commands import Ran, VirtualNode
from support.fakemaster import FakeMaster, ScriptedMaster

INSTANCES = {"a1": ["t1"], "a2": ["t1", "t2"], "a10": []}
NODES = {
    "n1": (["rack1"], ["a1", "a10"], ["a2"]),
    "n2": (["rack2"], ["a2"], ["a1"]),
}


def _query_instances(names: list[str], fields: list[str], _lock: bool) -> list[list[Any]]:
    found = [name for name in INSTANCES if not names or name in names]
    values = {"name": lambda name: name, "tags": lambda name: INSTANCES[name]}
    return [[values[field](name) for field in fields] for name in found]


def _query_nodes(names: list[str], fields: list[str], _lock: bool) -> list[list[Any]]:
    places = {"tags": 0, "pinst_list": 1, "sinst_list": 2}
    found = [name for name in NODES if not names or name in names]
    return [[NODES[name][places[field]] for field in fields] for name in found]


def _run(tmp_path: Path, *words: str, typed: str | None = None) -> tuple[Ran, list[str]]:
    node = VirtualNode(tmp_path)
    other = {"QueryInstances": _query_instances, "QueryNodes": _query_nodes}
    server = node.serve(ScriptedMaster(other=other))
    try:
        ran = node.run("gnt-instance", "shutdown", *words, typed=typed)
    finally:
        server.stop()
    return ran, _names(server)


def _names(server: FakeMaster) -> list[str]:
    return [ops[0]["instance_name"] for (jobs,) in server.asked("SubmitManyJobs") for ops in jobs]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["a1"], ["a1"]),
        (["a1", "nosuch"], ["a1"]),
        (["--all"], ["a1", "a2", "a10"]),
        (["--instance", "a2"], ["a2"]),
        (["--tags", "t1"], ["a1", "a2"]),
        (["--node", "n1"], ["a1", "a2", "a10"]),
        (["--primary", "n1"], ["a1", "a10"]),
        (["--secondary", "n1"], ["a2"]),
        (["--node-tags", "rack2"], ["a1", "a2"]),
        (["--pri-node-tags", "rack1"], ["a1", "a10"]),
        (["--sec-node-tags", "rack1", "rack2"], ["a1", "a2"]),
    ],
)
def test_selectors(tmp_path: Path, words: list[str], names: list[str]) -> None:
    """Each selector finds its instances, in natural order."""
    ran, found = _run(tmp_path, *words, "--force-multiple")
    assert (ran.status, found) == (0, names)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "No instance names passed"),
        (["--primary"], "No node names passed"),
        (["--tags"], "No instance tags passed"),
        (["--node-tags"], "No node tags passed"),
        (["--all", "a1"], "Cluster filter mode takes no arguments"),
        (["nosuch"], "Selection filter does not match any instances"),
        (["--tags", "nosuch"], "Selection filter does not match any instances"),
    ],
)
def test_nothing_selected(tmp_path: Path, words: list[str], text: str) -> None:
    """What selects nothing is refused."""
    ran, found = _run(tmp_path, *words)
    assert (ran.status, found) == (1, [])
    assert ran.stderr.endswith(f"{text}\n")


@pytest.mark.parametrize(
    ("typed", "status"),
    [("y\n", 0), ("n\n", 1), ("\n", 1), ("", 1), (None, 1), ("what\nY\n", 0), ("?\ny\n", 0)],
)
def test_question(tmp_path: Path, typed: str | None, status: int) -> None:
    """Only a yes does it; without a terminal the answer is no."""
    ran, found = _run(tmp_path, "--all", typed=typed)
    assert ran.status == status
    assert bool(found) == (status == 0)
    if typed:
        assert ran.shown.startswith("The shutdown will operate on 3 instances.\n")
        assert "Affected instances:\n  a1\n  a2\n  a10\ny/[n]/?: " in ran.shown
    if typed and typed.startswith("?"):
        assert " y - Yes, do it\n" in ran.shown


def test_long_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long list is shown only when asked for."""
    names = {f"web{i}": [] for i in range(30)}
    monkeypatch.setitem(globals(), "INSTANCES", names)
    ran, found = _run(tmp_path, "--all", typed="v\ny\n")
    question, _, rest = ran.shown.partition("y/v/[n]/?: v\n")
    assert "web3" not in question
    assert "  web29\ny/[n]/?: y\n" in rest
    assert len(found) == 30
