"""Lines of KEY=value that a shell can read (--machine-readable)."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[A-Za-z0-9_.]+")


def quote(value: str) -> str:
    """A value as the shell takes it: in quotes when there is anything unusual in it."""
    if _PLAIN.fullmatch(value):
        return value
    inner = value.replace("'", "'\\''")
    return f"'{inner}'"
