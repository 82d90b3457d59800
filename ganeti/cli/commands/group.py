"""gnt-group add, assign-nodes, list, list-fields, modify, remove, rename."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ganeti.cli import jobs, listing
from ganeti.cli.names import build_filter

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session
    from ganeti.cli.table import Formatter

_DEFAULT_FIELDS = ("name", "node_cnt", "pinst_cnt", "alloc_policy", "ndparams")


def list_groups(session: Session, options: Values, names: list[str]) -> int:
    """A table of groups."""
    qfilter = build_filter(names, force_filter=options.force_filter)
    fields = listing.chosen_fields(options.output, _DEFAULT_FIELDS)
    special: dict[str, Formatter] = {"ndparams": _named_values, "tags": str}
    return listing.print_query(session, options, "group", fields, qfilter, special)


def _named_values(values: Mapping[str, Any]) -> str:
    from ganeti.cli.table import plain

    return ", ".join(f"{name}={plain(value)}" for name, value in values.items())


def list_fields(session: Session, options: Values, names: list[str]) -> int:
    """The fields that a table of groups may have."""
    return listing.print_fields(session, options, "group", names)


def add(session: Session, options: Values, names: list[str]) -> int:
    """Make an empty group."""
    from ganeti.opcodes.group import OpGroupAdd

    common = jobs.common_fields(session, options)
    jobs.run(session, OpGroupAdd(group_name=names[0], **_settings(options), **common), options)
    return 0


def modify(session: Session, options: Values, names: list[str]) -> int:
    """Change a group's settings."""
    from ganeti.opcodes.group import OpGroupSetParams

    (name,) = names
    common = jobs.common_fields(session, options)
    op = OpGroupSetParams(group_name=name, **_settings(options), **common)
    changed = jobs.run(session, op, options)
    if changed and not options.dry_run:
        session.out(f"Modified node group {name}")
        session.out(*(f" - {setting} -> {values}" for setting, values in changed))
    return 0


def _settings(options: Values) -> dict[str, Any]:
    from ganeti.cli import node_settings, requests

    return {
        "alloc_policy": options.alloc_policy,
        "ndparams": requests.ndparams(options.ndparams),
        "diskparams": requests.diskparams(options.diskparams),
        "hv_state": node_settings.hv_state(options.hv_state),
        "disk_state": node_settings.disk_state(options.disk_state),
        "ipolicy": requests.policy(options),
    }


def remove(session: Session, options: Values, names: list[str]) -> int:
    """Remove an empty group."""
    from ganeti.opcodes.group import OpGroupRemove

    op = OpGroupRemove(group_name=names[0], **jobs.common_fields(session, options))
    jobs.run(session, op, options)
    return 0


def rename(session: Session, options: Values, names: list[str]) -> int:
    """Give a group another name."""
    from ganeti.opcodes.group import OpGroupRename

    name, new_name = names
    common = jobs.common_fields(session, options)
    jobs.run(session, OpGroupRename(group_name=name, new_name=new_name, **common), options)
    return 0


def assign_nodes(session: Session, options: Values, names: list[str]) -> int:
    """Move nodes to a group."""
    from ganeti.opcodes.group import OpGroupAssignNodes

    group, *nodes = names
    op = OpGroupAssignNodes(
        group_name=group,
        nodes=tuple(nodes),
        force=options.force,
        **jobs.common_fields(session, options),
    )
    jobs.run(session, op, options)
    return 0
