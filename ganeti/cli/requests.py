"""Parameters from options, typed, as requests to change something name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ganeti.cli.settings import dictionary, known, wrong
from ganeti.model.hypervisors import (
    HVPARAM_TYPES,
    HypervisorName,
    parse_hvparams,
)
from ganeti.model.parameters import (
    BEPARAM_REQUEST_TYPES,
    NDPARAM_TYPES,
    NICPARAM_TYPES,
    RESET,
    NicMode,
    ParameterType,
    enforce_types,
)
from ganeti.model.policy_request import parse_bounds, parse_specs
from ganeti.model.templates import ALL_DISKPARAM_TYPES, DiskTemplate, parse_diskparams

if TYPE_CHECKING:
    from optparse import Values

Given = Sequence[tuple[str, Any]]
"""Of an option C{X:NAME=VALUE,...} that may be repeated."""


def ndparams(given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Node parameters; None when there are none."""
    return None if given is None else enforce_types(given, NDPARAM_TYPES, RESET)


def diskparams(given: Given) -> dict[DiskTemplate, dict[str, Any]] | None:
    """Disk parameters by template; None when there are none."""
    found: dict[DiskTemplate, dict[str, Any]] = {}
    for word, values in given:
        parameters = dictionary(f"-D {word}", values)
        enforce_types(parameters, ALL_DISKPARAM_TYPES, RESET)
        (template,) = known("disk template", [word], DiskTemplate)
        found.setdefault(template, {}).update(parse_diskparams(template, parameters, RESET))
    return found or None


def hvparams(given: Given) -> dict[str, dict[str, Any]] | None:
    """Hypervisor parameters by hypervisor; None when there are none."""
    found: dict[str, dict[str, Any]] = {}
    for word, values in given:
        parameters = dictionary(f"-H {word}", values)
        enforce_types(parameters, HVPARAM_TYPES, RESET)
        (name,) = known("hypervisor", [word], HypervisorName)
        found.setdefault(name.value, {}).update(parse_hvparams(name, parameters, RESET))
    return found or None


def beparams(given: Mapping[str, Any]) -> dict[str, Any] | None:
    """Backend parameters; None when there are none."""
    return enforce_types(given, BEPARAM_REQUEST_TYPES, RESET) or None


def nicparams(given: Mapping[str, Any]) -> dict[str, Any] | None:
    """NIC parameters; None when there are none."""
    typed = enforce_types(given, NICPARAM_TYPES, RESET)
    if typed.get("mode") not in RESET:
        known("NIC mode", [typed["mode"]], NicMode)
    return typed or None


def policy(options: Values) -> dict[str, Any] | None:
    """Keys of an instance policy, of the cluster or of a group; None when there are none."""
    from ganeti.model import codec

    request: dict[str, Any] = {}
    bounds = options.ipolicy_bounds_specs
    if bounds is not None:
        request["minmax"] = (
            codec.to_builtins(parse_bounds(bounds)) if bounds != "default" else bounds
        )
    std = getattr(options, "ipolicy_std_specs", None)
    if std is not None:
        request["std"] = parse_specs("std", std)
    templates = options.ipolicy_disk_templates
    if templates is not None:
        request["disk-templates"] = "default" if templates == ["default"] else templates
    for key in ("vcpu-ratio", "spindle-ratio"):
        ratio = getattr(options, f"ipolicy_{key.replace('-', '_')}")
        if ratio is not None:
            request[key] = ratio
    return request or None


def collector_switches(given: Mapping[str, Any]) -> dict[str, bool] | None:
    """Which data collectors to switch on or off; None when there are none."""
    return enforce_types(given, dict.fromkeys(given, ParameterType.BOOL)) or None


def collector_intervals(given: Mapping[str, Any]) -> dict[str, int] | None:
    """Microseconds by data collector, from seconds; None when there are none."""
    return {name: _microseconds(name, value) for name, value in given.items()} or None


def _microseconds(name: str, seconds: Any) -> int:
    try:
        return int(float(seconds) * 1_000_000)
    except (TypeError, ValueError, OverflowError) as err:
        raise wrong(f"Interval of data collector {name}: '{seconds}' is no number") from err


def private_values(option: str, given: Mapping[str, Any]) -> dict[str, Any] | None:
    """Values that are not shown; C{-NAME} is the word default. None when there are none."""
    from ganeti.model.parameters import DEFAULT
    from ganeti.model.secret import Secret

    found = {}
    for name, value in given.items():
        if isinstance(value, bool):
            raise wrong(f"Option {option}: {name} needs a value")
        found[name] = Secret(DEFAULT if value is None else value)
    return found or None
