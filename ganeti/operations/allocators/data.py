"""The cluster as the built-in instance allocator takes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from ganeti.htools.defaults import STATIC_KVM_NODE_MEMORY
from ganeti.htools.ialloctext import STATUSES
from ganeti.htools.policies import build_policy
from ganeti.htools.records import ClusterData, Disk, Group, Instance, Node
from ganeti.model import instance as model_instance
from ganeti.model.config import Configuration
from ganeti.model.disk import Disk as ModelDisk
from ganeti.model.group import NodeGroup
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.node import Node as ModelNode
from ganeti.model.templates import DiskTemplate, disk_room
from ganeti.operations.allocators.figures import NodeFigures
from ganeti.operations.allocators.situation import Situation
from ganeti.utils.text import nice_sort_key

N = TypeVar("N", NodeGroup, ModelNode, Instance)


def build_data(
    situation: Situation, static_kvm_node_memory: int = STATIC_KVM_NODE_MEMORY
) -> ClusterData:
    """
    Groups, nodes and instances, each in natural order of names, as an input file is read.

    @param static_kvm_node_memory: what nodes with KVM use themselves, in MiB; 0: what they say.
    """
    config = situation.config
    kvm = config.cluster.enabled_hypervisors[:1] == (HypervisorName.KVM,)
    own_memory = static_kvm_node_memory if kvm else 0
    placed = (build_instance(config, one) for one in placed_instances(config))
    return ClusterData(
        groups=tuple(build_group(config, group) for group in in_order(config.groups.values())),
        nodes=tuple(
            build_node(situation, node, own_memory) for node in in_order(config.nodes.values())
        ),
        instances=tuple(in_order([*placed, *situation.promised])),
        tags=config.cluster.tags,
        policy=build_policy(config.cluster.ipolicy),
    )


def in_order(named: Iterable[N]) -> list[N]:
    """
    In natural order of their names.

    Of places that are as good as one another the order decides: it must be the same for all
    allocators, and for ever.
    """
    return sorted(named, key=lambda one: nice_sort_key(one.name))


def placed_instances(config: Configuration) -> Iterable[model_instance.Instance]:
    """Those that have a node: what is only announced may have none."""
    return (one for one in config.instances.values() if one.primary_node in config.nodes)


def build_group(config: Configuration, group: NodeGroup) -> Group:
    """One node group."""
    return Group(
        name=group.name,
        uuid=group.uuid,
        alloc_policy=group.alloc_policy,
        tags=group.tags,
        networks=tuple(group.networks),
        policy=build_policy(config.group_policy(group)),
    )


def build_node(situation: Situation, node: ModelNode, own_memory: int) -> Node:
    """One node; one without figures takes no instances, and neither does a drained one."""
    parameters = situation.config.filled_ndparams(node)
    exclusive = parameters.exclusive_storage
    figures = situation.figures.get(node.uuid)
    told = figures or NO_FIGURES
    return Node(
        name=node.name,
        group=node.group,
        total_memory=told.total_memory,
        node_memory=(own_memory or told.reserved_memory) if figures else 0,
        free_memory=told.free_memory,
        total_disk=told.total_disk,
        free_disk=told.free_disk,
        cpus=told.total_cpus,
        offline=node.offline or node.drained or not node.vm_capable or figures is None,
        spindles=told.total_spindles if exclusive and figures else parameters.spindle_count,
        free_spindles=told.free_spindles if exclusive else 0,
        exclusive_storage=exclusive,
        tags=node.tags,
        node_cpus=told.reserved_cpus,
        cpu_speed=float(parameters.cpu_speed),
    )


NO_FIGURES = NodeFigures(
    total_memory=0,
    reserved_memory=0,
    free_memory=0,
    total_disk=0,
    free_disk=0,
    total_spindles=0,
    free_spindles=0,
    total_cpus=0,
    reserved_cpus=1,
    i_pri_memory=0,
    i_pri_up_memory=0,
)


def build_instance(config: Configuration, one: model_instance.Instance) -> Instance:
    """One instance, where it is."""
    names = [config.nodes[uuid].name for uuid in config.instance_nodes(one)]
    parameters = config.filled_beparams(one)
    disks = config.instance_disks(one)
    return Instance(
        name=one.name,
        memory=parameters.maxmem,
        disk=sum(disk_room(disk.dev_type, disk.size) for disk in disks),
        vcpus=parameters.vcpus,
        status=STATUSES[one.admin_state],
        auto_balance=parameters.auto_balance,
        primary=names[0],
        secondary=names[1] if len(names) > 1 else "",
        template=instance_template(disks),
        disks=tuple(Disk(size=disk.size, spindles=disk.spindles) for disk in disks),
        tags=one.tags,
        spindle_use=parameters.spindle_use,
        forthcoming=one.forthcoming,
        nics=tuple(nic.network for nic in one.nics),
    )


def instance_template(disks: list[ModelDisk]) -> DiskTemplate:
    """The template of an instance; where its disks have several, that of the first one."""
    return disks[0].dev_type if disks else DiskTemplate.DISKLESS
