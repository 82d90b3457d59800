"""
Values of answers to queries, checked one by one.

A row is a dict from the name of a query field to its value; None, or nothing, where it is not
known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from ganeti.htools.errors import InputError
from ganeti.htools.rows import LARGEST, shown
from ganeti.utils.resolving import resolved

Row = Mapping[str, Any]
T = TypeVar("T")

_UNFIT = re.compile(r"[|,\x00-\x20\x7f]")
"""What separates columns, words and lines in the text format."""


def value(row: Row, field: str, kind: type[T], what: str) -> T:
    """
    One value of a row.

    @param what: the kind of the row's object, for the error.
    @raise InputError: it is of another kind, or not there.
    """
    try:
        return msgspec.convert(row.get(field), resolved(kind))
    except msgspec.ValidationError as err:
        raise refuse(row, field, what, str(err)) from err


def refuse(row: Row, field: str, what: str, why: str) -> InputError:
    """What to raise when a value makes no sense."""
    name = row.get("name")
    whose = f"{what} {shown(name)[1:-1]}" if isinstance(name, str) and name else what
    return InputError(f"{whose}, {field}: {shown(row.get(field))}: {why}")


def word(row: Row, field: str, what: str) -> str:
    """A name: nothing that the text format could not hold."""
    return _fit(row, field, what, value(row, field, str, what))


def words(row: Row, field: str, what: str) -> tuple[str, ...]:
    """A list of names."""
    return tuple(_fit(row, field, what, each) for each in value(row, field, list[str], what))


def _fit(row: Row, field: str, what: str, text: str) -> str:
    if _UNFIT.search(text):
        raise refuse(row, field, what, "there are characters in it that no name has")
    return text


def number(row: Row, field: str, what: str, least: int = 0) -> int:
    """A number, rounded; what is free of something may also be less than nothing."""
    found = value(row, field, float, what)
    if not least <= found <= LARGEST:
        raise refuse(row, field, what, "it is out of range")
    return round(found)


def share(row: Row, field: str, what: str) -> float:
    """A number that is not negative, perhaps with a fraction."""
    found = value(row, field, float, what)
    if not 0 <= found <= LARGEST:
        raise refuse(row, field, what, "it is out of range")
    return found
