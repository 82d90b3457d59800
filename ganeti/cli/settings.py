"""Reading settings from options: names of an enumeration, lists, parameters."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, TypeVar

from ganeti.errors import ErrorCode, OpPrereqError

NameT = TypeVar("NameT", bound=StrEnum)


def wrong(text: str) -> OpPrereqError:
    """An option with an impossible value."""
    return OpPrereqError(text, ErrorCode.WRONG_INPUT)


def known(kind: str, given: Iterable[str], names: type[NameT]) -> tuple[NameT, ...]:
    """Members of an enumeration, each once, in the given order."""
    found: list[NameT] = []
    for word in given:
        if word not in frozenset(names):
            raise wrong(f"Unknown {kind} '{word}': use {', '.join(sorted(names))}")
        if names(word) not in found:
            found.append(names(word))
    return tuple(found)


def words(text: str | None) -> list[str]:
    """Words between commas, without blanks around them."""
    return [word.strip() for word in (text or "").split(",") if word.strip()]


def dictionary(option: str, values: Any) -> dict[str, Any]:
    """The parameters of C{X:name=value}; C{X} alone, C{no_X} and C{-X} are refused."""
    if not isinstance(values, dict):
        raise wrong(f"Option {option} needs parameters, as in {option}:NAME=VALUE")
    return values
