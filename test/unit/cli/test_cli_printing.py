"""Tables and trees as text."""

from __future__ import annotations

from typing import Any

import pytest

from ganeti.cli import tree
from ganeti.cli.table import Column, Style, format_query, format_table

FIELDS = [
    {"name": "name", "title": "Node", "kind": "text"},
    {"name": "mfree", "title": "MFree", "kind": "unit"},
    {"name": "offline", "title": "Offline", "kind": "bool"},
]


def test_alignment() -> None:
    """Numbers to the right; no blanks behind a last left-aligned column."""
    columns = [Column("A"), Column("Count", right=True), Column("Last")]
    lines = format_table(columns, [["long name", "1", "x"], ["b", "22", ""]], Style())
    assert lines == ["A         Count Last", "long name     1 x", "b            22 "]


def test_nothing() -> None:
    """Without objects there is the line of titles, or nothing at all."""
    assert format_table([Column("A"), Column("B")], [], Style()) == ["A B"]
    assert format_table([Column("A"), Column("B")], [], Style(headers=False)) == []


@pytest.mark.parametrize(
    ("style", "lines"),
    [
        (Style(), ["Node MFree Offline", "n1    1.5G Y", "n2       ? N"]),
        (Style(separator="|"), ["Node|MFree|Offline", "n1|1536|Y", "n2|?|N"]),
        (Style(separator="|", units="h"), ["Node|MFree|Offline", "n1|1.5G|Y", "n2|?|N"]),
        (
            Style(verbose=True, headers=False),
            ["n1     1.5G Y", "n2 (nodata) N"],
        ),
    ],
)
def test_query(style: Style, lines: list[str]) -> None:
    """Sizes and marks follow the style."""
    data = [
        [[0, "n1"], [0, 1536], [0, True]],
        [[0, "n2"], [2, None], [0, False]],
    ]
    assert format_query(FIELDS, data, style) == lines


def test_special_and_strange_values() -> None:
    """A field may have a form of its own; a status of later versions is shown as such."""
    fields = [{"name": n, "title": n, "kind": "other"} for n in ("tags", "other", "mine")]
    data = [[[0, ["a", "b"]], [0, {"x": [1.0, 2.5]}], [0, 3]], [[0, []], [9, None], [0, 4]]]
    special = {"mine": lambda value: f"<{value}>"}
    assert format_query(fields, data, Style(separator=" ", headers=False), special) == [
        "a,b {'x': [1, 2.5]} <3>",
        " ? <4>",
    ]


@pytest.mark.parametrize(
    ("node", "lines"),
    [
        ([("a", 1), ("b", [])], ["a: 1", "b: "]),
        ({"z": None, "a": True}, ["a: True", "z: None"]),
        ([[("a", 1), ("b", ["x", "y"])]], ["- a: 1", "  b: ", "    - x", "    - y"]),
        ([("r", [["s", 5], [2.0]])], ["r: ", "  - - s", "    - 5", "  - - 2"]),
        ([("text", "one\ntwo")], ["text: one", "  two"]),
        ([], []),
    ],
)
def test_tree(node: Any, lines: list[str]) -> None:
    """Names, lists and values are indented; dictionaries are sorted."""
    assert tree.format_tree(node) == lines


def test_defaults() -> None:
    """Inherited parameters are marked."""
    section = tree.with_defaults({"a": 5}, {"a": 5, "b": 1.0, "c": ""})
    assert section == [("a", 5), ("b", "default (1)"), ("c", "default ()")]
