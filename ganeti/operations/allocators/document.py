"""The input file of instance allocators that are programs (iallocator.json, input)."""

from __future__ import annotations

from typing import Any

from ganeti.htools.ialloctext import STATUSES
from ganeti.htools.records import Instance as PromisedInstance
from ganeti.model import codec
from ganeti.model.config import Configuration
from ganeti.model.group import NodeGroup
from ganeti.model.instance import AdminState, Instance
from ganeti.model.nic import Nic
from ganeti.model.node import Node
from ganeti.model.parameters import NicMode
from ganeti.model.templates import disk_room
from ganeti.operations.allocators.data import in_order, instance_template, placed_instances
from ganeti.operations.allocators.requests import AllocatorRequest, plain_request
from ganeti.operations.allocators.situation import Situation
from ganeti.utils.text import nice_sort_key

VERSION = 2

_ADMIN_STATES = {status: state for state, status in STATUSES.items()}


def build_document(situation: Situation, request: AllocatorRequest) -> bytes:
    """The JSON that tells a program of the cluster, and what is asked."""
    config = situation.config
    placed = {one.name: _instance(config, one) for one in placed_instances(config)}
    promised = {one.name: _promised(config, one) for one in situation.promised}
    instances = {**promised, **placed}
    return codec.encode(
        {
            "version": VERSION,
            "cluster_name": config.cluster.cluster_name,
            "cluster_tags": config.cluster.tags,
            "enabled_hypervisors": config.cluster.enabled_hypervisors,
            "ipolicy": config.cluster.ipolicy,
            "nodegroups": {
                group.uuid: _group(config, group) for group in in_order(config.groups.values())
            },
            "nodes": {
                node.name: _node(situation, node) for node in in_order(config.nodes.values())
            },
            "instances": {name: instances[name] for name in sorted(instances, key=nice_sort_key)},
            "request": plain_request(request),
        }
    )


def _group(config: Configuration, group: NodeGroup) -> dict[str, Any]:
    return {
        "name": group.name,
        "alloc_policy": group.alloc_policy,
        "networks": list(group.networks),
        "ipolicy": config.group_policy(group),
        "tags": group.tags,
    }


def _node(situation: Situation, node: Node) -> dict[str, Any]:
    """
    What the configuration says of a node, and its numbers.

    One that did not answer is told as offline: programs count on the numbers of all others.
    """
    figures = situation.figures.get(node.uuid)
    return {
        "tags": node.tags,
        "primary_ip": node.primary_ip,
        "secondary_ip": node.secondary_ip,
        "offline": node.offline or (figures is None and node.vm_capable),
        "drained": node.drained,
        "master_candidate": node.master_candidate,
        "group": node.group,
        "master_capable": node.master_capable,
        "vm_capable": node.vm_capable,
        "ndparams": situation.config.filled_ndparams(node),
        **(codec.to_builtins(figures) if figures is not None else {}),
    }


def _instance(config: Configuration, one: Instance) -> dict[str, Any]:
    parameters = config.filled_beparams(one)
    disks = config.instance_disks(one)
    return {
        "tags": one.tags,
        "admin_state": one.admin_state,
        "vcpus": parameters.vcpus,
        "memory": parameters.maxmem,
        "spindle_use": parameters.spindle_use,
        "os": one.os,
        "nodes": [config.nodes[uuid].name for uuid in config.instance_nodes(one)],
        "nics": [_nic(config, nic) for nic in one.nics],
        "disks": [
            {
                "mode": disk.mode,
                "size": disk.size,
                "dev_type": disk.dev_type,
                "spindles": disk.spindles,
            }
            for disk in disks
        ],
        "disk_template": instance_template(disks),
        "disks_active": one.disks_active,
        "hypervisor": one.hypervisor,
        "disk_space_total": sum(disk_room(disk.dev_type, disk.size) for disk in disks),
    }


def _nic(config: Configuration, nic: Nic) -> dict[str, Any]:
    parameters = config.filled_nicparams(nic)
    told = {"mac": nic.mac, "ip": nic.ip, "mode": parameters.mode, "link": parameters.link}
    return {**told, "bridge": parameters.link} if parameters.mode is NicMode.BRIDGED else told


def _promised(config: Configuration, one: PromisedInstance) -> dict[str, Any]:
    """An instance that is about to be made: what is known of it."""
    return {
        "tags": one.tags,
        "admin_state": _ADMIN_STATES.get(one.status, AdminState.UP),
        "vcpus": one.vcpus,
        "memory": one.memory,
        "spindle_use": one.spindle_use,
        "os": "",
        "nodes": [name for name in (one.primary, one.secondary) if name],
        "nics": [],
        "disks": [
            {
                "mode": "rw",
                "size": disk.size,
                "dev_type": one.template,
                "spindles": disk.spindles,
            }
            for disk in one.disks
        ],
        "disk_template": one.template,
        "disks_active": True,
        "hypervisor": config.cluster.default_hypervisor,
        "disk_space_total": one.disk,
    }
