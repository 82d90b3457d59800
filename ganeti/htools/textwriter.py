"""Writing the text format; see L{ganeti.htools.text} for what it is."""

from __future__ import annotations

from collections.abc import Iterator

from ganeti.htools.defaults import POLICY
from ganeti.htools.policytext import format_policy
from ganeti.htools.records import ClusterData, Group, Instance, Node


def format_text(data: ClusterData) -> str:
    """A whole cluster as Ganeti's tools write it."""
    return "\n".join(_lines(data)) + "\n"


def _lines(data: ClusterData) -> Iterator[str]:
    policy = data.policy or POLICY
    yield from map(_group, data.groups)
    yield ""
    yield from map(_node, data.nodes)
    yield ""
    yield from map(_instance, data.instances)
    yield ""
    yield from data.tags
    yield ""
    yield format_policy("", policy)
    for group in data.groups:
        yield format_policy(group.name, group.policy or policy)


def _group(group: Group) -> str:
    tags, networks = ",".join(group.tags), ",".join(group.networks)
    return f"{group.name}|{group.uuid}|{group.alloc_policy}|{tags}|{networks}"


def _node(node: Node) -> str:
    role = "M" if node.master else "Y" if node.offline else "N"
    cells = (
        node.name,
        str(node.total_memory),
        str(node.node_memory),
        str(node.free_memory),
        str(node.total_disk),
        str(node.free_disk),
        str(node.cpus),
        role,
        node.group,
        str(node.spindles),
        ",".join(node.tags),
        _flag(node.exclusive_storage),
        str(node.free_spindles),
        str(node.node_cpus),
        _positional(node.cpu_speed),
    )
    return "|".join(cells)


def _instance(instance: Instance) -> str:
    cells = (
        instance.name,
        str(instance.memory),
        str(instance.disk),
        str(instance.vcpus),
        instance.status,
        _flag(instance.auto_balance),
        instance.primary,
        instance.secondary,
        instance.template,
        ",".join(instance.tags),
        str(instance.spindle_use),
        _spindles(instance),
        _flag(instance.forthcoming),
    )
    return "|".join(cells)


def _spindles(instance: Instance) -> str:
    known = [disk.spindles for disk in instance.disks if disk.spindles is not None]
    return str(sum(known)) if known or not instance.disks else "-"


def _positional(value: float) -> str:
    """A float without an exponent."""
    text = repr(value)
    if "e" not in text:
        return text
    from decimal import Decimal

    plain = f"{Decimal(text):f}"
    return plain if "." in plain else f"{plain}.0"


def _flag(value: bool) -> str:
    return "Y" if value else "N"
