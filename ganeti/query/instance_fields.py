"""Fields of instances."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ganeti.model import codec
from ganeti.model.disk import Disk
from ganeti.model.group import NodeGroup
from ganeti.model.hypervisors import ALL_HVPARAM_NAMES, CLUSTER_ONLY, HVPARAMS, HypervisorName
from ganeti.model.instance import AdminState, Instance
from ganeti.model.node import Node
from ganeti.model.parameters import BeParams
from ganeti.model.templates import disk_room
from ganeti.query.common_fields import (
    KIND_OF_TYPE,
    identity_fields,
    instance_hvparams,
    ordered,
    stamp_fields,
)
from ganeti.query.console import ConsoleHost, console_of
from ganeti.query.fields import (
    NODATA,
    OFFLINE,
    UNAVAILABLE,
    Field,
    Kind,
    Matching,
    Need,
    Resource,
    table,
    unavailable_if_none,
)
from ganeti.query.instance_status import Whereabouts, find_instance, instance_status
from ganeti.query.nic_fields import NicRow, nic_fields
from ganeti.query.once import once
from ganeti.query.view import View
from ganeti.utils.text import nice_sort_key

MAX_DISKS = 16

_BEPARAM_ORDER = ("minmem", "maxmem", "vcpus", "auto_balance", "always_failover", "spindle_use")

_HV_TITLES = {
    "acpi": "ACPI",
    "boot_order": "Boot_order",
    "cdrom_image_path": "CDROM_image_path",
    "cpu_type": "cpu_type",
    "disk_type": "Disk_type",
    "initrd_path": "Initrd_path",
    "kernel_path": "Kernel_path",
    "nic_type": "NIC_type",
    "pae": "PAE",
    "pci_pass": "pci_pass",
    "vnc_bind_address": "VNC_bind_address",
}


class InstanceRow:
    """An instance with what its fields need, made when needed."""

    def __init__(self, instance: Instance, view: View) -> None:
        self.instance = instance
        self.view = view

    @once
    def found(self) -> Whereabouts:
        """Where it runs."""
        return find_instance(self.instance, self.view)

    @property
    def status(self) -> str:
        """The status word."""
        allowed = self.view.config.cluster.enabled_user_shutdown
        return instance_status(self.instance, self.found, allowed)

    @once
    def disks(self) -> list[Disk]:
        """Its disks, in order."""
        return self.view.config.instance_disks(self.instance)

    @once
    def nics(self) -> list[NicRow]:
        """Its interfaces, with parameters filled."""
        return [NicRow(nic, self.view.config) for nic in self.instance.nics]

    @once
    def beparams(self) -> BeParams:
        """Backend parameters, filled."""
        return self.view.config.filled_beparams(self.instance)

    @once
    def hvparams(self) -> dict[str, Any]:
        """Hypervisor parameters, filled."""
        return instance_hvparams(self.view.config, self.instance)

    @property
    def primary(self) -> Node:
        """Its primary node."""
        return self.view.config.nodes[self.instance.primary_node]

    @once
    def secondaries(self) -> list[Node]:
        """Its other nodes."""
        config = self.view.config
        return [config.nodes[uuid] for uuid in config.secondary_nodes(self.instance)]

    def group_of(self, node: Node) -> NodeGroup:
        """A node's group."""
        return self.view.config.groups[node.group]


Row = InstanceRow


def _oper_state(row: Row) -> Any:
    return row.found.runs if row.found.missing is None else NODATA


def _runtime(name: str) -> Callable[[Row], Any]:
    def get(row: Row) -> Any:
        found = row.found
        if found.missing is not None:
            return OFFLINE if found.missing is OFFLINE else NODATA
        return getattr(found.runtime, name) if found.runs else UNAVAILABLE

    return get


def _console(row: Row) -> Any:
    """Nothing of a node that does not answer; one that is offline is known not to."""
    if row.found.missing is NODATA:
        return NODATA
    ndparams = row.view.config.filled_ndparams(row.primary)
    return console_of(row.instance, row.hvparams, ConsoleHost(row.primary.name, ndparams.ssh_port))


def _live_fields() -> list[Field]:
    live = Need.INSTANCES
    return [
        Field("status", "Status", Kind.TEXT, "How it is, compared with how it should be",
              lambda row: row.status, live),
        Field("oper_state", "Running", Kind.BOOL, "Whether it runs", _oper_state, live),
        Field("oper_ram", "Memory", Kind.UNIT, "Memory it uses now", _runtime("memory_mib"), live),
        Field("oper_vcpus", "VCPUs", Kind.NUMBER, "Virtual CPUs it has now",
              _runtime("vcpus"), live),
    ]  # fmt: skip


