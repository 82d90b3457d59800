"""gnt-node list, list-fields, info, remove."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ganeti.cli import jobs, listing, tree
from ganeti.cli.names import build_filter

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session

_DEFAULT_FIELDS = ("name", "dtotal", "dfree", "mtotal", "mnode", "mfree", "pinst_cnt", "sinst_cnt")
_INFO_FIELDS = (
    "name",
    "pip",
    "sip",
    "master_candidate",
    "drained",
    "offline",
    "master_capable",
    "vm_capable",
    "powered",
    "pinst_list",
    "sinst_list",
    "custom_ndparams",
    "ndparams",
    "uuid",
)


def list_nodes(session: Session, options: Values, names: list[str]) -> int:
    """A table of nodes."""
    qfilter = build_filter(names, force_filter=options.force_filter)
    fields = listing.chosen_fields(options.output, _DEFAULT_FIELDS)
    return listing.print_query(session, options, "node", fields, qfilter)


def list_fields(session: Session, options: Values, names: list[str]) -> int:
    """The fields that a table of nodes may have."""
    return listing.print_fields(session, options, "node", names)


def info(session: Session, _options: Values, names: list[str]) -> int:
    """Details of nodes."""
    rows = session.call("QueryNodes", [names, list(_INFO_FIELDS), False])
    details = [_node_section(dict(zip(_INFO_FIELDS, row, strict=True))) for row in rows]
    session.out(*(tree.format_tree(details) or [""]))
    for name in names:
        if not any(_names_node(name, row[0]) or name == row[-1] for row in rows):
            session.err(f"Node '{name}' is not known")
    return 0


def _names_node(given: str, name: str) -> bool:
    return name == given or name.startswith(given + ".")


def _node_section(node: dict[str, Any]) -> tree.Section:
    section: tree.Section = [
        ("Node name", node["name"]),
        ("primary ip", node["pip"]),
        ("secondary ip", node["sip"]),
        ("master candidate", node["master_candidate"]),
        ("drained", node["drained"]),
        ("offline", node["offline"]),
    ]
    if node["powered"] is not None:
        section.append(("powered", node["powered"]))
    return [
        *section,
        ("master_capable", node["master_capable"]),
        ("vm_capable", node["vm_capable"]),
        ("primary for instances", _sorted(node["pinst_list"])),
        ("secondary for instances", _sorted(node["sinst_list"])),
        ("node parameters", tree.with_defaults(node["custom_ndparams"], node["ndparams"])),
    ]


def _sorted(names: Sequence[str] | None) -> list[str]:
    from ganeti.utils.text import nice_sort_key

    return sorted(names or (), key=nice_sort_key)


def remove(session: Session, options: Values, names: list[str]) -> int:
    """Take a node out of the cluster."""
    from ganeti.opcodes.node import OpNodeRemove

    op = OpNodeRemove(node_name=names[0], **jobs.common_fields(session, options))
    jobs.run(session, op, options)
    return 0
