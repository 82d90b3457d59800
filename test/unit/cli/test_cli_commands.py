"""What the sub-commands ask of the master daemon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.commands import VirtualNode
from support.fakemaster import FakeMaster, ScriptedMaster

EMPTY: dict[str, Any] = {"fields": [], "data": []}


@pytest.fixture
def node(tmp_path: Path) -> VirtualNode:
    return VirtualNode(tmp_path)


@pytest.fixture
def server(node: VirtualNode) -> Iterator[FakeMaster]:
    other = {"Query": EMPTY, "QueryFields": EMPTY, "CancelJob": [True, "ok"], "QueryJobs": []}
    running = node.serve(ScriptedMaster(other={**other, "SetDrainFlag": True}))
    yield running
    running.stop()


@pytest.mark.parametrize(
    ("words", "query"),
    [
        (["gnt-node", "list"], ["node", 8, None]),
        (["gnt-node", "list", "-o", "+role,tags"], ["node", 10, None]),
        (["gnt-node", "list", "-o", "name"], ["node", 1, None]),
        (
            ["gnt-node", "list", "n1", "n2"],
            ["node", 8, ["|", ["=", "name", "n1"], ["=", "name", "n2"]]],
        ),
        (
            ["gnt-node", "list", "-F", "offline"],
            ["node", 8, ["?", "offline"]],
        ),
        (
            ["gnt-instance", "list", 'status == "running"'],
            ["instance", 6, ["==", "status", "running"]],
        ),
        (["gnt-job", "list", "--archived"], ["job", 4, None]),
        (["gnt-job", "list", "--running"], ["job", 3, ["|", ["=", "status", "running"]]]),
        (
            ["gnt-job", "list", "--error", "5"],
            ["job", 3, ["&", ["|", ["=", "status", "error"]], ["|", ["=", "id", 5]]]],
        ),
        (["gnt-job", "list", "-F", "id > 3"], ["job", 3, [">", "id", 3]]),
        (["gnt-debug", "locks"], ["lock", 4, None]),
    ],
)
def test_lists(node: VirtualNode, server: FakeMaster, words: list[str], query: list[Any]) -> None:
    """Lists ask for their fields, and for what the arguments select."""
    assert node.run(*words).status == 0
    ((what, fields, qfilter),) = server.asked("Query")
    assert [what, len(fields), qfilter] == query


def test_patterns(node: VirtualNode, server: FakeMaster) -> None:
    """Shell patterns become anchored regular expressions."""
    node.run("gnt-node", "list", "node?.ex*", "n1")
    ((_what, _fields, qfilter),) = server.asked("Query")
    assert qfilter[2] == ["=", "name", "n1"]
    operator, field, pattern = qfilter[1]
    assert (operator, field) == ("=~", "name")
    import re

    assert re.search(pattern, "node1.example.com")
    assert not re.search(pattern, "mynode1.example.com")


@pytest.mark.parametrize(
    "words",
    [
        ["gnt-node", "list", "-F"],
        ["gnt-node", "list", "-F", "offline", "n2"],
        ["gnt-node", "list", "-o", ""],
        ["gnt-node", "list", "-o", "+"],
        ["gnt-node", "list", "name = = 1"],
        ["gnt-job", "list", "x1"],
        ["gnt-job", "cancel"],
        ["gnt-job", "cancel", "5", "--pending"],
        ["gnt-job", "cancel", "5", "--kill"],
        ["gnt-debug", "locks", "--interval=0"],
        ["gnt-debug", "delay", "--", "-1"],
        ["gnt-debug", "delay", "nan"],
        ["gnt-instance", "info"],
        ["gnt-instance", "info", "--all", "x"],
        ["gnt-cluster", "destroy"],
    ],
)
def test_refused_here(node: VirtualNode, server: FakeMaster, words: list[str]) -> None:
    """What makes no sense is refused before anything is asked."""
    ran = node.run(*words)
    assert ran.status == 1
    assert ran.stderr
    assert not server.calls


def test_list_fields(node: VirtualNode, server: FakeMaster) -> None:
    """Fields are asked for by name, or all."""
    node.run("gnt-instance", "list-fields", "name", "os")
    node.run("gnt-job", "list-fields")
    assert server.asked("QueryFields") == [["instance", ["name", "os"]], ["job", None]]


def test_queue(node: VirtualNode, server: FakeMaster) -> None:
    """The flag is set and cleared."""
    node.run("gnt-cluster", "queue", "drain")
    node.run("gnt-cluster", "queue", "undrain")
    assert server.asked("SetDrainFlag") == [[True], [False]]


# -- Cancelling


def _jobs(*ids: int) -> dict[str, Any]:
    return {"fields": [], "data": [[[0, i], [0, ["TEST_DELAY"]]] for i in ids]}


def test_cancel_by_number(node: VirtualNode, server: FakeMaster) -> None:
    """Each job is canceled without a question."""
    assert node.run("gnt-job", "cancel", "5", "6") == (0, "ok\nok\n", "", "")
    assert server.asked("CancelJob") == [[5, False], [6, False]]


def test_kill(node: VirtualNode, server: FakeMaster) -> None:
    """A confirmed kill is passed on."""
    node.run("gnt-job", "cancel", "--kill", "--yes-do-it", "5")
    assert server.asked("CancelJob") == [[5, True]]


@pytest.mark.parametrize(("typed", "canceled"), [("y\n", 2), ("n\n", 0), (None, 0)])
def test_cancel_by_state(node: VirtualNode, typed: str | None, canceled: int) -> None:
    """All jobs in a state are canceled after a yes."""
    other = {"Query": _jobs(5, 6), "CancelJob": [True, "ok"]}
    server = node.serve(ScriptedMaster(other=other))
    ran = node.run("gnt-job", "cancel", "--waiting", typed=typed)
    server.stop()
    assert ran.status == (0 if canceled else 1)
    assert len(server.asked("CancelJob")) == canceled
    if typed:
        assert "  5 (TEST_DELAY)\n" in ran.shown
    assert server.asked("Query")[0][2] == ["|", ["=", "status", "waiting"]]


# -- Operating systems


def _os(**values: Any) -> list[Any]:
    row = {
        "name": "debian",
        "variants": [],
        "valid": True,
        "hidden": False,
        "blacklisted": False,
        "node_status": {},
    }
    return [
        (row | values)[field] for field in ("name", "variants", "valid", "hidden", "blacklisted")
    ]


def test_os_list(node: VirtualNode) -> None:
    """Variants are listed each; what is hidden, blacklisted or broken is not."""
    rows = [
        _os(),
        _os(name="lenny", variants=["x", "y"]),
        _os(name="h", hidden=True),
        _os(name="b", blacklisted=True),
        _os(name="i", valid=False),
    ]
    server = node.serve(ScriptedMaster(result=rows))
    ran = node.run("gnt-os", "list")
    server.stop()
    assert ran == (0, "Name\ndebian\nlenny+x\nlenny+y\n", "", "")


def test_os_diagnose(node: VirtualNode) -> None:
    """What each node has, and what is wrong."""
    good = ["/os/a", True, "", ["v"], [["p", "help"]], [20], True]
    bad = ["/os/b", False, "no create script", [], [], [], False]
    status = {"u1": [good, bad], "u2": [bad], "u3": []}
    row = ["debian", False, ["v"], status, True, False]
    server = node.serve(ScriptedMaster(result=[row]))
    ran = node.run("gnt-os", "diagnose")
    server.stop()
    wrong = "invalid - no create script (path: /os/b) [untrusted]"
    assert ran.stdout == (
        "OS: debian [global status: invalid] (hidden)\n"
        "  Variants: [v]\n"
        "  Node: u1, status: valid (path: /os/a) [variants: v] [parameters: p]"
        " [API versions: 20] [trusted]\n"
        f"    [other] {wrong}\n"
        f"  Node: u2, status: {wrong}\n"
        "  Node: u3, status: missing\n\n"
    )


def test_os_warnings(node: VirtualNode) -> None:
    """Which nodes did not answer stands beside the list of names."""
    rows = [["debian", ["v"], True, False, False]]
    server = node.serve(ScriptedMaster(result=rows, log=[("message", "left out")]))
    ran = node.run("gnt-os", "list", "--no-headers")
    server.stop()
    assert ran.stdout == "debian+v\n"
    assert ran.stderr.endswith(" left out\n")


def test_secondary_nodes(node: VirtualNode) -> None:
    """An instance with a mirror shows where it is."""
    from support import recorded
    from support.recordmaster import RecordMaster

    record = recorded.load("gnt-instance")[135]
    answers = RecordMaster(record)
    answers._ops = [{"OP_ID": "OP_INSTANCE_QUERY_DATA"}]
    (data,) = answers._result().values()
    data |= {"snodes": ["n2"], "snodes_group_names": ["g"], "snodes_group_uuids": ["u"]}
    server = node.serve(ScriptedMaster(result={"x": data}))
    ran = node.run("gnt-instance", "info", "instance1")
    server.stop()
    assert "    - secondaries: \n        - n2 (group g, group UUID u)\n" in ran.stdout
