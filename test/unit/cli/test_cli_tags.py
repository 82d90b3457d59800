"""The sub-commands about tags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.commands import Ran, VirtualNode
from support.fakemaster import ScriptedMaster


class Asked:
    """What came of a command: what it printed, and the opcode it submitted."""

    def __init__(self, ran: Ran, op: dict[str, Any] | None) -> None:
        self.ran = ran
        self.op = op


@pytest.fixture
def node(tmp_path: Path) -> VirtualNode:
    return VirtualNode(tmp_path)


def ask(node: VirtualNode, *words: str, result: Any = None, stdin: str = "") -> Asked:
    master = ScriptedMaster(result=result, other={"QueryTags": ["a", "b"]})
    server = node.serve(master)
    try:
        ran = node.run(*words, stdin=stdin)
    finally:
        server.stop()
    return Asked(ran, master.jobs[1][0] if master.jobs else None)


@pytest.mark.parametrize(
    ("words", "kind", "name"),
    [
        (["gnt-cluster"], "cluster", None),
        (["gnt-group", "g1"], "nodegroup", "g1"),
        (["gnt-instance", "i1"], "instance", "i1"),
        (["gnt-node", "n1"], "node", "n1"),
    ],
)
def test_change(node: VirtualNode, words: list[str], kind: str, name: str | None) -> None:
    """Each program adds and removes tags of its kind of object."""
    program, *target = words
    for command, op_id in (("add-tags", "OP_TAGS_SET"), ("remove-tags", "OP_TAGS_DEL")):
        op = ask(node, program, command, *target, "t1", "t2").op
        assert op is not None
        assert op["OP_ID"] == op_id
        assert (op["kind"], op.get("name"), op["tags"]) == (kind, name, ["t1", "t2"])


def test_list(node: VirtualNode) -> None:
    """Tags are listed one a line."""
    assert ask(node, "gnt-node", "list-tags", "n1").ran == (0, "a\nb\n", "", "")


def test_from_file(node: VirtualNode, tmp_path: Path) -> None:
    """The lines of a file follow the tags on the command line; empty lines count for nothing."""
    (tmp_path / "tags").write_text("b\n\n  c  \n")
    op = ask(node, "gnt-cluster", "add-tags", "--from", str(tmp_path / "tags"), "a").op
    assert op is not None
    assert op["tags"] == ["a", "b", "c"]
    op = ask(node, "gnt-cluster", "remove-tags", "--from=-", stdin="x\ny").op
    assert op is not None
    assert op["tags"] == ["x", "y"]


def test_bad_file(node: VirtualNode, tmp_path: Path) -> None:
    """A file that is not there, or is no text, is told of."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for path, text in (("binary", "is not valid UTF-8 text"), ("nosuch", "No such file")):
        asked = ask(node, "gnt-cluster", "add-tags", "--from", str(tmp_path / path))
        assert asked.ran.status == 1
        assert text in asked.ran.stderr
        assert asked.op is None


@pytest.mark.parametrize("words", [["--from=/dev/null"], []])
def test_none(node: VirtualNode, words: list[str]) -> None:
    """At least one tag is needed."""
    for command, text in (("add-tags", "added"), ("remove-tags", "removed")):
        asked = ask(node, "gnt-cluster", command, *words)
        assert (asked.ran.status, asked.op) == (1, None)
        assert f"No tags to be {text}\n" in asked.ran.stderr


def test_search(node: VirtualNode) -> None:
    """Nothing found is a failure."""
    found = [["/cluster", "t1"], ["/nodes/n1", "t2"]]
    asked = ask(node, "gnt-cluster", "search-tags", "t", result=found)
    assert asked.ran == (0, "/cluster t1\n/nodes/n1 t2\n", "", "")
    assert asked.op is not None
    assert asked.op["pattern"] == "t"
    assert ask(node, "gnt-cluster", "search-tags", "t", result=[]).ran == (1, "", "", "")
