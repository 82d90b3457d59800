"""
Parameters that are inherited: backend, node and NIC parameters, and the types
all parameters have.

Each kind has two records: the complete one (the cluster's, or filled), and a
partial one, in which a missing value means "as inherited".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from ganeti.errors import TypeEnforcementError, UnitParseError
from ganeti.utils.resolving import resolved
from ganeti.utils.text import parse_unit

CompleteT = TypeVar("CompleteT", bound=Struct)
PartialT = TypeVar("PartialT", bound=Struct)

Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Number = int | float

DEFAULT = "default"
"""As a value in a request: forget the own value, inherit again."""
RESET = (DEFAULT, None)
"""Values of a request to change parameters that mean this."""


class ParameterType(StrEnum):
    """What kind of value a parameter takes, for requests and for help texts."""

    BOOL = "bool"
    INT = "int"
    FLOAT = "float"
    STRING = "string"
    MAYBE_STRING = "maybe-string"
    SIZE = "size"


class NicMode(StrEnum):
    """How an interface reaches the network."""

    BRIDGED = "bridged"
    ROUTED = "routed"
    OPENVSWITCH = "openvswitch"
    EXT = "ext"


class BeParams(Struct, frozen=True, kw_only=True):
    """Backend parameters: what every hypervisor has."""

    always_failover: bool = False
    auto_balance: bool = True
    maxmem: Count = 128
    """MiB."""
    minmem: Count = 128
    spindle_use: Count = 1
    vcpus: Positive = 1


class PartialBeParams(Struct, frozen=True, kw_only=True):
    """Backend parameters an instance sets itself."""

    always_failover: bool | UnsetType = UNSET
    auto_balance: bool | UnsetType = UNSET
    maxmem: Count | UnsetType = UNSET
    minmem: Count | UnsetType = UNSET
    spindle_use: Count | UnsetType = UNSET
    vcpus: Positive | UnsetType = UNSET


class NdParams(Struct, frozen=True, kw_only=True):
    """Node parameters."""

    cpu_speed: Number = 1
    exclusive_storage: bool = False
    """Of cluster and groups only."""
    oob_program: str = ""
    ovs: bool = False
    ovs_link: str | None = ""
    ovs_name: str | None = "switch1"
    spindle_count: Count = 1
    ssh_port: Port = 22


class PartialNdParams(Struct, frozen=True, kw_only=True):
    """Node parameters a group or node sets itself."""

    cpu_speed: Number | UnsetType = UNSET
    exclusive_storage: bool | UnsetType = UNSET
    oob_program: str | UnsetType = UNSET
    ovs: bool | UnsetType = UNSET
    ovs_link: str | UnsetType | None = UNSET
    ovs_name: str | UnsetType | None = UNSET
    spindle_count: Count | UnsetType = UNSET
    ssh_port: Port | UnsetType = UNSET


class NicParams(Struct, frozen=True, kw_only=True):
    """NIC parameters."""

    link: str = "xen-br0"
    mode: NicMode = NicMode.BRIDGED
    vlan: str = ""


class PartialNicParams(Struct, frozen=True, kw_only=True):
    """NIC parameters an interface, or a group's connection to a network, sets itself."""

    link: str | UnsetType = UNSET
    mode: NicMode | UnsetType = UNSET
    vlan: str | UnsetType = UNSET


BEPARAM_TYPES: Mapping[str, ParameterType] = {
    "always_failover": ParameterType.BOOL,
    "auto_balance": ParameterType.BOOL,
    "maxmem": ParameterType.SIZE,
    "minmem": ParameterType.SIZE,
    "spindle_use": ParameterType.INT,
    "vcpus": ParameterType.INT,
}

BEPARAM_REQUEST_TYPES: Mapping[str, ParameterType] = {**BEPARAM_TYPES, "memory": ParameterType.SIZE}
"""With C{memory}, which sets both bounds."""