def _plain(name: str, title: str, doc: str, kind: Kind = Kind.TEXT) -> Field:
    return Field(name, title, kind, doc, lambda row: getattr(row.instance, name))


def _own_fields() -> list[Field]:
    return [
        Field("name", "Instance", Kind.TEXT, "Name of the instance", lambda row: row.instance.name,
              matching=Matching.HOSTNAME),
        _plain("admin_state", "InstanceState", "What the admin wants: up, down or offline"),
        _plain("admin_state_source", "InstanceStateSource", "Who asked for that: admin or user"),
        Field("admin_up", "Autostart", Kind.BOOL, "Whether the admin wants it up",
              lambda row: row.instance.admin_state is AdminState.UP),
        _plain("disks_active", "DisksActive", "Whether its disks are assembled", Kind.BOOL),
        _plain("forthcoming", "Forthcoming", "Whether it is only a reservation", Kind.BOOL),
        _plain("hypervisor", "Hypervisor", "Hypervisor it runs under"),
        _plain("os", "OS", "Operating system definition, with its variant"),
        Field("network_port", "Network_port", Kind.OTHER, "TCP port of its graphical console",
              lambda row: unavailable_if_none(row.instance.network_port)),
        Field("console", "Console", Kind.OTHER, "How to reach its console", _console,
              Need.INSTANCES),
        *stamp_fields(lambda row: row.instance, "instance"),
        *identity_fields(lambda row: row.instance, "instance"),
    ]  # fmt: skip


def _node_fields() -> list[Field]:
    return [
        Field("pnode", "Primary_node", Kind.TEXT, "Node it runs on", lambda row: row.primary.name,
              matching=Matching.HOSTNAME),
        Field("pnode.group", "PrimaryNodeGroup", Kind.TEXT, "Group of the primary node",
              lambda row: row.group_of(row.primary).name),
        Field("pnode.group.uuid", "PrimaryNodeGroupUUID", Kind.TEXT,
              "Uuid of the primary node's group", lambda row: row.primary.group),
        Field("snodes", "Secondary_Nodes", Kind.OTHER, "Nodes that hold copies of its disks",
              lambda row: [node.name for node in row.secondaries]),
        Field("snodes.group", "SecondaryNodesGroups", Kind.OTHER, "Groups of the secondary nodes",
              lambda row: [row.group_of(node).name for node in row.secondaries]),
        Field("snodes.group.uuid", "SecondaryNodesGroupsUUID", Kind.OTHER,
              "Uuids of the secondary nodes' groups",
              lambda row: [node.group for node in row.secondaries]),
    ]  # fmt: skip


def _disk_usage(row: Row) -> int:
    return sum(disk_room(disk.dev_type, disk.size) for disk in row.disks)


def _of_disk(place: int, name: str) -> Callable[[Row], Any]:
    def get(row: Row) -> Any:
        if place >= len(row.disks):
            return UNAVAILABLE
        return unavailable_if_none(getattr(row.disks[place], name))

    return get


def _of_disks(name: str) -> Callable[[Row], Any]:
    return lambda row: [getattr(disk, name) for disk in row.disks]


def _indexed_disk_fields() -> Iterator[Field]:
    for place in range(MAX_DISKS):
        yield Field(
            f"disk.size/{place}",
            f"Disk/{place}",
            Kind.UNIT,
            f"Size of disk {place}",
            _of_disk(place, "size"),
        )
        yield Field(
            f"disk.name/{place}",
            f"DiskName/{place}",
            Kind.TEXT,
            f"Name of disk {place}",
            _of_disk(place, "name"),
        )
        yield Field(
            f"disk.uuid/{place}",
            f"DiskUUID/{place}",
            Kind.TEXT,
            f"Uuid of disk {place}",
            _of_disk(place, "uuid"),
        )
        yield Field(f"disk.spindles/{place}", f"DiskSpindles/{place}", Kind.NUMBER,
                    f"Spindles of disk {place}", _of_disk(place, "spindles"))  # fmt: skip


