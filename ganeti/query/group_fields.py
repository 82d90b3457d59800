"""Fields of node groups."""

from __future__ import annotations

from typing import Any

from ganeti.model import codec
from ganeti.model.group import NodeGroup
from ganeti.model.node import Node
from ganeti.model.templates import DiskTemplate
from ganeti.query.common_fields import (
    NDPARAM_ORDER,
    identity_fields,
    ndparam_fields,
    ordered,
    stamp_fields,
)
from ganeti.query.fields import Field, Kind, Resource, table
from ganeti.query.view import View
from ganeti.utils.text import nice_sort_key


class GroupRow:
    """A group with what its fields need."""

    def __init__(self, group: NodeGroup, view: View) -> None:
        self.group = group
        self.view = view

    @property
    def nodes(self) -> list[Node]:
        """Its nodes, in natural order."""
        return self.view.config.group_nodes(self.group.uuid)

    @property
    def instance_names(self) -> list[str]:
        """Names of the instances whose primary node is in the group, in natural order."""
        config = self.view.config
        uuids = (uuid for node in self.nodes for uuid in config.primary_instances(node.uuid))
        return sorted((config.instances[uuid].name for uuid in uuids), key=nice_sort_key)


Row = GroupRow


def _diskparams(row: Row) -> dict[str, Any]:
    config = row.view.config
    return {one.value: config.group_diskparams(row.group, one) for one in DiskTemplate}


FIELDS = [
    Field("name", "Group", Kind.TEXT, "Name of the group", lambda row: row.group.name),
    Field("alloc_policy", "AllocPolicy", Kind.TEXT, "Whether new instances are placed in it",
          lambda row: row.group.alloc_policy),
    Field("node_cnt", "Nodes", Kind.NUMBER, "How many nodes it has", lambda row: len(row.nodes)),
    Field("node_list", "NodeList", Kind.OTHER, "Its nodes",
          lambda row: [node.name for node in row.nodes]),
    Field("pinst_cnt", "Instances", Kind.NUMBER, "How many instances run on its nodes",
          lambda row: len(row.instance_names)),
    Field("pinst_list", "InstanceList", Kind.OTHER, "Instances that run on its nodes",
          lambda row: row.instance_names),
    Field("ndparams", "NDParams", Kind.OTHER, "Node parameters, filled",
          lambda row: ordered(row.view.config.group_ndparams(row.group), NDPARAM_ORDER)),
    Field("custom_ndparams", "CustomNDParams", Kind.OTHER, "Node parameters it sets itself",
          lambda row: ordered(row.group.ndparams, NDPARAM_ORDER)),
    Field("ipolicy", "InstancePolicy", Kind.OTHER, "Instance policy, filled",
          lambda row: codec.to_builtins(row.view.config.group_policy(row.group))),
    Field("custom_ipolicy", "CustomInstancePolicy", Kind.OTHER, "What of the policy it sets itself",
          lambda row: codec.to_builtins(row.group.ipolicy)),
    Field("diskparams", "DiskParameters", Kind.OTHER, "Disk parameters, filled", _diskparams),
    Field("custom_diskparams", "CustomDiskParameters", Kind.OTHER,
          "Disk parameters it sets itself", lambda row: codec.to_builtins(row.group.diskparams)),
    *stamp_fields(lambda row: row.group, "group"),
    *identity_fields(lambda row: row.group, "group"),
    *ndparam_fields(lambda row: row.view.config.group_ndparams(row.group)),
]  # fmt: skip

GROUP = Resource(
    name="group",
    label="NodeGroup",
    fields=table(FIELDS),
    objects=lambda view: sorted(
        view.config.groups.values(), key=lambda group: nice_sort_key(group.name)
    ),
    row=GroupRow,
    find=lambda view, given: view.config.lookup_group(given),
)