NDPARAM_TYPES: Mapping[str, ParameterType] = {
    "cpu_speed": ParameterType.FLOAT,
    "exclusive_storage": ParameterType.BOOL,
    "oob_program": ParameterType.STRING,
    "ovs": ParameterType.BOOL,
    "ovs_link": ParameterType.MAYBE_STRING,
    "ovs_name": ParameterType.MAYBE_STRING,
    "spindle_count": ParameterType.INT,
    "ssh_port": ParameterType.INT,
}

NICPARAM_TYPES: Mapping[str, ParameterType] = {
    "link": ParameterType.STRING,
    "mode": ParameterType.STRING,
    "vlan": ParameterType.STRING,
}


def own_values(partial: Struct) -> dict[str, Any]:
    """The values that are set, by name."""
    return {
        name: value
        for name in partial.__struct_fields__
        if (value := getattr(partial, name)) is not UNSET
    }


def fill(complete: CompleteT, *partials: Struct) -> CompleteT:
    """C{complete} with the set values of the partial records, the last one winning."""
    changes: dict[str, Any] = {}
    for partial in partials:
        changes.update(own_values(partial))
    return msgspec.structs.replace(complete, **changes) if changes else complete


def origin_of(name: str, levels: Mapping[str, Mapping[str, Any]], default: str = "built-in") -> str:
    """
    Where the value of a parameter comes from.

    @param levels: own values by name of the level, from the most general to the
        most special one.
    @return: the name of the last level that sets it.
    """
    origin = default
    for level, values in levels.items():
        if name in values:
            origin = level
    return origin


def enforce_types(
    values: Mapping[str, Any], types: Mapping[str, ParameterType], allowed: tuple[Any, ...] = ()
) -> dict[str, Any]:
    """
    Check and convert the values of a request, as typed by people (C{"true"}, C{"4g"}).

    @param allowed: values let through for each parameter, such as L{DEFAULT}.
    @raise TypeEnforcementError: a parameter is unknown or its value of the wrong type.
    """
    checked: dict[str, Any] = {}
    for name, value in values.items():
        if name not in types:
            raise TypeEnforcementError(f"Unknown parameter '{name}'")
        checked[name] = value if value in allowed else _convert(name, value, types[name])
    return checked


def _convert(name: str, value: Any, wanted: ParameterType) -> Any:
    match wanted:
        case ParameterType.STRING | ParameterType.MAYBE_STRING:
            return _text(name, value, none_allowed=wanted is ParameterType.MAYBE_STRING)
        case ParameterType.BOOL:
            return _flag(name, value)
        case ParameterType.SIZE:
            return _size(name, value)
        case ParameterType.INT:
            return _integer(name, value)
        case ParameterType.FLOAT:
            return _float(name, value)


def _text(name: str, value: Any, *, none_allowed: bool) -> str | None:
    if value is None and none_allowed:
        return None
    if isinstance(value, str):
        return value
    if value is False:  # the command line's "no value"
        return ""
    raise TypeEnforcementError(f"'{name}' (value {value}) is not a valid string")


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, str):
        lowered = value.lower()
        if lowered in ("false", "no"):
            return False
        if lowered in ("true", "yes"):
            return True
        raise TypeEnforcementError(f"'{name}' (value {value}) is not a valid boolean")
    if isinstance(value, bool) or value in (0, 1):
        return bool(value)
    raise TypeEnforcementError(f"'{name}' (value {value}) is not a valid boolean")


def _size(name: str, value: Any) -> int:
    if isinstance(value, bool):
        raise TypeEnforcementError(
            f"'{name}' (value {value}) is not a valid size. error: Invalid format"
        )
    try:
        return value if isinstance(value, int) else parse_unit(str(value))
    except UnitParseError as err:
        raise TypeEnforcementError(
            f"'{name}' (value {value}) is not a valid size. error: Invalid format"
        ) from err


