"""
A cluster from answers to queries, however they came here.

Each row is a dict from the name of a query field to its value; None where it is not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from ganeti.htools.checks import find_flaw
from ganeti.htools.errors import InputError
from ganeti.htools.records import ClusterData, Disk, Group, Instance, Node, Policy, Range, Spec
from ganeti.htools.rows import shown
from ganeti.model import policy as model_policy
from ganeti.model.group import AllocPolicy
from ganeti.model.templates import DiskTemplate

Row = Mapping[str, Any]
T = TypeVar("T")

GROUP_FIELDS = ("uuid", "name", "alloc_policy", "ipolicy", "tags")
NETWORK_FIELDS = ("uuid", "group_list")
NODE_FIELDS = (
    "name",
    "mtotal",
    "mnode",
    "mfree",
    "dtotal",
    "dfree",
    "ctotal",
    "cnos",
    "offline",
    "drained",
    "vm_capable",
    "group.uuid",
    "ndparams",
    "tags",
    "sptotal",
    "spfree",
)
INSTANCE_FIELDS = (
    "name",
    "disk_usage",
    "be/maxmem",
    "be/vcpus",
    "be/spindle_use",
    "be/auto_balance",
    "status",
    "pnode",
    "snodes",
    "tags",
    "disk_template",
    "disk.sizes",
    "disk.spindles",
    "nic.networks",
)


class Answers(NamedTuple):
    """All that was asked."""

    cluster: Row
    groups: Sequence[Row]
    networks: Sequence[Row]
    nodes: Sequence[Row]
    instances: Sequence[Row]


def build_cluster(answers: Answers, static_kvm_node_memory: int) -> ClusterData:
    """
    Put the answers together.

    @raise InputError: one of them makes no sense.
    """
    cluster = answers.cluster
    master = _value(cluster, "master", str, "cluster")
    hypervisor = next(iter(_value(cluster, "enabled_hypervisors", list[str], "cluster")), "")
    own_memory = static_kvm_node_memory if hypervisor == "kvm" else 0
    data = ClusterData(
        groups=tuple(_group(row, answers.networks) for row in answers.groups),
        nodes=tuple(_node(row, master, own_memory) for row in answers.nodes),
        instances=tuple(map(_instance, answers.instances)),
        tags=tuple(_value(cluster, "tags", list[str], "cluster")),
        policy=_policy(cluster, "cluster"),
    )
    flaw = find_flaw(data)
    if flaw is not None:
        raise InputError(f"{flaw.field}: {flaw.what}")
    return data


def _value(row: Row, field: str, kind: type[T], what: str) -> T:
    """
    One value of a row.

    @raise InputError: it is of another kind.
    """
    try:
        return msgspec.convert(row.get(field), kind)
    except msgspec.ValidationError as err:
        name = row.get("name") or ""
        raise InputError(f"{what} {name}, {field}: {shown(row.get(field))}: {err}") from err


def _group(row: Row, networks: Sequence[Row]) -> Group:
    name = _value(row, "name", str, "group")
    return Group(
        name=name,
        uuid=_value(row, "uuid", str, "group"),
        alloc_policy=_value(row, "alloc_policy", AllocPolicy, "group"),
        tags=tuple(_value(row, "tags", list[str], "group")),
        networks=tuple(_networks(name, networks)),
        policy=_policy(row, "group"),
    )


def _networks(group: str, networks: Sequence[Row]) -> list[str]:
    """The networks that a group is connected to: a network lists (group, mode, link, vlan)."""
    return [
        _value(network, "uuid", str, "network")
        for network in networks
        if any(
            entry[:1] == [group]
            for entry in _value(network, "group_list", list[list[Any]], "network")
        )
    ]


def _policy(row: Row, what: str) -> Policy:
    found = _value(row, "ipolicy", model_policy.InstancePolicy, what)
    return Policy(
        standard=_spec(found.std),
        ranges=tuple(Range(least=_spec(each.min), most=_spec(each.max)) for each in found.minmax),
        templates=found.disk_templates,
        vcpu_ratio=float(found.vcpu_ratio),
        spindle_ratio=float(found.spindle_ratio),
    )


def _spec(spec: model_policy.Spec) -> Spec:
    return Spec(
        memory=spec.memory_size,
        cpus=spec.cpu_count,
        disk=spec.disk_size,
        disk_count=spec.disk_count,
        nic_count=spec.nic_count,
        spindle_use=spec.spindle_use,
    )


def _node(row: Row, master: str, own_memory: int) -> Node:
    """A node; one that does not say what it has counts as offline."""
    params = _value(row, "ndparams", dict[str, Any], "node")
    exclusive = bool(params.get("exclusive_storage"))
    name = _value(row, "name", str, "node")
    unusable = row.get("offline") or row.get("drained") or not row.get("vm_capable", True)
    measured = ("mtotal", "mnode", "mfree", "ctotal")
    unknown = any(row.get(field) is None for field in measured)
    disk = 0 if row.get("dtotal") is None else _number(row, "dtotal")
    return Node(
        name=name,
        group=_value(row, "group.uuid", str, "node"),
        total_memory=0 if unknown else _number(row, "mtotal"),
        node_memory=0 if unknown else own_memory or _number(row, "mnode"),
        free_memory=0 if unknown else _number(row, "mfree"),
        total_disk=disk,
        free_disk=0 if row.get("dfree") is None else _number(row, "dfree"),
        cpus=0 if unknown else _number(row, "ctotal"),
        node_cpus=1 if row.get("cnos") is None else _number(row, "cnos"),
        offline=bool(unusable or unknown),
        master=name == master,
        spindles=_spindles(row, params, exclusive),
        free_spindles=_number(row, "spfree") if exclusive and row.get("spfree") is not None else 0,
        exclusive_storage=exclusive,
        tags=tuple(_value(row, "tags", list[str], "node")),
        cpu_speed=_value(params, "cpu_speed", float, f"node {name}") or 1.0,
    )


def _spindles(row: Row, params: Row, exclusive: bool) -> int:
    if exclusive and row.get("sptotal") is not None:
        return _number(row, "sptotal")
    return _value(params, "spindle_count", int, "node")


def _number(row: Row, field: str) -> int:
    return round(_value(row, field, float, "node"))


def _instance(row: Row) -> Instance:
    def value(field: str, kind: type[T]) -> T:
        return _value(row, field, kind, "instance")

    sizes = value("disk.sizes", list[int])
    spindles = value("disk.spindles", list[int | None])
    return Instance(
        name=value("name", str),
        memory=value("be/maxmem", int),
        disk=value("disk_usage", int),
        vcpus=value("be/vcpus", int),
        status=value("status", str),
        auto_balance=value("be/auto_balance", bool),
        primary=value("pnode", str),
        secondary=next(iter(value("snodes", list[str])), ""),
        template=value("disk_template", DiskTemplate),
        disks=tuple(
            Disk(size=size, spindles=own) for size, own in zip(sizes, spindles, strict=True)
        ),
        tags=tuple(value("tags", list[str])),
        spindle_use=value("be/spindle_use", int),
        nics=tuple(value("nic.networks", list[str | None])),
    )
