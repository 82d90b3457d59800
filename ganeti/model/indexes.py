"""
Indexes of a configuration, kept up to date change by change.

Each index depends on one kind of object only, so a change of an object needs
that object before and after, nothing else. Where a sound configuration has one
member per key (a MAC, an address, a port) but an imported one may have more,
the index keeps them all: the cross-checks report them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import immutables

from ganeti.errors import ConfigurationError
from ganeti.model.disk import Disk, disk_nodes, drbd_minors, drbd_port
from ganeti.model.group import NodeGroup
from ganeti.model.instance import Instance
from ganeti.model.network import Network
from ganeti.model.node import Node

K = TypeVar("K", bound=Hashable)

Names = immutables.Map[str, str]
"""Uuid by name."""
Members = immutables.Map[str, None]
"""A set of uuids that shares its structure with earlier versions of itself."""
MultiIndex = immutables.Map[K, Members]

Address = tuple[str, str]
"""(network uuid or C{""}, ip)."""
Minor = tuple[str, int]
"""(node uuid, DRBD minor)."""

_EMPTY: immutables.Map[Any, Any] = immutables.Map()


@dataclass(frozen=True, slots=True)
class Indexes:
    """Where to find objects; see the module's docstring."""

    group_by_name: Names = _EMPTY
    node_by_name: Names = _EMPTY
    instance_by_name: Names = _EMPTY
    network_by_name: Names = _EMPTY
    group_members: MultiIndex[str] = _EMPTY
    """Node uuids by group uuid."""
    node_ips: MultiIndex[str] = _EMPTY
    """Node uuids by primary and secondary ip."""
    primary_on: MultiIndex[str] = _EMPTY
    """Instance uuids by primary node's uuid."""
    disks_on: MultiIndex[str] = _EMPTY
    """Disk uuids by uuid of a node that holds data of it."""
    disk_owner: Names = _EMPTY
    """Instance uuid by disk uuid."""
    macs: MultiIndex[str] = _EMPTY
    """Instance uuids by MAC in lower case."""
    ips: MultiIndex[Address] = _EMPTY
    """Instance uuids by address."""
    ports: MultiIndex[int] = _EMPTY
    """Uuids of instances and disks by TCP port."""
    minors: MultiIndex[Minor] = _EMPTY
    """Disk uuids by minor."""


def group_changed(indexes: Indexes, old: NodeGroup | None, new: NodeGroup | None) -> Indexes:
    """Indexes after a group was added, replaced or removed."""
    return replace(indexes, group_by_name=_renamed("group", indexes.group_by_name, old, new))


def network_changed(indexes: Indexes, old: Network | None, new: Network | None) -> Indexes:
    """Indexes after a network was added, replaced or removed."""
    return replace(indexes, network_by_name=_renamed("network", indexes.network_by_name, old, new))


def node_changed(indexes: Indexes, old: Node | None, new: Node | None) -> Indexes:
    """Indexes after a node was added, replaced or removed."""
    uuid = _uuid(old, new)
    return replace(
        indexes,
        node_by_name=_renamed("node", indexes.node_by_name, old, new),
        group_members=_moved(indexes.group_members, uuid, _group(old), _group(new)),
        node_ips=_moved(indexes.node_ips, uuid, _node_ips(old), _node_ips(new)),
    )


def instance_changed(indexes: Indexes, old: Instance | None, new: Instance | None) -> Indexes:
    """
    Indexes after an instance was added, replaced or removed.

    @raise ConfigurationError: its name or one of its disks belongs to another instance.
    """
    if old is not None and new is not None and _same_place(old, new):
        return indexes
    uuid = _uuid(old, new)
    return replace(
        indexes,
        instance_by_name=_renamed("instance", indexes.instance_by_name, old, new),
        primary_on=_moved(indexes.primary_on, uuid, _primary(old), _primary(new)),
        disk_owner=_attached(indexes.disk_owner, uuid, old, new),
        macs=_moved(indexes.macs, uuid, instance_macs(old), instance_macs(new)),
        ips=_moved(indexes.ips, uuid, instance_ips(old), instance_ips(new)),
        ports=_moved(indexes.ports, uuid, _instance_port(old), _instance_port(new)),
    )


def _same_place(old: Instance, new: Instance) -> bool:
    """Nothing that an index depends on has changed, as with most changes of an instance."""
    return (
        old.name == new.name
        and old.primary_node == new.primary_node
        and old.disks == new.disks
        and old.nics == new.nics
        and old.network_port == new.network_port
    )


def disk_changed(indexes: Indexes, old: Disk | None, new: Disk | None) -> Indexes:
    """Indexes after a disk was added, replaced or removed."""
    uuid = _uuid(old, new)
    return replace(
        indexes,
        disks_on=_moved(indexes.disks_on, uuid, _disk_nodes(old), _disk_nodes(new)),
        ports=_moved(indexes.ports, uuid, _disk_port(old), _disk_port(new)),
        minors=_moved(indexes.minors, uuid, _disk_minors(old), _disk_minors(new)),
    )


def instance_macs(instance: Instance | None) -> frozenset[str]:
    """MACs of an instance, in lower case."""
    return frozenset(nic.mac.lower() for nic in instance.nics) if instance else frozenset()


def instance_ips(instance: Instance | None) -> frozenset[Address]:
    """Addresses of an instance's interfaces."""
    if instance is None:
        return frozenset()
    return frozenset((nic.network or "", nic.ip) for nic in instance.nics if nic.ip)


def _uuid(old: _Object | None, new: _Object | None) -> str:
    known = new or old
    assert known is not None
    return known.uuid


