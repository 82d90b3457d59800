"""What decodes passes its type through C{resolved}: see L{ganeti.utils.resolving}."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import ganeti

ROOT = Path(ganeti.__file__).parent
AT = {"convert": 1, "Decoder": 0}
"""Where these have their type; a decode has it as C{type=}."""


@functools.cache
def users() -> list[tuple[Path, ast.AST]]:
    """Our modules that name msgspec at all."""
    texts = [(path, path.read_text()) for path in sorted(ROOT.rglob("*.py"))]
    return [(path, ast.parse(text)) for path, text in texts if "msgspec" in text]


def wanted_types(tree: ast.AST) -> Iterator[ast.expr]:
    """What is handed to msgspec as the type to make."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        if not ast.unparse(call.func).startswith("msgspec."):
            continue
        place = AT.get(call.func.attr)
        if place is not None and len(call.args) > place:
            yield call.args[place]
        yield from (word.value for word in call.keywords if word.arg == "type")


def is_resolved(wanted: ast.expr) -> bool:
    return isinstance(wanted, ast.Call) and ast.unparse(wanted.func) == "resolved"


def test_types_are_resolved() -> None:
    seen, wrong = 0, []
    for path, tree in users():
        if path == ROOT / "utils/resolving.py":
            continue
        for wanted in wanted_types(tree):
            seen += 1
            if not is_resolved(wanted):
                wrong.append(f"{path.relative_to(ROOT)}:{wanted.lineno}: {ast.unparse(wanted)}")
    assert seen > 10
    assert not wrong, "\n".join(wrong)


def test_names_are_whole() -> None:
    """msgspec's functions are called by their whole names, so that they are found above."""
    wrong = [
        f"{path.relative_to(ROOT)}: {node.module}.{alias.name}"
        for path, tree in users()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("msgspec")
        for alias in node.names
        if alias.name in {*AT, "decode", "json", "msgpack"}
    ]
    assert not wrong, "\n".join(wrong)
