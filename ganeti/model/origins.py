"""
Where the value of a parameter comes from: the levels at which parameters are set.

Own values of each level are handed around as a mapping from L{Origin} (or its text) to
values by name, from the most general level to the most special one; the last one that
sets a parameter is its origin.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from ganeti.model.parameters import origin_of

Levels = Mapping[str, Mapping[str, Any]]


class Origin(StrEnum):
    """The levels, from the most general one."""

    BUILT_IN = "built-in"
    CLUSTER = "cluster"
    OS = "os"
    GROUP = "group"
    NODE = "node"
    INSTANCE = "instance"
    REQUEST = "request"


_WORDS: Mapping[str, str] = {
    Origin.BUILT_IN: "built-in defaults",
    Origin.CLUSTER: "cluster defaults",
    Origin.OS: "cluster defaults for the OS",
    Origin.GROUP: "the node group",
    Origin.NODE: "the node",
    Origin.INSTANCE: "the instance",
    Origin.REQUEST: "this request",
}


def origin_text(name: str, levels: Levels) -> str:
    """Where a parameter's value comes from, for people: C{from cluster defaults}."""
    return f"from {_WORDS[origin_of(name, levels)]}"
