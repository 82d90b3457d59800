"""Filter rules: which jobs may run."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct


class FilterAction(StrEnum):
    """What a rule does with a job that matches it."""

    ACCEPT = "ACCEPT"
    CONTINUE = "CONTINUE"
    PAUSE = "PAUSE"
    REJECT = "REJECT"


RateLimit = tuple[Literal["RATE_LIMIT"], Annotated[int, Meta(gt=0)]]
"""At most so many running jobs that this rule let through."""


class FilterRule(Struct, frozen=True, kw_only=True):
    """A rule; all predicates of a rule must hold (Ganeti admin guide, Filter rules)."""

    uuid: str
    watermark: int
    """Id of the last job when the rule was made."""
    priority: Annotated[int, Meta(ge=0)]
    predicates: tuple[tuple[str, Any], ...]
    """(C{jobid}, C{opcode} or C{reason}, filter expression)."""
    action: FilterAction | RateLimit
    reason_trail: tuple[tuple[str, str, int], ...] = ()
    """(source, text, nanoseconds)."""
