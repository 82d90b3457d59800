"""Parameters of instance allocators: those of the built-in one (hail(1), options)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct

from ganeti.errors import ErrorCode, OpPrereqError

CLUSTER_DEFAULT: Final = "."
"""What commands are told for the cluster's default allocator."""


class HailParameters(Struct, frozen=True, kw_only=True):
    """What the cluster's parameters of hail say; as the options of the program of that name."""

    ignore_soft_errors: bool = False
    no_capacity_checks: bool = False
    restrict_allocation_to: tuple[str, ...] | None = None
    """Names of nodes."""
    static_kvm_node_memory: int | None = None


def parse_hail_parameters(given: Mapping[str, Any]) -> HailParameters:
    """
    Read the parameters of hail, named as the program's options are, without the dashes.

    None is a parameter that was not given.

    @raise OpPrereqError: there is no such parameter, or a value is not of its kind.
    """
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in _KINDS:
            raise OpPrereqError(
                f"Unknown parameter '{name}' of the iallocator hail; it has {', '.join(_KINDS)}",
                ErrorCode.WRONG_INPUT,
            )
        if value is not None:
            values[name.replace("-", "_")] = _KINDS[name](name, value)
    return HailParameters(**values)


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("yes", "true", "no", "false", ""):
        return str(value).lower() in ("yes", "true", "")
    raise _wrong(name, value, "yes or no")


def _nodes(name: str, value: Any) -> tuple[str, ...]:
    names = str(value).split(",") if isinstance(value, str) else ()
    if not all(names) or not names:
        raise _wrong(name, value, "names of nodes with commas")
    return tuple(names)


def _mebibytes(name: str, value: Any) -> int:
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdecimal() and len(text) < 12):
        raise _wrong(name, value, "a number of MiB")
    return int(text)


def _wrong(name: str, value: Any, wanted: str) -> OpPrereqError:
    return OpPrereqError(
        f"Invalid value '{value}' of the parameter '{name}' of the iallocator hail: use {wanted}",
        ErrorCode.WRONG_INPUT,
    )


_KINDS: Mapping[str, Callable[[str, Any], Any]] = {
    "ignore-soft-errors": _flag,
    "no-capacity-checks": _flag,
    "restrict-allocation-to": _nodes,
    "static-kvm-node-memory": _mebibytes,
}
