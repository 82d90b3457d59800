"""Fields of nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ganeti.errors import GanetiError
from ganeti.model.group import NodeGroup
from ganeti.model.live import NodeResources, StorageSpace
from ganeti.model.node import Node
from ganeti.model.parameters import NdParams
from ganeti.model.roles import role_of
from ganeti.model.templates import StorageType
from ganeti.query.common_fields import (
    NDPARAM_ORDER,
    identity_fields,
    ndparam_fields,
    ordered,
    stamp_fields,
)
from ganeti.query.fields import (
    NODATA,
    OFFLINE,
    UNAVAILABLE,
    Field,
    Kind,
    Matching,
    Missing,
    Need,
    Resource,
    table,
)
from ganeti.query.once import once
from ganeti.query.view import View
from ganeti.utils.text import nice_sort_key


class NodeRow:
    """A node with what its fields need, made when needed."""

    def __init__(self, node: Node, view: View) -> None:
        self.node = node
        self.view = view

    @property
    def group(self) -> NodeGroup:
        """Its group."""
        return self.view.config.groups[self.node.group]

    @once
    def ndparams(self) -> NdParams:
        """Node parameters, filled."""
        return self.view.config.filled_ndparams(self.node)

    @once
    def resources(self) -> NodeResources | Missing:
        """What the node said."""
        if self.node.offline:
            return OFFLINE
        if not self.node.vm_capable:
            return UNAVAILABLE
        answer = self.view.live.resources.get(self.node.uuid)
        return NODATA if answer is None or isinstance(answer, GanetiError) else answer

    def instance_names(self, uuids: Iterable[str]) -> list[str]:
        """Names in natural order."""
        instances = self.view.config.instances
        return sorted((instances[uuid].name for uuid in uuids), key=nice_sort_key)


Row = NodeRow


def _own(name: str, title: str, doc: str, kind: Kind = Kind.BOOL, attribute: str = "") -> Field:
    return Field(name, title, kind, doc, lambda row: getattr(row.node, attribute or name))


def _powered(row: Row) -> Any:
    return row.node.powered if row.ndparams.oob_program else UNAVAILABLE


def _own_fields() -> list[Field]:
    return [
        Field("name", "Node", Kind.TEXT, "Name of the node", lambda row: row.node.name,
              matching=Matching.HOSTNAME),
        _own("pip", "PrimaryIP", "Address it is reached at", Kind.TEXT, "primary_ip"),
        _own("sip", "SecondaryIP", "Address for disk replication", Kind.TEXT, "secondary_ip"),
        _own("drained", "Drained", "Takes no new instances"),
        _own("offline", "Offline", "Is not to be asked anything"),
        _own("master_candidate", "MasterC", "Holds a copy of the configuration"),
        _own("master_capable", "MasterCapable", "May become a master candidate"),
        _own("vm_capable", "VMCapable", "May run instances"),
        Field("hv_state", "HypervisorState", Kind.OTHER, "Hypervisor state as set by the admin",
              lambda row: row.node.hv_state_static or UNAVAILABLE),
        Field("disk_state", "DiskState", Kind.OTHER, "Disk state as set by the admin",
              lambda row: row.node.disk_state_static or UNAVAILABLE),
        Field("master", "IsMaster", Kind.BOOL, "Is the master",
              lambda row: row.node.uuid == row.view.config.cluster.master_node),
        Field("role", "Role", Kind.TEXT,
              "Role: M master, C candidate, R regular, D drained, O offline",
              lambda row: role_of(row.node, row.view.config.cluster).value),
        Field("powered", "Powered",
              Kind.BOOL, "Is switched on, as far as out-of-band control knows",
              _powered),
        *stamp_fields(lambda row: row.node, "node"),
        *identity_fields(lambda row: row.node, "node"),
    ]  # fmt: skip


def _group_fields() -> list[Field]:
    return [
        Field("group", "Group", Kind.TEXT, "Its node group", lambda row: row.group.name),
        _own("group.uuid", "GroupUUID", "Uuid of its node group", Kind.TEXT, "group"),
        Field("ndparams", "NodeParameters", Kind.OTHER, "Node parameters, filled",
              lambda row: ordered(row.ndparams, NDPARAM_ORDER)),
        Field("custom_ndparams", "CustomNodeParameters", Kind.OTHER,
              "Node parameters it sets itself",
              lambda row: ordered(row.node.ndparams, NDPARAM_ORDER)),
        *ndparam_fields(lambda row: row.ndparams),
    ]  # fmt: skip


def _primaries(row: Row) -> frozenset[str]:
    return row.view.config.primary_instances(row.node.uuid)


def _secondaries(row: Row) -> frozenset[str]:
    return row.view.config.secondary_instances(row.node.uuid)


def _instance_fields() -> list[Field]:
    return [
        Field("pinst_cnt", "Pinst", Kind.NUMBER, "How many instances it is the primary node of",
              lambda row: len(_primaries(row))),
        Field("pinst_list", "PriInstances", Kind.OTHER, "Instances it is the primary node of",
              lambda row: row.instance_names(_primaries(row))),
        Field("sinst_cnt", "Sinst", Kind.NUMBER, "How many instances it is a secondary node of",
              lambda row: len(_secondaries(row))),
        Field("sinst_list", "SecInstances", Kind.OTHER, "Instances it is a secondary node of",
              lambda row: row.instance_names(_secondaries(row))),
    ]  # fmt: skip


def _live(
    name: str, title: str, kind: Kind, doc: str, get: Callable[[NodeResources], Any]
) -> Field:
    def value(row: Row) -> Any:
        found = row.resources
        told = found if isinstance(found, Missing) else get(found)
        return NODATA if told is None else told

    return Field(name, title, kind, doc, value, Need.RESOURCES)


def _storage(spindles: bool, name: str) -> Callable[[NodeResources], Any]:
    """A figure of the first unit that is, or is not, of physical volumes."""

    def get(found: NodeResources) -> Any:
        units = (unit for unit in found.storage if (unit.kind == StorageType.LVM_PV) is spindles)
        unit: StorageSpace | None = next(units, None)
        return None if unit is None else getattr(unit, name)

    return get


def _live_fields() -> list[Field]:
    return [
        _live("bootid", "BootID", Kind.TEXT, "Changes at each boot", lambda r: r.bootid or None),
        _live("cnodes", "CNodes", Kind.NUMBER, "NUMA nodes", lambda r: r.cpu_nodes),
        _live("cnos", "CNOs", Kind.NUMBER, "Processors the node keeps for itself",
              lambda r: r.cpu_dom0),
        _live("csockets", "CSockets", Kind.NUMBER, "Processor sockets", lambda r: r.cpu_sockets),
        _live("ctotal", "CTotal", Kind.NUMBER, "Processors", lambda r: r.cpus),
        _live("dfree", "DFree", Kind.UNIT, "Free disk space", _storage(False, "free_mib")),
        _live("dtotal", "DTotal", Kind.UNIT, "Disk space", _storage(False, "size_mib")),
        _live("mfree", "MFree", Kind.UNIT, "Memory for instances that is free",
              lambda r: r.memory_free),
        _live("mnode", "MNode", Kind.UNIT, "Memory the node uses itself", lambda r: r.memory_dom0),
        _live("mtotal", "MTotal", Kind.UNIT, "Memory", lambda r: r.memory_total),
        _live("spfree", "SpFree", Kind.NUMBER, "Free spindles", _storage(True, "spindles_free")),
        _live("sptotal", "SpTotal", Kind.NUMBER, "Spindles", _storage(True, "spindles_total")),
    ]  # fmt: skip


NODE = Resource(
    name="node",
    label="Node",
    fields=table(_own_fields(), _group_fields(), _instance_fields(), _live_fields()),
    objects=lambda view: sorted(
        view.config.nodes.values(), key=lambda node: nice_sort_key(node.name)
    ),
    row=NodeRow,
    find=lambda view, given: view.config.lookup_node(given),
    nodes=lambda node, view: (node.uuid,),
)
