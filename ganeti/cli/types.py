"""
The value syntaxes of options, each a function from text that raises L{ValueError}.

They are Ganeti's: C{key=value,no_other,-third} for parameters, C{0:size=1G} for disks and
network interfaces; a backslash keeps a comma.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_NO = "no_"
_UNSET = "-"
_NEGATIVE_INDEX = re.compile(r"-\d")


def split_list(text: str) -> list[str]:
    r"""The parts between commas; C{\,} is a comma within a part, C{\\} a backslash."""
    parts = [""]
    escaped = False
    for character in text:
        if escaped:
            parts[-1] += character if character in ",\\" else "\\" + character
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == ",":
            parts.append("")
        else:
            parts[-1] += character
    if escaped:
        parts[-1] += "\\"
    return parts


def parse_bool(text: str) -> bool:
    """C{yes}, C{no}, C{true} or C{false}, in any case."""
    lowered = text.lower()
    if lowered in ("yes", "true"):
        return True
    if lowered in ("no", "false"):
        return False
    raise ValueError(f"Invalid boolean value '{text}'")


def parse_list(text: str) -> list[str]:
    """Words between commas; empty text is no words."""
    return split_list(text) if text else []


def parse_keyval(text: str) -> dict[str, Any]:
    """
    Parameters: C{a=b} a text, C{a} true, C{no_a} false, C{-a} None (back to the default).

    @raise ValueError: a name stands there twice, or is missing.
    """
    return _keyval(text, flags=True)


def _keyval(text: str, *, flags: bool) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for part in split_list(text) if text else []:
        name, value = _pair(part, flags=flags)
        if not name:
            raise ValueError(f"a name is missing in '{text}'")
        if name in result:
            raise ValueError(f"duplicate key '{name}'")
        result[name] = value
    return result


def _pair(part: str, *, flags: bool) -> tuple[str, Any]:
    name, equals, value = part.partition("=")
    if equals:
        return name, value
    if not flags:
        raise ValueError(f"'{part}' has no value: write {part}=...")
    if part.startswith(_NO):
        return part.removeprefix(_NO), False
    if part.startswith(_UNSET):
        return part.removeprefix(_UNSET), None
    return part, True


def parse_identkeyval(text: str) -> tuple[str, Any]:
    """
    An identifier with parameters, C{0:size=1G,mode=ro}.

    C{no_x} gives (x, False) and C{-x} gives (x, None), to remove something; C{-1} is an index.
    """
    ident, colon, rest = text.partition(":")
    if not colon and ident.startswith(_NO):
        return ident.removeprefix(_NO), False
    if not colon and ident.startswith(_UNSET) and not _NEGATIVE_INDEX.match(ident):
        return ident.removeprefix(_UNSET), None
    if colon and (
        ident.startswith(_NO) or (ident.startswith(_UNSET) and not _NEGATIVE_INDEX.match(ident))
    ):
        raise ValueError(f"'{ident}' is to be removed, and takes no parameters")
    return ident, parse_keyval(rest)


def parse_bounds_specs(text: str) -> list[dict[str, dict[str, Any]]] | str:
    """
    Pairs of bounds of an instance policy, C{min:memory-size=128,.../max:...//min:.../max:...}.

    C{default} alone is one word, as with parameters.
    """
    if text == "default":
        return text
    pairs = []
    for pair in text.split("//"):
        bounds: dict[str, dict[str, Any]] = {}
        for bound in pair.split("/"):
            name, colon, rest = bound.partition(":")
            if not colon or name in bounds:
                raise ValueError(f"'{pair}' is not of the form min:.../max:...")
            bounds[name] = _keyval(rest, flags=False)
        pairs.append(bounds)
    return pairs


def parse_maybe_float(text: str) -> float | str:
    """A number, or the word C{default}."""
    if text.lower() in ("default", "none"):
        return "default"
    import math

    try:
        number = float(text)
    except ValueError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"invalid number '{text}'")
    return number


def parse_size(text: str) -> int:
    """A size in MiB, from C{512}, C{1.5G} and the like."""
    from ganeti.errors import UnitParseError
    from ganeti.utils.text import parse_unit

    try:
        return parse_unit(text)
    except UnitParseError as err:
        raise ValueError(str(err)) from err


PARSERS: dict[str, Callable[[str], Any]] = {
    "bool": parse_bool,
    "list": parse_list,
    "keyval": parse_keyval,
    "keyprivateval": parse_keyval,
    "identkeyval": parse_identkeyval,
    "multilistidentkeyval": parse_bounds_specs,
    "maybefloat": parse_maybe_float,
    "unit": parse_size,
}
