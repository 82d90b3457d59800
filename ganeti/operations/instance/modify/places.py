"""Which disk or network interface of an instance is meant, and where a new one goes: pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ganeti.errors import ErrorCode, OpExecError, OpPrereqError
from ganeti.opcodes.modifications import LAST

Result = tuple[str, Any]
"""One change as it is reported: what, and its new value."""


class Item(Protocol):
    """What has a uuid and may have a name."""

    @property
    def uuid(self) -> str: ...

    @property
    def name(self) -> str | None: ...


def find_place(kind: str, wanted: int | str, items: Sequence[Item]) -> int:
    """
    The index of an item.

    @param kind: C{NIC} or C{disk}, for errors.
    @param wanted: its index, L{LAST}, its name or its uuid.
    @raise OpExecError: there are not so many.
    @raise OpPrereqError: none has that name.
    """
    number = _number(wanted)
    if number is None:
        for place, item in enumerate(items):
            if wanted in (item.uuid, item.name):
                return place
        raise OpPrereqError(f"Cannot find {kind} with identifier {wanted}", ErrorCode.NOT_FOUND)
    if number == LAST and items:
        return len(items) - 1
    _check_number(number)
    if not 0 <= number < len(items):
        shown = 0 if number == LAST else number
        raise OpExecError(f"Got {kind} index {shown}, but there are only {len(items)}")
    return number


def new_place(kind: str, wanted: int | str, items: Sequence[Item], most: int) -> int:
    """
    The index that a new item gets; those from there on move up.

    @param most: how many items an instance may have.
    @raise OpExecError: there are not so many.
    @raise OpPrereqError: it is no index, or there are too many already.
    """
    number = _number(wanted)
    if number is None:
        raise OpPrereqError(
            f"A new {kind} needs an index, not '{wanted}': 0 to {len(items)}, or -1 for the end",
            ErrorCode.WRONG_INPUT,
        )
    if len(items) >= most:
        raise OpPrereqError(
            f"An instance can have at most {most} {kind}s: there are {len(items)}",
            ErrorCode.WRONG_STATE,
        )
    if number == LAST:
        return len(items)
    _check_number(number)
    if number > len(items):
        raise OpExecError(f"Got {kind} index {number}, but there are only {len(items)}")
    return number


def _number(wanted: int | str) -> int | None:
    """An index, which may come as text."""
    try:
        return int(wanted)
    except ValueError:
        return None


def _check_number(number: int) -> None:
    if number < LAST:
        raise OpPrereqError(
            f"Invalid index {number}: -1 is the only negative one", ErrorCode.WRONG_INPUT
        )
