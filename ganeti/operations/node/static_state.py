"""Static hypervisor and disk state, as requests give it for a node."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.templates import DiskTemplate

HV_STATE_KEYS = frozenset(("cpu_node", "cpu_total", "mem_hv", "mem_node", "mem_total"))
DISK_STATE_KEYS = frozenset(("disk_overhead", "disk_reserved", "disk_total"))


def check_hv_state(given: Mapping[str, Any]) -> dict[str, Any]:
    """C{{hypervisor: {key: number}}}. @raise OpPrereqError: it is something else."""
    _check_names(given, list(HypervisorName), "hypervisor(s) in hypervisor state")
    return {
        name: _numbers(f"hypervisor state of {name}", values, HV_STATE_KEYS)
        for name, values in given.items()
    }


def check_disk_state(given: Mapping[str, Any]) -> dict[str, Any]:
    """C{{template: {volume group: {key: number}}}}. @raise OpPrereqError: it is something else."""
    _check_names(given, [DiskTemplate.PLAIN], "storage type(s) in disk state")
    checked: dict[str, Any] = {}
    for template, groups in given.items():
        if not isinstance(groups, dict):
            raise _wrong(f"disk state of {template}", groups)
        checked[template] = {
            name: _numbers(f"disk state of {template}/{name}", values, DISK_STATE_KEYS)
            for name, values in groups.items()
        }
    return checked


def merged_state(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """C{old} with the values of C{new} added or in place of those of the same key."""
    merged = dict(old)
    for key, value in new.items():
        before = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(before, Mapping)
        merged[key] = merged_state(before or {}, value) if both else value
    return merged


def _check_names(given: Mapping[str, Any], known: Collection[str], what: str) -> None:
    unknown = sorted(given.keys() - set(known))
    if unknown:
        raise OpPrereqError(f"Invalid {what}: {', '.join(unknown)}", ErrorCode.WRONG_INPUT)


def _numbers(what: str, values: Any, keys: frozenset[str]) -> dict[str, int]:
    if not isinstance(values, dict) or not set(values) <= keys:
        raise _wrong(what, values)
    return {key: _number(f"{what} {key}", value) for key, value in values.items()}


def _number(what: str, value: Any) -> int:
    """A count, which people type as text."""
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _wrong(what, value)
    return value


def _wrong(what: str, value: Any) -> OpPrereqError:
    return OpPrereqError(f"Invalid {what}: {value!r}", ErrorCode.WRONG_INPUT)
