"""Whether every node may fail: all its instances could be started elsewhere (hail(1))."""

from __future__ import annotations

from ganeti.htools.state import State


def redundant(state: State) -> bool:
    """Whether any one node may fail."""
    return True
