"""The cluster in an iallocator's input file (iallocator.json, input)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from ganeti.htools.errors import InputError
from ganeti.htools.reading import LARGEST, Reader
from ganeti.htools.records import ClusterData, Disk, Group, Instance, Node, Policy, Range, Spec
from ganeti.model.group import AllocPolicy
from ganeti.model.templates import DiskTemplate
from ganeti.utils.resolving import resolved

T = TypeVar("T")

Natural = Annotated[int, Meta(ge=0, le=LARGEST)]
TEMPLATE_NAMES = frozenset(DiskTemplate)
STATUSES: Mapping[str, str] = {
    "up": "running",
    "down": "ADMIN_down",
    "offline": "ADMIN_offline",
}


def parse_cluster(message: Reader, static_kvm_node_memory: int) -> ClusterData:
    """
    Groups, nodes and instances, in the file's order.

    @param static_kvm_node_memory: what nodes with KVM use themselves; 0: what they say.
    """
    hypervisors = message.texts("enabled_hypervisors") if message.has("enabled_hypervisors") else ()
    own = static_kvm_node_memory if hypervisors[:1] == ("kvm",) else 0
    nodes = tuple(node(name, one, own) for name, one in message.named("nodes", "node"))
    return ClusterData(
        groups=tuple(group(uuid, one) for uuid, one in message.named("nodegroups", "node group")),
        nodes=nodes,
        instances=tuple(
            placed_instance(name, one) for name, one in message.named("instances", "instance")
        ),
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


class DiskText(Struct, frozen=True, kw_only=True, gc=False):
    """One disk of an instance."""

    size: Natural
    spindles: Natural | None = None


class NicText(Struct, frozen=True, kw_only=True, gc=False):
    """One network interface."""

    network: str | None = None


class InstanceText(Struct, frozen=True, kw_only=True):
    """An instance, without its place."""

    memory: Natural
    disk_space_total: Natural
    vcpus: Natural
    disk_template: DiskTemplate
    disks: tuple[DiskText, ...]
    tags: tuple[str, ...] | None = None
    spindle_use: Natural | None = None
    forthcoming: bool = False
    nics: tuple[NicText, ...] | None = None


class PlacedText(InstanceText, frozen=True, kw_only=True):
    """An instance that is there."""

    nodes: tuple[str, ...]
    admin_state: str | None = None


def new_instance(name: str, one: Reader) -> Instance:
    """What an instance is, without its place."""
    return described(name, typed(one, InstanceText), "running", "", "")


def placed_instance(name: str, one: Reader) -> Instance:
    """An instance that is there."""
    text = typed(one, PlacedText)
    if not text.nodes:
        raise one.fail("nodes", "it is on no node")
    status = STATUSES.get(text.admin_state or "up", "running")
    return described(
        name, text, status, text.nodes[0], text.nodes[1] if len(text.nodes) > 1 else ""
    )


def described(name: str, text: InstanceText, status: str, primary: str, secondary: str) -> Instance:
    """The record of an instance."""
    return Instance(
        name=name,
        memory=text.memory,
        disk=text.disk_space_total,
        vcpus=text.vcpus,
        status=status,
        primary=primary,
        secondary=secondary,
        template=text.disk_template,
        disks=tuple([Disk(size=disk.size, spindles=disk.spindles) for disk in text.disks]),
        tags=text.tags or (),
        spindle_use=1 if text.spindle_use is None else text.spindle_use,
        forthcoming=text.forthcoming,
        nics=tuple([nic.network for nic in text.nics or ()]),
    )


def typed(one: Reader, kind: type[T]) -> T:
    """
    The object as a record.

    @raise InputError: names the key that is wrong.
    """
    try:
        return msgspec.convert(one.value, resolved(kind))
    except msgspec.ValidationError as err:
        what, _at, path = str(err).partition(" - at `$")
        key = path.rstrip("`").lstrip(".")
        raise InputError(f"{one.where}: {key}: {what}" if key else f"{one.where}: {what}") from err
