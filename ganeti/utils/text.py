"""Texts that people read and type: sizes, sorted names, abbreviated names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from ganeti.errors import UnitParseError

_UNIT_MIB = {"": 1, "m": 1, "mb": 1, "mib": 1}
_UNIT_MIB |= dict.fromkeys(("g", "gb", "gib"), 1024)
_UNIT_MIB |= dict.fromkeys(("t", "tb", "tib"), 1024 * 1024)
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*")
_NUMBERS = re.compile(r"(\d+)")
_CONTROLS = [code for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"]
_SHOWN = {code: f"\\x{code:02x}" for code in _CONTROLS} | {ord("\r"): " ", ord("\b"): ""}
"""Escapes are shown; carriage returns and backspaces are what progress bars are made of."""


def parse_unit(text: str) -> int:
    """
    A size in MiB from a text such as C{512}, C{1.5G} or C{2t}, rounded up to 4 MiB.

    @raise UnitParseError: it is no size.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise UnitParseError(f"Invalid size '{text}': use a number with M, G or T, as in 1.5G")
    factor = _UNIT_MIB.get(match[2].lower())
    if factor is None:
        raise UnitParseError(f"Unknown unit '{match[2]}' in size '{text}': use M, G or T")
    try:
        return math.ceil(float(match[1]) * factor / 4) * 4
    except OverflowError as err:
        raise UnitParseError(f"Invalid size '{text[:20]}...': there is none so large") from err


def format_unit(size_mib: float, units: str = "h") -> str:
    """
    A size as text.

    @param units: C{h} chooses (C{256M}, C{1.5G}); C{m}, C{g}, C{t} give a bare
        number in that unit.
    """
    if units == "m" or (units == "h" and size_mib < 1024):
        return f"{round(size_mib)}" + ("M" if units == "h" else "")
    if units == "g" or (units == "h" and size_mib < 1024 * 1024):
        return f"{size_mib / 1024:.1f}" + ("G" if units == "h" else "")
    return f"{size_mib / 1024 / 1024:.1f}" + ("T" if units == "h" else "")


def printable(output: bytes) -> str:
    """What a program printed, as text that does nothing to the terminal it is shown on."""
    return output.decode(errors="replace").translate(_SHOWN)


def printable_line(text: str, limit: int) -> str:
    """One line of at most C{limit} characters, which does nothing to a terminal either."""
    line = text if len(text) <= limit else f"{text[:limit]}…"
    return " ".join(line.splitlines()).translate(_SHOWN)


def nice_sort_key(name: str) -> tuple[tuple[int, int | str], ...]:
    """A key that sorts C{node2} before C{node10}."""
    return tuple(
        (0, int(part)) if part.isdecimal() else (1, part) for part in _NUMBERS.split(name) if part
    )


def match_name(candidates: Iterable[str], given: str) -> str | None:
    """
    The one candidate that C{given} means, or None.

    That is the candidate itself, or the only one that begins with C{given} and
    a dot; case matters only when several differ in nothing else.
    """
    names = list(candidates)
    if given in names:
        return given
    exact = [name for name in names if name.startswith(given + ".")]
    if len(exact) == 1:
        return exact[0]
    lower = given.lower()
    loose = [n for n in names if n.lower() == lower or n.lower().startswith(lower + ".")]
    return loose[0] if len(loose) == 1 else None
