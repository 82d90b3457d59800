"""Parameters of operating systems, as they are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.parameters import DEFAULT


def read_osparams(given: Mapping[str, Any]) -> dict[str, str]:
    """@raise OpPrereqError: a value is no text."""
    for name, value in given.items():
        if not isinstance(value, str):
            raise OpPrereqError(
                f"OS parameter '{name}' must be a text, not {value!r}", ErrorCode.WRONG_INPUT
            )
    return dict(given)


def check_osparams_apart(public: Mapping[str, Any], private: Mapping[str, Any]) -> None:
    """@raise OpPrereqError: a parameter would be both."""
    both = sorted(public.keys() & private.keys())
    if both:
        raise OpPrereqError(
            f"OS parameters are either public or private, not both: {', '.join(both)}"
            f" (the value '{DEFAULT}' takes one away)",
            ErrorCode.WRONG_INPUT,
        )


def check_given_once(*requests: Mapping[str, Any] | None) -> None:
    """
    @param requests: the public, the private and the secret parameters that are given.
    @raise OpPrereqError: one of them is among several.
    """
    counts = Counter(name for request in requests for name in request or ())
    several = sorted(name for name, count in counts.items() if count > 1)
    if several:
        raise OpPrereqError(
            "OS parameters are either public, private or secret, and given once:"
            f" {', '.join(several)}",
            ErrorCode.WRONG_INPUT,
        )
