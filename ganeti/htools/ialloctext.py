"""The cluster in an iallocator's input file (iallocator.json, input)."""

from __future__ import annotations

from collections.abc import Mapping

from ganeti.htools.reading import Reader
from ganeti.htools.records import ClusterData, Disk, Group, Instance, Node, Policy, Range, Spec
from ganeti.model.group import AllocPolicy
from ganeti.model.templates import DiskTemplate

TEMPLATE_NAMES = frozenset(DiskTemplate)
STATUSES: Mapping[str, str] = {
    "up": "running",
    "down": "ADMIN_down",
    "offline": "ADMIN_offline",
}


def parse_cluster(message: Reader, static_kvm_node_memory: int) -> ClusterData:
    """
    Groups, nodes and instances, in the order of their names.

    @param static_kvm_node_memory: what nodes with KVM use themselves; 0: what they say.
    """
    hypervisors = message.texts("enabled_hypervisors") if message.has("enabled_hypervisors") else ()
    own = static_kvm_node_memory if hypervisors[:1] == ("kvm",) else 0
    nodes = sorted(message.named("nodes", "node"), key=lambda each: each[0])
    instances = sorted(message.named("instances", "instance"), key=lambda each: each[0])
    return ClusterData(
        groups=tuple(group(uuid, one) for uuid, one in message.named("nodegroups", "node group")),
        nodes=tuple(node(name, one, own) for name, one in nodes),
        instances=tuple(placed_instance(name, one) for name, one in instances),
        tags=message.optional("cluster_tags", message.texts, ()),
        policy=policy(message.within("ipolicy")) if message.has("ipolicy") else None,
    )


def group(uuid: str, one: Reader) -> Group:
    """One node group."""
    return Group(
        name=one.text("name"),
        uuid=uuid,
        alloc_policy=one.choice("alloc_policy", AllocPolicy),
        tags=one.optional("tags", one.texts, ()),
        networks=one.optional("networks", one.texts, ()),
        policy=policy(one.within("ipolicy")) if one.has("ipolicy") else None,
    )


def policy(one: Reader) -> Policy:
    """An instance policy."""
    return Policy(
        standard=spec(one.within("std")),
        ranges=tuple(
            Range(least=spec(pair.within("min")), most=spec(pair.within("max")))
            for pair in one.objects("minmax")
        ),
        templates=tuple(
            DiskTemplate(name) for name in one.texts("disk-templates") if name in TEMPLATE_NAMES
        ),
        vcpu_ratio=one.real("vcpu-ratio"),
        spindle_ratio=one.real("spindle-ratio"),
    )


def spec(one: Reader) -> Spec:
    """An instance size of a policy."""
    return Spec(
        memory=one.number("memory-size"),
        cpus=one.number("cpu-count"),
        disk=one.number("disk-size"),
        disk_count=one.number("disk-count"),
        nic_count=one.number("nic-count"),
        spindle_use=one.number("spindle-use"),
    )


def node(name: str, one: Reader, own_memory: int) -> Node:
    """One node; offline when it is, is drained, cannot have instances or tells no numbers."""
    parameters = one.within("ndparams") if one.has("ndparams") else Reader({}, one.where)
    exclusive = parameters.flag("exclusive_storage")
    told = one.has("total_memory")
    offline = one.flag("offline") or one.flag("drained") or not told
    if one.has("vm_capable"):
        offline = offline or not one.flag("vm_capable")
    common = Node(
        name=name,
        group=one.text("group"),
        total_memory=0,
        node_memory=0,
        free_memory=0,
        total_disk=0,
        free_disk=0,
        cpus=0,
        offline=True,
        tags=one.optional("tags", one.texts, ()),
        exclusive_storage=exclusive,
        spindles=parameters.optional("spindle_count", parameters.number, 1),
        cpu_speed=parameters.optional("cpu_speed", parameters.real, 1.0),
    )
    return common if one.flag("offline") or not told else measured(common, one, own_memory, offline)


def measured(common: Node, one: Reader, own_memory: int, offline: bool) -> Node:
    """A node with its numbers."""
    exclusive = common.exclusive_storage
    return Node(
        name=common.name,
        group=common.group,
        total_memory=one.number("total_memory"),
        node_memory=own_memory or one.optional("reserved_memory", one.number, 0),
        free_memory=one.number("free_memory"),
        total_disk=one.number("total_disk"),
        free_disk=one.number("free_disk"),
        cpus=one.number("total_cpus"),
        offline=offline,
        tags=common.tags,
        exclusive_storage=exclusive,
        spindles=one.optional("total_spindles", one.number, 1) if exclusive else common.spindles,
        free_spindles=one.optional("free_spindles", one.number, 0) if exclusive else 0,
        node_cpus=one.optional("reserved_cpus", one.number, 1),
        cpu_speed=common.cpu_speed,
    )


def new_instance(name: str, one: Reader) -> Instance:
    """What an instance is, without its place."""
    return Instance(
        name=name,
        memory=one.number("memory"),
        disk=one.number("disk_space_total"),
        vcpus=one.number("vcpus"),
        template=one.choice("disk_template", DiskTemplate),
        disks=tuple(
            Disk(
                size=disk.number("size"),
                spindles=disk.number("spindles") if disk.has("spindles") else None,
            )
            for disk in one.objects("disks")
        ),
        tags=one.optional("tags", one.texts, ()),
        spindle_use=one.optional("spindle_use", one.number, 1),
        forthcoming=one.flag("forthcoming"),
        nics=tuple(
            nic.text("network") if nic.has("network") else None
            for nic in (one.objects("nics") if one.has("nics") else [])
        ),
    )


def placed_instance(name: str, one: Reader) -> Instance:
    """An instance that is there."""
    found = new_instance(name, one)
    nodes = one.texts("nodes")
    if not nodes:
        raise one.fail("nodes", "it is on no node")
    state = one.optional("admin_state", one.text, "up")
    return Instance(
        name=name,
        memory=found.memory,
        disk=found.disk,
        vcpus=found.vcpus,
        status=STATUSES.get(state, "running"),
        primary=nodes[0],
        secondary=nodes[1] if len(nodes) > 1 else "",
        template=found.template,
        disks=found.disks,
        tags=found.tags,
        spindle_use=found.spindle_use,
        forthcoming=found.forthcoming,
        nics=found.nics,
    )
