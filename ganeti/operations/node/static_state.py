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
    return {
        name: _numbers(f"hypervisor state of {name}", values, HV_STATE_KEYS)
        for name, values in given.items()
        if _known(name, list(HypervisorName), "hypervisor")
    }


def check_disk_state(given: Mapping[str, Any]) -> dict[str, Any]:
    """C{{template: {volume group: {key: number}}}}. @raise OpPrereqError: it is something else."""
    checked: dict[str, Any] = {}
    for template, groups in given.items():
        _known(template, [DiskTemplate.PLAIN], "storage type of disk states")
        if not isinstance(groups, dict):
            raise _wrong(f"disk state of {template}", groups)
        checked[template] = {
            name: _numbers(f"disk state of {template}/{name}", values, DISK_STATE_KEYS)
            for name, values in groups.items()
        }
    return checked


def _known(name: str, known: Collection[str], kind: str) -> bool:
    if name not in known:
        raise OpPrereqError(
            f"Unknown {kind} '{name}': it is one of {', '.join(known)}", ErrorCode.WRONG_INPUT
        )
    return True


def _numbers(what: str, values: Any, keys: frozenset[str]) -> dict[str, int]:
    if not isinstance(values, dict) or not set(values) <= keys:
        raise _wrong(what, values)
    for value in values.values():
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise _wrong(what, value)
    return dict(values)


def _wrong(what: str, value: Any) -> OpPrereqError:
    return OpPrereqError(f"Invalid {what}: {value!r}", ErrorCode.WRONG_INPUT)
