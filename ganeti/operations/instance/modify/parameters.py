"""Own parameters of an instance after a request; checked by type, range and against each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from ganeti.model.config import Configuration
from ganeti.model.hypervisors import (
    check_hvparams,
    check_instance_hvparams,
    parse_hvparams,
)
from ganeti.model.instance import Instance
from ganeti.model.origins import Levels, Origin
from ganeti.model.parameters import (
    BEPARAM_REQUEST_TYPES,
    BEPARAM_TYPES,
    DEFAULT,
    RESET,
    PartialBeParams,
    change_own,
    change_partial,
    enforce_types,
    expand_memory,
    own_values,
)
from ganeti.model.secret import Secret
from ganeti.operations.instance.memory import check_memory_bounds
from ganeti.operations.instance.modify.places import Result
from ganeti.operations.instance.osparams import read_osparams

REDACTED = "<redacted>"


def new_hvparams(
    config: Configuration, instance: Instance, request: Mapping[str, Any]
) -> dict[str, Any]:
    """
    @raise TypeEnforcementError: unknown parameter, or a value of the wrong type.
    @raise HypervisorError: a value is out of range or malformed; the text says where it is set.
    @raise OpPrereqError: a parameter that only the cluster may set.
    """
    typed = parse_hvparams(instance.hypervisor, request, RESET)
    own = change_own(instance.hvparams, typed)
    check_instance_hvparams({name: own[name] for name in typed if name in own})
    changed = replace(instance, hvparams=own)
    levels = _with_request(config.hvparam_levels(changed), typed, own)
    check_hvparams(instance.hypervisor, config.filled_hvparams(changed), levels)
    return own


def new_beparams(
    config: Configuration, instance: Instance, request: Mapping[str, Any]
) -> PartialBeParams:
    """
    @raise TypeEnforcementError: unknown parameter, or a value of the wrong type or range.
    @raise OpPrereqError: the parameters contradict each other.
    """
    typed = expand_memory(enforce_types(request, BEPARAM_REQUEST_TYPES, RESET))
    own = change_partial(instance.beparams, typed, BEPARAM_TYPES)
    changed = replace(instance, beparams=own)
    levels = _with_request(config.beparam_levels(changed), typed, own_values(own))
    check_memory_bounds(config.filled_beparams(changed), levels)
    return own


def _with_request(levels: Levels, request: Mapping[str, Any], own: Mapping[str, Any]) -> Levels:
    """The levels with one more: those of the own values that are asked for just now."""
    return {**levels, Origin.REQUEST: {name: own[name] for name in request if name in own}}


def new_osparams(instance: Instance, request: Mapping[str, Any]) -> dict[str, str]:
    """@raise OpPrereqError: a value is no text."""
    kept = {name: value for name, value in instance.osparams.items() if name not in request}
    given = {name: value for name, value in request.items() if value not in RESET}
    return {**kept, **read_osparams(given)}


def new_private_osparams(instance: Instance, request: Mapping[str, Secret]) -> dict[str, Secret]:
    """Those that nobody sees."""
    kept = {name: v for name, v in instance.osparams_private.items() if name not in request}
    return {**kept, **{n: v for n, v in request.items() if v.reveal() not in RESET}}


def told(kind: str, request: Mapping[str, Any]) -> list[Result]:
    """What is reported of one kind of parameters, C{be} say."""
    return [(f"{kind}/{name}", _shown(value)) for name, value in request.items()]


def _shown(value: Any) -> Any:
    if isinstance(value, Secret):
        return REDACTED
    return DEFAULT if value in RESET else value