def _integer(name: str, value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise TypeEnforcementError(f"'{name}' (value {value}) is not a valid integer")
    try:
        return int(value)
    except (TypeError, ValueError) as err:
        raise TypeEnforcementError(f"'{name}' (value {value}) is not a valid integer") from err


def _float(name: str, value: Any) -> Number:
    if isinstance(value, bool):
        raise TypeEnforcementError(f"'{name}' (value {value}) is not a valid float")
    if isinstance(value, int):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise TypeEnforcementError(f"'{name}' (value {value}) is not a valid float")
    return int(number) if number.is_integer() else number


def parse_parameters(
    values: Mapping[str, Any], types: Mapping[str, ParameterType], record: type[PartialT]
) -> PartialT:
    """
    Make a parameter record from a request.

    @raise TypeEnforcementError: unknown parameter, or a value of the wrong type or range.
    """
    return _record(enforce_types(values, types), record)


def change_own(own: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """Own values of one level after a typed request; those in L{RESET} are taken back."""
    changed = {**own, **request}
    return {name: value for name, value in changed.items() if value not in RESET}


def change_partial(
    own: PartialT, request: Mapping[str, Any], types: Mapping[str, ParameterType]
) -> PartialT:
    """
    What a level sets itself after a request.

    @raise TypeEnforcementError: unknown parameter, or a value of the wrong type or range.
    """
    typed = enforce_types(request, types, RESET)
    return _record(change_own(own_values(own), typed), type(own))


def change_complete(
    complete: CompleteT,
    request: Mapping[str, Any],
    types: Mapping[str, ParameterType],
    default: CompleteT,
) -> CompleteT:
    """
    The cluster's parameters after a request.

    @param default: has the values of those that are to be taken back.
    @raise TypeEnforcementError: unknown parameter, or a value of the wrong type or range.
    """
    typed = enforce_types(request, types, RESET)
    changes = {n: getattr(default, n) if v in RESET else v for n, v in typed.items()}
    return _record({**own_values(complete), **changes}, type(complete))


def _record(values: Mapping[str, Any], record: type[PartialT]) -> PartialT:
    try:
        return msgspec.convert(values, resolved(record))
    except msgspec.ValidationError as err:
        why, _, name = str(err).partition(" - at `$.")
        name = name.rstrip("`")
        raise TypeEnforcementError(
            f"'{name}' (value {values.get(name)}) is not valid: {why[:1].lower()}{why[1:]}"
        ) from err


def parse_beparams(values: Mapping[str, Any]) -> PartialBeParams:
    """
    Backend parameters of a request; C{memory} sets C{minmem} and C{maxmem}.

    @raise TypeEnforcementError: unknown parameter, a value of the wrong type or range, or
        C{memory} beside one of the two bounds.
    """
    typed = enforce_types(values, BEPARAM_REQUEST_TYPES)
    return parse_parameters(expand_memory(typed), BEPARAM_TYPES, PartialBeParams)


def expand_memory(values: Mapping[str, Any]) -> dict[str, Any]:
    """
    Backend parameters of a request with the two bounds in place of C{memory}.

    @raise TypeEnforcementError: C{memory} beside one of the two bounds.
    """
    others = {name: value for name, value in values.items() if name != "memory"}
    if "memory" not in values:
        return others
    if "minmem" in others or "maxmem" in others:
        raise TypeEnforcementError("'memory' cannot be given together with 'minmem' or 'maxmem'")
    return {**others, "minmem": values["memory"], "maxmem": values["memory"]}


def parse_ndparams(values: Mapping[str, Any]) -> PartialNdParams:
    """Node parameters of a request; raises as L{parse_parameters}."""
    return parse_parameters(values, NDPARAM_TYPES, PartialNdParams)


def parse_nicparams(values: Mapping[str, Any]) -> PartialNicParams:
    """NIC parameters of a request; raises as L{parse_parameters}."""
    return parse_parameters(values, NICPARAM_TYPES, PartialNicParams)