_Object = NodeGroup | Node | Instance | Disk | Network
_Named = NodeGroup | Node | Instance | Network


def _renamed(kind: str, names: Names, old: _Named | None, new: _Named | None) -> Names:
    old_name = old.name if old else None
    new_name = new.name if new else None
    if old_name == new_name:
        return names
    if old_name is not None:
        names = names.delete(old_name)
    if new is None or new_name is None:
        return names
    if new_name in names:
        raise ConfigurationError(f"There are two objects of kind {kind} with the name '{new_name}'")
    return names.set(new_name, new.uuid)


def _attached(owners: Names, uuid: str, old: Instance | None, new: Instance | None) -> Names:
    before = old.disks if old else ()
    after = new.disks if new else ()
    if before == after:
        return owners
    for disk_uuid in before:
        owners = owners.delete(disk_uuid)
    for disk_uuid in after:
        if disk_uuid in owners:
            raise _attached_twice(disk_uuid, owners[disk_uuid], uuid)
        owners = owners.set(disk_uuid, uuid)
    return owners


def _attached_twice(disk_uuid: str, one: str, other: str) -> ConfigurationError:
    return ConfigurationError(f"Disk {disk_uuid} is attached twice: to {one} and {other}")


def _moved(
    index: MultiIndex[K], member: str, before: frozenset[K], after: frozenset[K]
) -> MultiIndex[K]:
    if before == after:
        return index
    for key in before - after:
        index = _without(index, key, member)
    for key in after - before:
        index = index.set(key, index.get(key, _EMPTY).set(member, None))
    return index


def _without(index: MultiIndex[K], key: K, member: str) -> MultiIndex[K]:
    members = index[key].delete(member)
    return index.set(key, members) if members else index.delete(key)


def _group(node: Node | None) -> frozenset[str]:
    return frozenset((node.group,)) if node else frozenset()


def _node_ips(node: Node | None) -> frozenset[str]:
    return frozenset((node.primary_ip, node.secondary_ip)) if node else frozenset()


def _primary(instance: Instance | None) -> frozenset[str]:
    return frozenset((instance.primary_node,)) if instance else frozenset()


def _instance_port(instance: Instance | None) -> frozenset[int]:
    port = instance.network_port if instance else None
    return frozenset() if port is None else frozenset((port,))


def _disk_nodes(disk: Disk | None) -> frozenset[str]:
    return frozenset(disk_nodes(disk)) if disk else frozenset()


def _disk_port(disk: Disk | None) -> frozenset[int]:
    port = drbd_port(disk) if disk else None
    return frozenset() if port is None else frozenset((port,))


def _disk_minors(disk: Disk | None) -> frozenset[Minor]:
    return frozenset(drbd_minors(disk)) if disk else frozenset()


def build_indexes(
    groups: Iterable[NodeGroup],
    nodes: Iterable[Node],
    instances: Iterable[Instance],
    disks: Iterable[Disk],
    networks: Iterable[Network],
) -> Indexes:
    """
    All indexes at once, for loading: several times faster than change by change.

    @raise ConfigurationError: two objects of a name, or a disk with two owners.
    """
    nodes, instances, disks = list(nodes), list(instances), list(disks)
    return Indexes(
        group_by_name=_names("group", groups),
        node_by_name=_names("node", nodes),
        instance_by_name=_names("instance", instances),
        network_by_name=_names("network", networks),
        group_members=_multi((n.group, n.uuid) for n in nodes),
        node_ips=_multi((ip, n.uuid) for n in nodes for ip in (n.primary_ip, n.secondary_ip)),
        primary_on=_multi((i.primary_node, i.uuid) for i in instances),
        disks_on=_multi((node, d.uuid) for d in disks for node in disk_nodes(d)),
        disk_owner=_owners(instances),
        macs=_multi((nic.mac.lower(), i.uuid) for i in instances for nic in i.nics),
        ips=_multi(
            ((nic.network or "", nic.ip), i.uuid) for i in instances for nic in i.nics if nic.ip
        ),
        ports=_multi(_all_ports(instances, disks)),
        minors=_multi((minor, d.uuid) for d in disks for minor in drbd_minors(d)),
    )


def _all_ports(instances: Iterable[Instance], disks: Iterable[Disk]) -> Iterable[tuple[int, str]]:
    for instance in instances:
        if instance.network_port is not None:
            yield instance.network_port, instance.uuid
    for disk in disks:
        port = drbd_port(disk)
        if port is not None:
            yield port, disk.uuid


def _names(kind: str, objects: Iterable[_Named]) -> Names:
    names: dict[str, str] = {}
    for obj in objects:
        if obj.name in names:
            raise ConfigurationError(
                f"There are two objects of kind {kind} with the name '{obj.name}'"
            )
        names[obj.name] = obj.uuid
    return immutables.Map(names)


def _owners(instances: Iterable[Instance]) -> Names:
    owners: dict[str, str] = {}
    for instance in instances:
        for disk_uuid in instance.disks:
            if disk_uuid in owners:
                raise _attached_twice(disk_uuid, owners[disk_uuid], instance.uuid)
            owners[disk_uuid] = instance.uuid
    return immutables.Map(owners)


def _multi(pairs: Iterable[tuple[K, str]]) -> MultiIndex[K]:
    found: dict[K, dict[str, None]] = {}
    for key, member in pairs:
        found.setdefault(key, {})[member] = None
    members: Mapping[K, Members] = {key: immutables.Map(uuids) for key, uuids in found.items()}
    return immutables.Map(members)
