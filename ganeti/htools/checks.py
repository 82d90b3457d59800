"""
Whether what a loader read fits together.

Every loader has its data checked here, so that all later code may trust names: each one is there,
once, and refers to something that is there, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ganeti.htools.records import ClusterData, Instance
from ganeti.htools.rows import shown


class Flaw(NamedTuple):
    """Something that does not fit: in which record of which kind, in which field, and why."""

    kind: str  # "group", "node" or "instance"
    position: int
    field: str
    what: str


def find_flaw(data: ClusterData) -> Flaw | None:
    """The first thing that does not fit together; None when all does."""
    return next(_flaws(data), None)


def _flaws(data: ClusterData) -> Iterator[Flaw]:
    yield from _repeated("group", "group name", [group.name for group in data.groups])
    yield from _repeated("group", "group uuid", [group.uuid for group in data.groups])
    yield from _repeated("node", "node name", [node.name for node in data.nodes])
    yield from _repeated("instance", "instance name", [each.name for each in data.instances])
    groups = {group.uuid for group in data.groups}
    for index, node in enumerate(data.nodes):
        if node.group not in groups:
            yield Flaw("node", index, "node group", f"there is no group {shown(node.group)}")
    nodes = {node.name for node in data.nodes}
    for index, instance in enumerate(data.instances):
        yield from _instance_flaws(index, instance, nodes)


def _repeated(kind: str, field: str, names: list[str]) -> Iterator[Flaw]:
    if len(set(names)) == len(names) and "" not in names:
        return
    seen: set[str] = set()
    for index, name in enumerate(names):
        if not name:
            yield Flaw(kind, index, field, "it is empty")
        if name in seen:
            yield Flaw(kind, index, field, f"{shown(name)} is there twice")
        seen.add(name)


def _instance_flaws(index: int, instance: Instance, nodes: set[str]) -> Iterable[Flaw]:
    if instance.primary not in nodes:
        what = f"there is no node {shown(instance.primary)}"
        yield Flaw("instance", index, "primary node", what)
    if not instance.secondary:
        return
    if instance.secondary not in nodes:
        what = f"there is no node {shown(instance.secondary)}"
        yield Flaw("instance", index, "secondary node", what)
    if instance.secondary == instance.primary:
        what = f"it is the primary node {shown(instance.primary)}, too"
        yield Flaw("instance", index, "secondary node", what)
