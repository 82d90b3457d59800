"""Names typed on the command line, as a query filter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ganeti.errors import ErrorCode, OpPrereqError

_FILTER_CHARACTERS = frozenset("\t\n\v\f\r !\"'()/<=>\\~")
_GLOB_CHARACTERS = frozenset("*?")


def build_filter(names: Sequence[str], *, force_filter: bool, field: str = "name") -> Any:
    """
    What the arguments of a list command select.

    One argument that looks like a filter, or any single one with C{-F}, is read as a filter;
    else they are names, with shell wildcards.

    @raise QueryFilterParseError: the filter cannot be read.
    """
    if not names:
        if force_filter:
            raise OpPrereqError("A filter must be given with -F", ErrorCode.WRONG_INPUT)
        return None
    if force_filter and len(names) > 1:
        raise OpPrereqError("Exactly one filter must be given with -F", ErrorCode.WRONG_INPUT)
    if force_filter or looks_like_filter(names):
        from ganeti.query.filter import parse_filter

        return parse_filter(names[0])
    return ["|", *(_name_filter(field, name) for name in names)]


def looks_like_filter(words: Sequence[str]) -> bool:
    """Whether there is one word only, with characters that no name has."""
    return len(words) == 1 and bool(_FILTER_CHARACTERS & set(words[0]))


def _name_filter(field: str, name: str) -> list[Any]:
    if _GLOB_CHARACTERS & set(name):
        from ganeti.utils.globs import glob_expression

        return ["=~", field, glob_expression(name)]
    return ["=", field, name]


def job_ids(words: Sequence[str]) -> list[int]:
    """
    Job numbers.

    @raise OpPrereqError: a word is no number.
    """
    return [_job_id(word) for word in words]


def _job_id(word: str) -> int:
    try:
        return int(word)
    except ValueError as err:
        raise OpPrereqError(f"Invalid job ID passed: {err}", ErrorCode.WRONG_INPUT) from err
