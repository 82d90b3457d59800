"""A cluster from answers to queries, however they came here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ganeti.htools.checks import Flaw, find_flaw
from ganeti.htools.errors import InputError
from ganeti.htools.loaders.cells import Row, number, refuse, value, word, words
from ganeti.htools.loaders.nodeanswers import build_node
from ganeti.htools.policies import build_policy
from ganeti.htools.records import ClusterData, Disk, Group, Instance, Policy
from ganeti.htools.rows import shown
from ganeti.model import policy as model_policy
from ganeti.model.group import AllocPolicy
from ganeti.model.templates import DiskTemplate

GROUP_FIELDS = ("uuid", "name", "alloc_policy", "ipolicy", "tags")
NETWORK_FIELDS = ("uuid", "group_list")
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
    "forthcoming",
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
    master = value(cluster, "master", str, "cluster")
    kvm = value(cluster, "default_hypervisor", str, "cluster") == "kvm"
    own_memory = static_kvm_node_memory if kvm else 0
    data = ClusterData(
        groups=tuple(_group(row, answers.networks) for row in answers.groups),
        nodes=tuple(build_node(row, master, own_memory) for row in answers.nodes),
        instances=tuple(map(_instance, answers.instances)),
        tags=words(cluster, "tags", "cluster"),
        policy=_policy(cluster, "cluster"),
    )
    flaw = find_flaw(data)
    if flaw is not None:
        raise InputError(f"{_flawed(data, flaw)}, {flaw.field}: {flaw.what}")
    return data


def _flawed(data: ClusterData, flaw: Flaw) -> str:
    """Which record it is."""
    names = {
        "group": [group.name for group in data.groups],
        "node": [node.name for node in data.nodes],
        "instance": [instance.name for instance in data.instances],
    }
    return f"{flaw.kind} {shown(names[flaw.kind][flaw.position])[1:-1]}"


def _group(row: Row, networks: Sequence[Row]) -> Group:
    name = word(row, "name", "group")
    return Group(
        name=name,
        uuid=word(row, "uuid", "group"),
        alloc_policy=value(row, "alloc_policy", AllocPolicy, "group"),
        tags=words(row, "tags", "group"),
        networks=tuple(_networks(name, networks)),
        policy=_policy(row, "group"),
    )


def _networks(group: str, networks: Sequence[Row]) -> list[str]:
    """The networks that a group is connected to: a network lists (group, mode, link, vlan)."""
    return [
        word(network, "uuid", "network")
        for network in networks
        if any(
            entry[:1] == [group]
            for entry in value(network, "group_list", list[list[Any]], "network")
        )
    ]


def _policy(row: Row, what: str) -> Policy:
    return build_policy(value(row, "ipolicy", model_policy.InstancePolicy, what))


def _instance(row: Row) -> Instance:
    return Instance(
        name=word(row, "name", "instance"),
        memory=number(row, "be/maxmem", "instance"),
        disk=number(row, "disk_usage", "instance"),
        vcpus=number(row, "be/vcpus", "instance"),
        status=word(row, "status", "instance"),
        auto_balance=value(row, "be/auto_balance", bool, "instance"),
        primary=word(row, "pnode", "instance"),
        secondary=next(iter(words(row, "snodes", "instance")), ""),
        template=value(row, "disk_template", DiskTemplate, "instance"),
        disks=_disks(row),
        tags=words(row, "tags", "instance"),
        spindle_use=number(row, "be/spindle_use", "instance"),
        forthcoming=value(row, "forthcoming", bool, "instance"),
        nics=tuple(value(row, "nic.networks", list[str | None], "instance")),
    )


def _disks(row: Row) -> tuple[Disk, ...]:
    sizes = value(row, "disk.sizes", list[int], "instance")
    spindles = value(row, "disk.spindles", list[int | None], "instance")
    if len(sizes) != len(spindles):
        raise refuse(row, "disk.spindles", "instance", "it must have as many as there are disks")
    return tuple(Disk(size=size, spindles=own) for size, own in zip(sizes, spindles, strict=True))
