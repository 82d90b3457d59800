"""Node parameters and static state, as options give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganeti.errors import ErrorCode, OpPrereqError


def typed_ndparams(values: Mapping[str, Any] | None, *allowed: str) -> dict[str, Any] | None:
    """
    Node parameters with values of the right types; None when none are given.

    @param allowed: words that go through for each parameter.
    @raise TypeEnforcementError: unknown parameter, or a value of the wrong type.
    """
    if not values:
        return None
    from ganeti.model.parameters import NDPARAM_TYPES, enforce_types

    return enforce_types(values, NDPARAM_TYPES, allowed)


def hv_state(given: Sequence[tuple[str, Any]]) -> dict[str, Any] | None:
    """Static state by hypervisor; None when none is given."""
    return _state("--hypervisor-state", given)


def disk_state(given: Sequence[tuple[str, Any]]) -> dict[str, Any] | None:
    """Static state by template and unit of storage; None when none is given."""
    found: dict[str, dict[str, Any]] = {}
    for word, values in (_state("--disk-state", given) or {}).items():
        template, _, name = word.partition("/")
        found.setdefault(template, {})[name] = values
    return found or None


def _state(option: str, given: Sequence[tuple[str, Any]]) -> dict[str, Any] | None:
    """By name, with numbers as numbers; the master judges the rest."""
    found = {}
    for name, values in given:
        if not isinstance(values, dict):
            raise OpPrereqError(f"{option} {name} needs NAME=VALUE", ErrorCode.WRONG_INPUT)
        found[name] = {key: _number(value) for key, value in values.items()}
    return found or None


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() else value
