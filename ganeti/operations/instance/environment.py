"""Variables of hooks about instances (hooks.json, instance_env)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from ganeti.model.config import Configuration
from ganeti.model.disk import Disk
from ganeti.model.instance import Instance
from ganeti.model.network import Network
from ganeti.model.nic import Nic
from ganeti.model.parameters import NicMode
from ganeti.model.templates import DiskTemplate
from ganeti.operations.instance.spec import secondary_nodes
from ganeti.operations.unit import HookPlan

_LOCATION: dict[DiskTemplate, tuple[str, ...]] = {
    DiskTemplate.BLOCKDEV: ("DRIVER", "ID"),
    DiskTemplate.EXT: ("PROVIDER", "ID"),
    DiskTemplate.FILE: ("DRIVER", "ID"),
    DiskTemplate.GLUSTER: ("DRIVER", "ID"),
    DiskTemplate.PLAIN: ("VG", "ID"),
    DiskTemplate.RBD: ("DRIVER", "ID"),
    DiskTemplate.SHAREDFILE: ("DRIVER", "ID"),
}
"""What the parts of a disk's logical id are called, by template."""


def instance_environment(
    config: Configuration, instance: Instance, disks: Sequence[Disk], status: str | None = None
) -> dict[str, str]:
    """
    All that hooks are told about an instance.

    @param disks: of the instance, which need not be in C{config} yet.
    @param status: in place of the admin state.
    """
    return {
        **dict(_general(config, instance, disks, status)),
        **dict(_nics(config, instance)),
        **dict(_disks(config, disks)),
        **dict(_parameters(config, instance)),
    }


def instance_hooks(
    config: Configuration,
    path: str,
    instance: Instance,
    disks: Sequence[Disk],
    extra: dict[str, str],
    status: str | None = None,
) -> HookPlan:
    """Hooks that run on the master and all nodes of the instance, before and after."""
    nodes = [config.cluster.master_node, instance.primary_node, *secondary_nodes(instance, disks)]
    callable_nodes = tuple(uuid for uuid in dict.fromkeys(nodes) if not config.nodes[uuid].offline)
    return HookPlan(
        path=path,
        object_type="INSTANCE",
        env={**instance_environment(config, instance, disks, status), **extra},
        pre_nodes=callable_nodes,
        post_nodes=callable_nodes,
    )


def _general(
    config: Configuration, instance: Instance, disks: Sequence[Disk], status: str | None
) -> Iterator[tuple[str, str]]:
    beparams = config.filled_beparams(instance)
    secondaries = (config.nodes[uuid].name for uuid in secondary_nodes(instance, disks))
    template = disks[0].dev_type if disks else DiskTemplate.DISKLESS
    mixed = any(disk.dev_type is not template for disk in disks)
    yield "OP_TARGET", instance.name
    yield "INSTANCE_NAME", instance.name
    yield "INSTANCE_PRIMARY", config.nodes[instance.primary_node].name
    yield "INSTANCE_SECONDARIES", " ".join(secondaries)
    yield "INSTANCE_OS_TYPE", instance.os
    yield "INSTANCE_STATUS", instance.admin_state if status is None else status
    yield "INSTANCE_MINMEM", str(beparams.minmem)
    yield "INSTANCE_MAXMEM", str(beparams.maxmem)
    yield "INSTANCE_MEMORY", str(beparams.maxmem)
    yield "INSTANCE_VCPUS", str(beparams.vcpus)
    yield "INSTANCE_DISK_TEMPLATE", "mixed" if mixed else template
    yield "INSTANCE_NIC_COUNT", str(len(instance.nics))
    yield "INSTANCE_DISK_COUNT", str(len(disks))
    yield "INSTANCE_HYPERVISOR", instance.hypervisor
    yield "INSTANCE_TAGS", " ".join(instance.tags)


def _nics(config: Configuration, instance: Instance) -> Iterator[tuple[str, str]]:
    for place, nic in enumerate(instance.nics):
        for name, value in _nic(config, nic):
            yield f"INSTANCE_NIC{place}_{name}", value


def _nic(config: Configuration, nic: Nic) -> Iterator[tuple[str, str]]:
    params = config.filled_nicparams(nic)
    if nic.name:
        yield "NAME", nic.name
    yield "UUID", nic.uuid
    yield "IP", nic.ip or ""
    yield "MAC", nic.mac
    yield "MODE", params.mode
    yield "LINK", params.link
    yield "VLAN", params.vlan
    if params.mode in (NicMode.BRIDGED, NicMode.OPENVSWITCH):
        yield "BRIDGE", params.link
    if nic.network is not None:
        yield from _network(config.networks[nic.network])


def _network(network: Network) -> Iterator[tuple[str, str]]:
    yield "NETWORK_NAME", network.name
    yield "NETWORK_UUID", network.uuid
    yield "NETWORK_TAGS", " ".join(network.tags)
    yield "NETWORK_SUBNET", network.network
    if network.gateway:
        yield "NETWORK_GATEWAY", network.gateway
    if network.network6:
        yield "NETWORK_SUBNET6", network.network6
    if network.gateway6:
        yield "NETWORK_GATEWAY6", network.gateway6
    if network.mac_prefix:
        yield "NETWORK_MAC_PREFIX", network.mac_prefix


def _disks(config: Configuration, disks: Sequence[Disk]) -> Iterator[tuple[str, str]]:
    for place, disk in enumerate(disks):
        for name, value in _disk(config, disk):
            yield f"INSTANCE_DISK{place}_{name}", value


def _disk(config: Configuration, disk: Disk) -> Iterator[tuple[str, str]]:
    yield "NAME", disk.name or ""
    yield "UUID", disk.uuid
    yield "SIZE", str(disk.size)
    yield "MODE", disk.mode
    yield "DEV_TYPE", disk.dev_type
    if disk.dev_type is DiskTemplate.DRBD:
        yield from _drbd(config, disk)
        return
    for name, value in zip(_LOCATION.get(disk.dev_type, ()), disk.logical_id, strict=False):
        yield name, str(value)


def _drbd(config: Configuration, disk: Disk) -> Iterator[tuple[str, str]]:
    node_a, node_b, port, minor_a, minor_b = disk.logical_id[:5]
    yield "PNODE", config.nodes[str(node_a)].name
    yield "SNODE", config.nodes[str(node_b)].name
    yield "PORT", str(port)
    yield "PMINOR", str(minor_a)
    yield "SMINOR", str(minor_b)
    for part, child in zip(("DATA", "META"), disk.children, strict=False):
        volume_group, volume = child.logical_id[:2]
        yield f"{part}_VG", str(volume_group)
        yield f"{part}_ID", str(volume)


def _parameters(config: Configuration, instance: Instance) -> Iterator[tuple[str, str]]:
    for name, value in msgspec.structs.asdict(config.filled_beparams(instance)).items():
        yield f"INSTANCE_BE_{name}", str(value)
    for name, value in config.filled_hvparams(instance).items():
        yield f"INSTANCE_HV_{name}", str(value)
