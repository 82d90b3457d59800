"""The pool of user ids that instances may run under: ranges, each with its first and last id."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from ganeti.errors import ErrorCode, OpPrereqError

HIGHEST_UID = 4294967295

Range = tuple[int, int]
Pool = tuple[Range, ...]


def check_pool(ranges: Iterable[Range]) -> Pool:
    """
    Ranges in order.

    @raise OpPrereqError: one is empty or out of bounds, or two overlap.
    """
    ordered = sorted(ranges)
    for low, high in ordered:
        if not 0 <= low <= high <= HIGHEST_UID:
            raise _wrong(
                f"Invalid user ids {format_range(low, high)}: use N or N-M, up to {HIGHEST_UID}"
            )
    for before, after in pairwise(ordered):
        if after[0] <= before[1]:
            raise _wrong(f"The user ids {format_range(*before)} and {format_range(*after)} overlap")
    return tuple(ordered)


def add_uids(pool: Pool, ranges: Iterable[Range]) -> Pool:
    """
    C{pool} with more ids.

    @raise OpPrereqError: some of them are in it already.
    """
    return check_pool((*pool, *ranges))


def remove_uids(pool: Pool, ranges: Iterable[Range]) -> Pool:
    """
    C{pool} without some ids.

    @raise OpPrereqError: some of them are not in it.
    """
    for low, high in check_pool(ranges):
        around = next((each for each in pool if each[0] <= low and high <= each[1]), None)
        if around is None:
            raise _wrong(f"The user ids {format_range(low, high)} are not in the pool")
        left = ((around[0], low - 1), (high + 1, around[1]))
        kept = [each for each in pool if each != around]
        pool = tuple(sorted([*kept, *(each for each in left if each[0] <= each[1])]))
    return pool


def format_range(low: int, high: int) -> str:
    """C{N} or C{N-M}."""
    return str(low) if low == high else f"{low}-{high}"


def _wrong(text: str) -> OpPrereqError:
    return OpPrereqError(text, ErrorCode.WRONG_INPUT)
