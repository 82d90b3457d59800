"""gnt-group info."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ganeti.cli import tree

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session

Group = Mapping[str, Any]

_FIELDS = (
    "name",
    "ndparams",
    "custom_ndparams",
    "diskparams",
    "custom_diskparams",
    "ipolicy",
    "custom_ipolicy",
    "uuid",
)
_RATIOS = ("vcpu-ratio", "spindle-ratio")


def info(session: Session, _options: Values, names: list[str]) -> int:
    """Details of groups; values that a group inherits are marked."""
    groups = read(session, names, _FIELDS)
    session.out(*(tree.format_tree([_section(group) for group in groups]) or [""]))
    tell_unknown(session, names, groups)
    return 0


def read(session: Session, names: Sequence[str], fields: Sequence[str]) -> list[Group]:
    """Fields of the named groups, or of all when there are no names."""
    rows = session.call("QueryGroups", [list(names), list(fields), False])
    return [dict(zip(fields, row, strict=True)) for row in rows]


def tell_unknown(session: Session, names: Sequence[str], groups: Sequence[Group]) -> None:
    """Say which names no group had; C{groups} were read with name and uuid."""
    for name in names:
        if not any(name in (group["name"], group["uuid"]) for group in groups):
            session.err(f"Node group '{name}' is not known")


def _section(group: Group) -> tree.Section:
    return [
        ("Node group", group["name"]),
        ("Node parameters", tree.with_defaults(group["custom_ndparams"], group["ndparams"])),
        ("Disk parameters", _diskparams(group)),
        ("Instance policy", _policy(group["custom_ipolicy"], group["ipolicy"])),
    ]


def _diskparams(group: Group) -> tree.Section:
    own = group["custom_diskparams"]
    return [
        (template, tree.with_defaults(own.get(template), actual) if actual else "default ({})")
        for template, actual in sorted(group["diskparams"].items())
    ]


def _policy(own: Group, actual: Group) -> tree.Section:
    """Bounds and ratios come in the order of the answer."""
    bounds = [
        [(f"{bound}/{i}", _specs(specs, own="minmax" in own)) for bound, specs in pair.items()]
        for i, pair in enumerate(actual["minmax"])
    ]
    templates = ", ".join(actual["disk-templates"])
    ratios = [(key, _value(own, key, value)) for key, value in actual.items() if key in _RATIOS]
    return [
        ("bounds specs", bounds),
        ("allowed disk templates", _value(own, "disk-templates", templates)),
        *ratios,
    ]


def _specs(specs: Group, *, own: bool) -> tree.Section:
    return tree.with_defaults(specs if own else None, specs)


def _value(own: Group, key: str, actual: Any) -> Any:
    ((_, shown),) = tree.with_defaults({key: actual} if key in own else None, {key: actual})
    return shown
