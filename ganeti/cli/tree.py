"""
Details: nested names and values as indented text, for the C{info} commands.

A node of the tree is a list of (name, node) pairs, a list of nodes, or a value. C{Section} keeps
an order; dictionaries are written sorted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Section = list[tuple[str, Any]]


def format_tree(root: Any) -> list[str]:
    """The lines of a tree."""
    return _lines(root)


def _lines(node: Any) -> list[str]:
    pairs = _pairs(node)
    if pairs is not None:
        return [line for name, value in pairs for line in _pair_lines(name, value)]
    if isinstance(node, (list, tuple)):
        return [line for item in node for line in _item_lines(item)]
    return [_scalar(node)]


def _pairs(node: Any) -> Iterable[tuple[str, Any]] | None:
    if isinstance(node, Mapping):
        return sorted(node.items())
    if (
        isinstance(node, list)
        and node
        and all(isinstance(item, tuple) and len(item) == 2 for item in node)
    ):
        return node
    return None


def _pair_lines(name: str, value: Any) -> list[str]:
    if isinstance(value, (list, tuple, Mapping)):
        return [f"{name}: ", *(f"  {line}" for line in _lines(value))]
    first, *rest = _scalar(value).split("\n")
    return [f"{name}: {first}", *(f"  {line}" for line in rest)]


def _item_lines(item: Any) -> list[str]:
    first, *rest = _lines(item) or [""]
    return [f"- {first}", *(f"  {line}" for line in rest)]


def _scalar(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def with_defaults(own: Mapping[str, Any] | None, actual: Mapping[str, Any] | None) -> Section:
    """Parameters with their values; those that are inherited are marked as defaults."""
    own = own or {}
    return [
        (name, own[name] if name in own else f"default ({_scalar(value)})")
        for name, value in sorted((actual or {}).items())
    ]