def _disk_fields() -> list[Field]:
    return [
        Field("disk.count", "Disks", Kind.NUMBER, "How many disks it has",
              lambda row: len(row.instance.disks)),
        Field("disk.sizes", "Disk_sizes", Kind.OTHER, "Sizes of its disks in MiB",
              _of_disks("size")),
        Field("disk.names", "Disk_names", Kind.OTHER, "Names of its disks", _of_disks("name")),
        Field("disk.uuids", "Disk_UUIDs", Kind.OTHER, "Uuids of its disks",
              lambda row: list(row.instance.disks)),
        Field("disk.spindles", "Disk_spindles", Kind.OTHER, "Spindles of its disks",
              _of_disks("spindles")),
        Field("disk_template", "Disk_template", Kind.TEXT, "How its disks are stored",
              lambda row: row.view.config.disk_template(row.instance)),
        Field("disk_usage", "DiskUsage", Kind.UNIT, "Room its disks take on each node",
              _disk_usage),
        Field("sda_size", "Disk/0", Kind.UNIT, "The same as disk.size/0", _of_disk(0, "size")),
        Field("sdb_size", "Disk/1", Kind.UNIT, "The same as disk.size/1", _of_disk(1, "size")),
        *_indexed_disk_fields(),
    ]  # fmt: skip


def _be_field(name: str, title: str, kind: Kind, doc: str, param: str | None = None) -> Field:
    own = param or name.removeprefix("be/")
    return Field(name, title, kind, doc, lambda row: getattr(row.beparams, own))


def _beparam_fields() -> list[Field]:
    return [
        _be_field("be/always_failover", "be/always_failover", Kind.BOOL, "Never migrate it"),
        _be_field("be/auto_balance", "Auto_balance",
                  Kind.BOOL, "Keep memory free for failing it over"),
        _be_field("be/maxmem", "ConfigMaxMem", Kind.UNIT, "Most memory it may have"),
        _be_field("be/memory", "ConfigMaxMem", Kind.UNIT, "The same as be/maxmem", "maxmem"),
        _be_field("be/minmem", "ConfigMinMem", Kind.UNIT, "Least memory it may have"),
        _be_field("be/spindle_use", "be/spindle_use", Kind.NUMBER, "Spindles it counts for"),
        _be_field("be/vcpus", "ConfigVCPUs", Kind.NUMBER, "Virtual CPUs it is to have"),
        _be_field("vcpus", "ConfigVCPUs", Kind.NUMBER, "The same as be/vcpus"),
        Field("beparams", "BackendParameters", Kind.OTHER, "Backend parameters, filled",
              lambda row: ordered(row.beparams, _BEPARAM_ORDER)),
        Field("custom_beparams", "CustomBackendParameters", Kind.OTHER,
              "Backend parameters it sets itself",
              lambda row: ordered(row.instance.beparams, _BEPARAM_ORDER)),
    ]  # fmt: skip


def _hv_kind(name: str) -> Kind:
    spec = next(HVPARAMS[one][name] for one in HypervisorName if name in HVPARAMS[one])
    return KIND_OF_TYPE[spec.type]


def _hv_field(name: str) -> Field:
    return Field(
        f"hv/{name}",
        _HV_TITLES.get(name, f"hv/{name}"),
        _hv_kind(name),
        f"Hypervisor parameter {name}, filled",
        lambda row: row.hvparams.get(name, UNAVAILABLE),
    )


def _parameter_fields() -> list[Field]:
    return [
        *(_hv_field(name) for name in ALL_HVPARAM_NAMES if name not in CLUSTER_ONLY),
        Field("hvparams", "HypervisorParameters", Kind.OTHER, "Hypervisor parameters, filled",
              lambda row: row.hvparams),
        Field("custom_hvparams", "CustomHypervisorParameters", Kind.OTHER,
              "Hypervisor parameters it sets itself", lambda row: row.instance.hvparams),
        Field("osparams", "OpSysParameters", Kind.OTHER, "OS parameters, filled; no private ones",
              lambda row: row.view.config.filled_osparams(row.instance)),
        Field("custom_osparams", "CustomOpSysParameters", Kind.OTHER,
              "OS parameters it sets itself; no private ones", lambda row: row.instance.osparams),
        Field("custom_nicparams", "CustomNicParameters", Kind.OTHER,
              "NIC parameters its interfaces set themselves",
              lambda row: [codec.to_builtins(nic.nicparams) for nic in row.instance.nics]),
    ]  # fmt: skip


def _all(view: View) -> Iterable[Instance]:
    return sorted(view.config.instances.values(), key=lambda one: nice_sort_key(one.name))


INSTANCE = Resource(
    name="instance",
    label="Instance",
    fields=table(
        _own_fields(),
        _live_fields(),
        _node_fields(),
        _disk_fields(),
        nic_fields(),
        _beparam_fields(),
        _parameter_fields(),
    ),
    objects=_all,
    row=InstanceRow,
    find=lambda view, given: view.config.lookup_instance(given),
    nodes=lambda instance, view: view.config.instance_nodes(instance),
)
