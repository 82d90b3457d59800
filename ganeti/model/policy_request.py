"""Instance policies as requests ask for them: typed, complete where they must be, merged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from ganeti.errors import ErrorCode, OpPrereqError, TypeEnforcementError
from ganeti.model.parameters import DEFAULT, ParameterType, enforce_types, fill
from ganeti.model.policy import (
    Bounds,
    InstancePolicy,
    PartialPolicy,
    Spec,
    check_policy,
    std_problems,
)
from ganeti.model.templates import DiskTemplate
from ganeti.utils.resolving import resolved

SPEC_TYPES: Mapping[str, ParameterType] = {
    "cpu-count": ParameterType.INT,
    "disk-count": ParameterType.INT,
    "disk-size": ParameterType.SIZE,
    "memory-size": ParameterType.SIZE,
    "nic-count": ParameterType.INT,
    "spindle-use": ParameterType.INT,
}
_FIELDS = {
    "minmax": "minmax",
    "std": "std",
    "disk-templates": "disk_templates",
    "vcpu-ratio": "vcpu_ratio",
    "spindle-ratio": "spindle_ratio",
}


def _wrong(text: str) -> OpPrereqError:
    return OpPrereqError(text, ErrorCode.WRONG_INPUT)


def parse_specs(bound: str, given: Any) -> dict[str, int]:
    """
    Sizes of one bound (C{min}, C{max}, C{std}), typed; not all need be there.

    @raise OpPrereqError: one is unknown, or no size.
    """
    if not isinstance(given, Mapping):
        raise _wrong(f"Invalid {bound} instance specs: {given!r}")
    checked: dict[str, int] = {}
    for name, value in given.items():
        if name not in SPEC_TYPES:
            raise _wrong(
                f"Unknown parameter {name} in {bound} instance specs:"
                f" it is one of {', '.join(SPEC_TYPES)}"
            )
        checked[name] = _size(bound, name, value)
    return checked


def _size(bound: str, name: str, value: Any) -> int:
    wanted = SPEC_TYPES[name]
    try:
        size: int = enforce_types({name: value}, {name: wanted})[name]
    except TypeEnforcementError as err:
        why = "Invalid format" if wanted is ParameterType.SIZE else "not a number"
        raise _wrong(
            f"Invalid parameter {name} ({value}) in {bound} instance specs: {why}"
        ) from err
    if size < 0:
        raise _wrong(
            f"Invalid parameter {name} ({value}) in {bound} instance specs: must not be negative"
        )
    return size


def parse_bounds(given: Any) -> tuple[Bounds, ...]:
    """
    Pairs of bounds, C{[{"min": {...}, "max": {...}}, ...]}; each names all sizes.

    @raise OpPrereqError: they are malformed, or one is missing.
    """
    if not isinstance(given, Iterable) or isinstance(given, str | Mapping):
        raise _wrong(f"Invalid bounds of the instance policy: {given!r}")
    return tuple(_pair(pair) for pair in given)


def _pair(given: Any) -> Bounds:
    if not isinstance(given, Mapping) or set(given) != {"min", "max"}:
        raise _wrong("Each pair of bounds of the instance policy needs min and max")
    return Bounds(min=_complete("min", given["min"]), max=_complete("max", given["max"]))


def _complete(bound: str, given: Any) -> Spec:
    checked = parse_specs(bound, given)
    missing = sorted(SPEC_TYPES.keys() - checked.keys())
    if missing:
        raise _wrong(f"Missing in the {bound} bound of the policy: {', '.join(missing)}")
    return with_specs(Spec(), checked)


def with_specs(base: Spec, checked: Mapping[str, int]) -> Spec:
    """C{base} with sizes of L{parse_specs}."""
    return replace(base, **{key.replace("-", "_"): value for key, value in checked.items()})


def change_policy(
    policy: InstancePolicy, request: Mapping[str, Any], default: InstancePolicy
) -> InstancePolicy:
    """
    The cluster's policy after a request.

    @param request: by key; C{"default"} or None brings back what C{default} has.
    @raise OpPrereqError: it is malformed, or the policy would contradict itself.
    """
    changes = {
        field: getattr(default, field) if value is UNSET else value
        for field, value in _parse(request, policy.std).items()
    }
    changed = replace(policy, **changes)
    _check([*check_policy(changed), *std_problems(changed)])
    return changed


def change_group_policy(
    own: PartialPolicy, request: Mapping[str, Any], cluster: InstancePolicy
) -> PartialPolicy:
    """
    What a group sets itself after a request.

    @param request: by key; C{"default"} or None lets the group inherit again.
    @param cluster: what it inherits.
    @raise OpPrereqError: it is malformed, or the policy would contradict itself.
    """
    if "std" in request:
        raise _wrong("The std specs of the instance policy can be set for the whole cluster only")
    changed = replace(own, **_parse(request, cluster.std))
    _check(check_policy(fill(cluster, changed)))
    return changed


def _check(problems: list[str]) -> None:
    if problems:
        raise _wrong("; ".join(problems))


def _parse(request: Mapping[str, Any], std: Spec) -> dict[str, Any]:
    """New values by field; UNSET for those to be taken back."""
    unknown = sorted(request.keys() - _FIELDS.keys())
    if unknown:
        raise _wrong(f"Unknown keys of the instance policy: {', '.join(unknown)}")
    parsers: dict[str, Callable[[Any], Any]] = {
        "minmax": parse_bounds,
        "std": lambda value: with_specs(std, parse_specs("std", value)),
        "disk-templates": parse_templates,
        "vcpu-ratio": lambda value: _ratio("vcpu-ratio", value),
        "spindle-ratio": lambda value: _ratio("spindle-ratio", value),
    }
    return {
        _FIELDS[key]: UNSET if _is_reset(value) else parsers[key](value)
        for key, value in request.items()
    }


def _is_reset(value: Any) -> bool:
    return value is None or value in (DEFAULT, [DEFAULT])


def parse_templates(given: Any) -> tuple[DiskTemplate, ...]:
    """
    The disk templates that a policy allows, each once, sorted.

    @raise OpPrereqError: there is no such template.
    """
    try:
        found = msgspec.convert(given, resolved(tuple[DiskTemplate, ...]))
    except msgspec.ValidationError as err:
        raise _wrong(
            f"Invalid disk templates of the instance policy {given!r}:"
            f" there are {', '.join(sorted(DiskTemplate))}"
        ) from err
    return tuple(sorted(set(found)))


def _ratio(key: str, value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(f"Invalid {key} of the instance policy: {value!r} is no number")
    return int(value) if float(value).is_integer() else value
