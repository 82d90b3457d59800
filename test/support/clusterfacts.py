"""What a simulated cluster is like, in words that are the same each time: names, not uuids."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ganeti.model import codec
from ganeti.model.config import Configuration
from support.simcluster import SimCluster

Facts = Mapping[str, str]
"""What is known of each object, by its kind and name."""
STAMPS = ("serial_no", "ctime", "mtime", "uuid", "members")


def facts(cluster: SimCluster, *, starts: bool = False) -> Facts:
    """
    The configuration, and what is on the machines.

    @param starts: how often guests were started and stopped counts, too.
    """
    config = cluster.master.store.committed.config
    names = _names(config)
    found = {name: _record(config, uuid, names) for uuid, name in _objects(config).items()}
    found |= _free_disks(config)
    found["cluster"] = _named(codec.to_builtins(config.cluster), names)
    for node in cluster.nodes:
        found |= _machine(cluster, node.number, names)
        if starts:
            found[f"effects on node{node.number}"] = str(
                sorted(cluster.effects[node.number].items())
            )
    return found


def _objects(config: Configuration) -> dict[str, str]:
    """The names of all that have one, by uuid."""
    return {
        **{uuid: f"instance {each.name}" for uuid, each in config.instances.items()},
        **{uuid: f"node {each.name}" for uuid, each in config.nodes.items()},
        **{uuid: f"group {each.name}" for uuid, each in config.groups.items()},
    }


def _names(config: Configuration) -> dict[str, str]:
    names = _objects(config)
    for instance in config.instances.values():
        for place, nic in enumerate(instance.nics):
            names[nic.uuid] = f"{instance.name} nic {place}"
            names[nic.mac] = f"{instance.name} mac {place}"
        for place, uuid in enumerate(instance.disks):
            names[uuid] = f"{instance.name} disk {place}"
    return names


def _free_disks(config: Configuration) -> dict[str, str]:
    """Those that no instance has."""
    return {
        f"disk {uuid}": str(disk.logical_id)
        for uuid, disk in config.disks.items()
        if config.disk_owner(uuid) is None
    }


def _record(config: Configuration, uuid: str, names: Mapping[str, str]) -> str:
    instance = config.instances.get(uuid)
    if instance is None:
        return _named(codec.to_builtins(config.nodes.get(uuid) or config.groups[uuid]), names)
    disks = [_plain(codec.to_builtins(disk)) for disk in config.instance_disks(instance)]
    return _named(codec.to_builtins(instance) | {"disks": disks}, names)


def _machine(cluster: SimCluster, number: int, names: Mapping[str, str]) -> dict[str, str]:
    machine = cluster.nodes[number - 1].machine
    guests = cluster.wait(machine.guests.load())
    found = {
        f"instance {guest.name} on node{number}": f"{guest.memory_mib} MiB {guest.paused}"
        for guest in guests
    }
    disks = [_named({"path": path}, names) for path in cluster.wait(machine.disks.list())]
    return {**found, f"disks on node{number}": str(sorted(disks))}


def _plain(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in STAMPS}


def _named(record: Mapping[str, Any], names: Mapping[str, str]) -> str:
    text = json.dumps(_plain(record), sort_keys=True)
    for uuid, name in names.items():
        text = text.replace(uuid, name)
    return text


def about(found: Facts, name: str) -> Facts:
    """Those of one instance."""
    return {key: value for key, value in found.items() if key.startswith(f"instance {name}")}


def changed(before: Facts, after: Facts) -> list[str]:
    """What differs, in words."""
    return [
        f"{key}: {before.get(key)} -> {after.get(key)}"
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]
