"""Own parameters of an instance after a request; checked by type, range and against each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.config import Configuration
from ganeti.model.hypervisors import (
    check_hvparams,
    check_instance_hvparams,
    parse_hvparams,
)
from ganeti.model.instance import Instance
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
)
from ganeti.model.secret import Secret
from ganeti.operations.instance.create_request import read_osparams
from ganeti.operations.instance.memory import check_memory_bounds
from ganeti.operations.instance.modify.places import Result

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
    levels = config.hvparam_levels(changed)
    check_hvparams(instance.hypervisor, config.filled_hvparams(changed), levels)
    return own


def new_beparams(
    config: Configuration, instance: Instance, request: Mapping[str, Any]
) -> PartialBeParams:
    """
    @raise TypeEnforcementError: unknown parameter, or a value of the wrong type or range.
    @raise OpPrereqError: the parameters contradict each other.
    """
    typed = enforce_types(request, BEPARAM_REQUEST_TYPES, RESET)
    own = change_partial(instance.beparams, expand_memory(typed), BEPARAM_TYPES)
    changed = replace(instance, beparams=own)
    check_memory_bounds(config.filled_beparams(changed), config.beparam_levels(changed))
    return own


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


def check_osparams_apart(public: Mapping[str, Any], private: Mapping[str, Any]) -> None:
    """@raise OpPrereqError: a parameter would be both."""
    both = sorted(set(public) & set(private))
    if both:
        raise OpPrereqError(
            f"OS parameters are either public or private, not both: {', '.join(both)}",
            ErrorCode.WRONG_INPUT,
        )
