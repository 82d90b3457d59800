"""The configuration of a cluster: an immutable value with its indexes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import immutables

from ganeti import version
from ganeti.errors import ConfigurationError, ErrorCode, OpPrereqError
from ganeti.model import indexes as ix
from ganeti.model.cluster import Cluster
from ganeti.model.disk import Disk, disk_nodes
from ganeti.model.filter import FilterRule
from ganeti.model.group import NodeGroup
from ganeti.model.indexes import Indexes
from ganeti.model.instance import Instance
from ganeti.model.levels import ParameterLevels
from ganeti.model.network import Network
from ganeti.model.node import Node
from ganeti.model.templates import DiskTemplate
from ganeti.utils.text import match_name, nice_sort_key

_EMPTY: immutables.Map[Any, Any] = immutables.Map()
_NO_INDEXES = Indexes()

ObjectT = TypeVar("ObjectT", NodeGroup, Node, Instance, Disk, Network, FilterRule)


@dataclass(frozen=True, slots=True)
class Configuration(ParameterLevels):
    """
    What the cluster is, keyed by uuid.

    Made by L{build}, changed by C{with_*} and C{without_*} only (each a few
    microseconds whatever the cluster's size), which keep the indexes and return a
    new value. They do not check references between objects, so that the changes of
    a delta may come in any order: L{ganeti.model.delta.apply} checks at its end.
    """

    cluster_record: Cluster | None = None
    groups: immutables.Map[str, NodeGroup] = _EMPTY
    nodes: immutables.Map[str, Node] = _EMPTY
    instances: immutables.Map[str, Instance] = _EMPTY
    disks: immutables.Map[str, Disk] = _EMPTY
    networks: immutables.Map[str, Network] = _EMPTY
    filters: immutables.Map[str, FilterRule] = _EMPTY
    indexes: Indexes = _NO_INDEXES
    serial_no: int = 0
    version: int = version.CONFIG_VERSION
    ctime: float = 0.0
    mtime: float = 0.0

    # -- making and changing

    @classmethod
    def build(
        cls,
        *,
        cluster: Cluster | None,
        groups: Iterable[NodeGroup] = (),
        nodes: Iterable[Node] = (),
        instances: Iterable[Instance] = (),
        disks: Iterable[Disk] = (),
        networks: Iterable[Network] = (),
        filters: Iterable[FilterRule] = (),
        serial_no: int = 1,
        ctime: float = 0.0,
        mtime: float = 0.0,
    ) -> Configuration:
        """
        A configuration of given objects.

        @raise ConfigurationError: two objects share a uuid or name, or a disk has two owners.
        """
        by_group, by_node, by_network = _by_uuid(groups), _by_uuid(nodes), _by_uuid(networks)
        by_instance, by_disk = _by_uuid(instances), _by_uuid(disks)
        return cls(
            cluster_record=cluster,
            groups=immutables.Map(by_group),
            nodes=immutables.Map(by_node),
            instances=immutables.Map(by_instance),
            disks=immutables.Map(by_disk),
            networks=immutables.Map(by_network),
            filters=immutables.Map(_by_uuid(filters)),
            indexes=ix.build_indexes(
                groups=by_group.values(),
                nodes=by_node.values(),
                instances=by_instance.values(),
                disks=by_disk.values(),
                networks=by_network.values(),
            ),
            serial_no=serial_no,
            ctime=ctime,
            mtime=mtime,
        )

    def with_cluster(self, cluster: Cluster) -> Configuration:
        """With another cluster record."""
        return replace(self, cluster_record=cluster)

    def with_group(self, new: NodeGroup) -> Configuration:
        """With C{new} added or in place of the one of its uuid."""
        changed = ix.group_changed(self.indexes, self.groups.get(new.uuid), new)
        return replace(self, groups=self.groups.set(new.uuid, new), indexes=changed)

    def with_node(self, new: Node) -> Configuration:
        """With C{new} added or in place of the one of its uuid."""
        changed = ix.node_changed(self.indexes, self.nodes.get(new.uuid), new)
        return replace(self, nodes=self.nodes.set(new.uuid, new), indexes=changed)

    def with_instance(self, new: Instance) -> Configuration:
        """With C{new} added or in place of the one of its uuid."""
        changed = ix.instance_changed(self.indexes, self.instances.get(new.uuid), new)
        return replace(self, instances=self.instances.set(new.uuid, new), indexes=changed)

    def with_disk(self, new: Disk) -> Configuration:
        """With C{new} added or in place of the one of its uuid."""
        changed = ix.disk_changed(self.indexes, self.disks.get(new.uuid), new)
        return replace(self, disks=self.disks.set(new.uuid, new), indexes=changed)

    def with_network(self, new: Network) -> Configuration:
        """With C{new} added or in place of the one of its uuid."""
        changed = ix.network_changed(self.indexes, self.networks.get(new.uuid), new)
        return replace(self, networks=self.networks.set(new.uuid, new), indexes=changed)

    def with_filter(self, new: FilterRule) -> Configuration:
        """With C{new} added or in place of the one of its uuid."""
        return replace(self, filters=self.filters.set(new.uuid, new))

    def without_group(self, uuid: str) -> Configuration:
        """Without that group."""
        old = _present("group", self.groups, uuid)
        changed = ix.group_changed(self.indexes, old, None)
        return replace(self, groups=self.groups.delete(uuid), indexes=changed)

    def without_node(self, uuid: str) -> Configuration:
        """Without that node."""
        old = _present("node", self.nodes, uuid)
        changed = ix.node_changed(self.indexes, old, None)
        return replace(self, nodes=self.nodes.delete(uuid), indexes=changed)

    def without_instance(self, uuid: str) -> Configuration:
        """Without that instance; its disks stay, owned by none."""
        old = _present("instance", self.instances, uuid)
        changed = ix.instance_changed(self.indexes, old, None)
        return replace(self, instances=self.instances.delete(uuid), indexes=changed)

    def without_disk(self, uuid: str) -> Configuration:
        """Without that disk."""
        old = _present("disk", self.disks, uuid)
        changed = ix.disk_changed(self.indexes, old, None)
        return replace(self, disks=self.disks.delete(uuid), indexes=changed)

    def without_network(self, uuid: str) -> Configuration:
        """Without that network."""
        old = _present("network", self.networks, uuid)
        changed = ix.network_changed(self.indexes, old, None)
        return replace(self, networks=self.networks.delete(uuid), indexes=changed)

    def without_filter(self, uuid: str) -> Configuration:
        """Without that filter rule."""
        _present("filter", self.filters, uuid)
        return replace(self, filters=self.filters.delete(uuid))

    # -- finding

    @property
    def cluster(self) -> Cluster:
        """
        The cluster's record.

        @raise ConfigurationError: the cluster is not initialised.
        """
        if self.cluster_record is None:
            raise ConfigurationError("The cluster is not initialised: there is no cluster record")
        return self.cluster_record

    @property
    def master(self) -> Node:
        """The master node."""
        return _present("node", self.nodes, self.cluster.master_node)

    @property
    def node_by_name(self) -> ix.Names:
        """Node uuid by name."""
        return self.indexes.node_by_name

    @property
    def group_by_name(self) -> ix.Names:
        """Group uuid by name."""
        return self.indexes.group_by_name

    @property
    def instance_by_name(self) -> ix.Names:
        """Instance uuid by name."""
        return self.indexes.instance_by_name

    @property
    def network_by_name(self) -> ix.Names:
        """Network uuid by name."""
        return self.indexes.network_by_name

    def lookup_node(self, given: str) -> Node | None:
        """The node with this name, unique short name or uuid."""
        uuid = _lookup(given, self.nodes, self.node_by_name)
        return None if uuid is None else self.nodes[uuid]

    def lookup_instance(self, given: str) -> Instance | None:
        """The instance with this name, unique short name or uuid."""
        uuid = _lookup(given, self.instances, self.instance_by_name)
        return None if uuid is None else self.instances[uuid]

    def lookup_group(self, given: str) -> NodeGroup | None:
        """The group with this name or uuid."""
        return self.groups.get(self.group_by_name.get(given, given))

    def lookup_network(self, given: str) -> Network | None:
        """The network with this name or uuid."""
        return self.networks.get(self.network_by_name.get(given, given))

    def find_node(self, given: str) -> Node:
        """
        As L{lookup_node}.

        @raise OpPrereqError: there is none.
        """
        return _known(self.lookup_node(given), f"Node '{given}' not known")

    def find_instance(self, given: str) -> Instance:
        """
        As L{lookup_instance}.

        @raise OpPrereqError: there is none.
        """
        return _known(self.lookup_instance(given), f"Instance '{given}' not known")

    def find_group(self, given: str) -> NodeGroup:
        """
        As L{lookup_group}.

        @raise OpPrereqError: there is none.
        """
        return _known(self.lookup_group(given), f"Node group '{given}' not found")

    def find_network(self, given: str) -> Network:
        """
        As L{lookup_network}.

        @raise OpPrereqError: there is none.
        """
        return _known(self.lookup_network(given), f"Network '{given}' not found")

    def instance_disks(self, instance: Instance) -> list[Disk]:
        """
        The disks of an instance, in its order.

        @raise ConfigurationError: one is missing.
        """
        return [_present("disk", self.disks, uuid) for uuid in instance.disks]

    def disk_template(self, instance: Instance) -> str:
        """The template of the disks: C{diskless} without, C{mixed} when they differ."""
        kinds = {disk.dev_type for disk in self.instance_disks(instance)}
        if not kinds:
            return DiskTemplate.DISKLESS
        return kinds.pop() if len(kinds) == 1 else "mixed"

    def instance_nodes(self, instance: Instance) -> list[str]:
        """Uuids of the primary node and then of the others that hold its disks."""
        found = {instance.primary_node: None}
        for disk in self.instance_disks(instance):
            found.update(dict.fromkeys(disk_nodes(disk)))
        return list(found)

    def secondary_nodes(self, instance: Instance) -> list[str]:
        """Uuids of the nodes that hold its disks beside the primary one."""
        return self.instance_nodes(instance)[1:]

    def primary_instances(self, node_uuid: str) -> frozenset[str]:
        """Uuids of the instances whose primary node this is."""
        return frozenset(self.indexes.primary_on.get(node_uuid, ()))

    def secondary_instances(self, node_uuid: str) -> frozenset[str]:
        """Uuids of the other instances that have disks on this node."""
        owners = self.indexes.disk_owner
        disks = self.indexes.disks_on.get(node_uuid, ())
        return frozenset(owners[disk] for disk in disks if disk in owners) - self.primary_instances(
            node_uuid
        )

    def instances_on(self, node_uuid: str) -> frozenset[str]:
        """Uuids of all instances that need this node."""
        return self.primary_instances(node_uuid) | self.secondary_instances(node_uuid)

    def node_instances(self, node_uuid: str) -> list[Instance]:
        """The instances whose primary node this is, in natural order of their names."""
        found = [self.instances[uuid] for uuid in self.primary_instances(node_uuid)]
        return sorted(found, key=lambda instance: nice_sort_key(instance.name))

    def group_nodes(self, group_uuid: str) -> list[Node]:
        """The nodes of a group, in natural order of their names."""
        found = [self.nodes[uuid] for uuid in self.indexes.group_members.get(group_uuid, ())]
        return sorted(found, key=lambda node: nice_sort_key(node.name))

    def disk_owner(self, disk_uuid: str) -> str | None:
        """Uuid of the instance the disk is attached to."""
        return self.indexes.disk_owner.get(disk_uuid)


def _by_uuid(objects: Iterable[ObjectT]) -> dict[str, ObjectT]:
    found: dict[str, ObjectT] = {}
    for obj in objects:
        if obj.uuid in found:
            raise ConfigurationError(f"Two objects have the uuid {obj.uuid}")
        found[obj.uuid] = obj
    return found


def _present(kind: str, objects: Mapping[str, ObjectT], uuid: str) -> ObjectT:
    try:
        return objects[uuid]
    except KeyError:
        raise ConfigurationError(f"There is no {kind} with uuid {uuid}") from None


def _known(found: ObjectT | None, otherwise: str) -> ObjectT:
    if found is None:
        raise OpPrereqError(otherwise, ErrorCode.NOT_FOUND)
    return found


def _lookup(given: str, objects: Mapping[str, Any], by_name: ix.Names) -> str | None:
    if given in by_name:
        return by_name[given]
    if given in objects:
        return given
    name = match_name(by_name, given)
    return None if name is None else by_name[name]
