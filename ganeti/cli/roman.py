"""Roman numbers, for C{--roman}."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def writer(wanted: bool) -> Callable[[Any], Any]:
    """
    How to write numbers: as Roman ones when wanted and where the C{roman} library is installed.
    """
    if not wanted:
        return _unchanged
    try:
        from roman import RomanError, toRoman  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return _unchanged

    def write(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            return value
        try:
            return toRoman(value)
        except RomanError:
            return value  # there is no Roman zero

    return write


def _unchanged(value: Any) -> Any:
    return value
