"""Instances as nodes need them: all parameters filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganeti.model.config import Configuration
from ganeti.model.disk import Disk, disk_nodes
from ganeti.model.instance import Instance
from ganeti.model.levels import base_os
from ganeti.model.live import DiskSpec, InstanceSpec, NicSpec
from ganeti.model.nic import Nic
from ganeti.model.parameters import PartialBeParams, fill
from ganeti.model.secret import Secret


def build_spec(
    config: Configuration,
    instance: Instance,
    disks: Sequence[Disk],
    *,
    hvparams: Mapping[str, Any] | None = None,
    beparams: PartialBeParams | None = None,
) -> InstanceSpec:
    """
    What a node needs to run C{instance} or to install its OS.

    @param disks: of the instance, which need not be in C{config} yet.
    @param hvparams: values that hold for this time only; likewise C{beparams}.
    """
    group = config.groups[config.nodes[instance.primary_node].group]
    filled_be = config.filled_beparams(instance)
    return InstanceSpec(
        instance=instance,
        hypervisor=instance.hypervisor,
        hvparams={**config.filled_hvparams(instance), **(hvparams or {})},
        beparams=fill(filled_be, beparams) if beparams is not None else filled_be,
        nics=tuple(_nic_spec(config, nic) for nic in instance.nics),
        disks=tuple(
            DiskSpec(disk=disk, params=config.group_diskparams(group, disk.dev_type))
            for disk in disks
        ),
        osparams=config.filled_osparams(instance),
        primary_node_name=config.nodes[instance.primary_node].name,
        secondary_node_names=tuple(
            config.nodes[uuid].name for uuid in secondary_nodes(instance, disks)
        ),
        cluster_name=config.cluster.cluster_name,
    )


def _nic_spec(config: Configuration, nic: Nic) -> NicSpec:
    network = None if nic.network is None else config.networks[nic.network]
    return NicSpec(nic=nic, params=config.filled_nicparams(nic), network=network)


def secondary_nodes(instance: Instance, disks: Sequence[Disk]) -> list[str]:
    """Uuids of the nodes that hold the disks beside the primary one."""
    found = {uuid: None for disk in disks for uuid in disk_nodes(disk)}
    found.pop(instance.primary_node, None)
    return list(found)


def secret_osparams(
    config: Configuration, instance: Instance, secret: Mapping[str, Secret] | None = None
) -> dict[str, Secret]:
    """
    OS parameters that are not shown: the cluster's, then the instance's.

    @param secret: those of one request, which nothing keeps.
    """
    of_cluster = config.cluster.osparams_private_cluster
    return {
        **of_cluster.get(base_os(instance.os), {}),
        **(of_cluster.get(instance.os, {}) if "+" in instance.os else {}),
        **instance.osparams_private,
        **(secret or {}),
    }
