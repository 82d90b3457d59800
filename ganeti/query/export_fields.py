"""Fields of exports of instances."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ganeti.errors import GanetiError
from ganeti.model.node import Node
from ganeti.query.fields import NODATA, OFFLINE, Field, Kind, Matching, Need, Resource, table
from ganeti.query.view import View
from ganeti.utils.text import nice_sort_key


@dataclass(frozen=True, slots=True)
class ExportRow:
    """An export on a node; or why the node does not name any."""

    node: Node
    export: Any


def _all(view: View) -> Iterator[ExportRow]:
    """Nodes that were not asked have no row."""
    for node in sorted(view.config.nodes.values(), key=lambda node: nice_sort_key(node.name)):
        answer = view.live.exports.get(node.uuid, ())
        if isinstance(answer, GanetiError):
            yield ExportRow(node, OFFLINE if node.offline else NODATA)
        else:
            yield from (ExportRow(node, name) for name in answer)


def _row(row: ExportRow, view: View) -> ExportRow:
    return row


FIELDS = [
    Field("node", "Node", Kind.TEXT, "Node that holds the export", lambda row: row.node.name,
          matching=Matching.HOSTNAME),
    Field("export", "Export", Kind.TEXT, "Name of the export",
          lambda row: row.export, Need.EXPORTS),
]  # fmt: skip

EXPORT = Resource(
    name="export",
    label="Node",
    key="node",
    fields=table(FIELDS),
    objects=_all,
    row=_row,
    asks=Need.EXPORTS,
)
