"""
Which nodes can be rebooted at the same time (hroller(1)).

Nodes are the vertices of a graph: two have an edge when an instance has its disks on both, or when
instances of both would be migrated to the same node meanwhile. Nodes of one colour of it make a
group. A group is cut where the other nodes have no room for its instances that are only there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from ganeti.htools.cluster import Cluster
from ganeti.htools.colouring import colourings, comparison
from ganeti.htools.errors import InputError
from ganeti.htools.records import Instance, Node
from ganeti.htools.room import Room, rooms

Moves = tuple[tuple[str, tuple[str, ...]], ...]
"""An instance, and its nodes meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollingOptions:
    """What hroller's options change."""

    offline: bool = False
    """All instances are shut down meanwhile."""
    ignore_non_redundant: bool = False
    skip_non_redundant: bool = False
    full_evacuation: bool = False
    tags: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class RebootGroup:
    """Nodes, and where their instances go meanwhile."""

    nodes: tuple[str, ...]
    moves: Moves


class RebootPlan(NamedTuple):
    """
    The groups, larger ones first; the master is the last node of the last group.

    @ivar comparison: how many groups each order of colouring comes to.
    """

    groups: list[RebootGroup]
    comparison: str


def plan_reboots(cluster: Cluster, options: RollingOptions) -> RebootPlan:
    """
    Which nodes can be rebooted together.

    @raise InputError: no node is left, or instances have nowhere to go.
    """
    nodes = choose_nodes(cluster, options)
    if not nodes:
        raise InputError("no node is to be rebooted: none is online and has the wanted tags")
    position = {node.name: index for index, node in enumerate(nodes)}
    evacuation = Evacuation(cluster, options)
    groups: list[RebootGroup] = []
    found = colourings(_edges(cluster, position, options))
    for members in found[0].classes:
        groups += _cut(evacuation, [nodes[index].name for index in members])
    return RebootPlan(_in_order(cluster, groups), comparison(found))


def choose_nodes(cluster: Cluster, options: RollingOptions) -> list[Node]:
    """The nodes that the options leave."""
    lonely = {each.primary for each in cluster.instances if not each.secondary}
    return [
        node
        for node in cluster.nodes
        if not node.offline
        and (options.tags is None or not set(options.tags).isdisjoint(node.tags))
        and not (options.skip_non_redundant and node.name in lonely)
    ]


def _edges(
    cluster: Cluster, position: dict[str, int], options: RollingOptions
) -> list[Counter[int]]:
    edges: list[Counter[int]] = [Counter() for _node in position]
    guests: dict[str, set[int]] = {}
    for instance in cluster.instances:
        primary, secondary = position.get(instance.primary), position.get(instance.secondary)
        if primary is not None and secondary is not None:
            edges[primary][secondary] += 1
            edges[secondary][primary] += 1
        if primary is not None and instance.secondary:
            guests.setdefault(instance.secondary, set()).add(primary)
    if not options.offline:
        for primaries in guests.values():
            for one, other in product(primaries, repeat=2):
                edges[one].setdefault(other, 1)
    return edges


class Evacuation:
    """Where instances go while groups of nodes are rebooted."""

    def __init__(self, cluster: Cluster, options: RollingOptions) -> None:
        self._options = options
        self.rooms = rooms(cluster)
        self.group = {node.name: node.group for node in cluster.nodes}
        self.guests: dict[str, list[Instance]] = {node.name: [] for node in cluster.nodes}
        for instance in cluster.instances:
            if self._has_to_move(instance):
                for name in filter(None, (instance.primary, instance.secondary)):
                    self.guests[name].append(instance)
        self.order = {each.name: place for place, each in enumerate(cluster.instances)}

    def _has_to_move(self, instance: Instance) -> bool:
        if instance.secondary:
            return self._options.full_evacuation
        return not self._options.ignore_non_redundant


class Attempt:
    """A group that grows node by node, with the places of the instances that leave them."""

    def __init__(self, evacuation: Evacuation) -> None:
        self._evacuation = evacuation
        self._rooms = evacuation.rooms
        self._moved: dict[str, tuple[Instance, tuple[str, ...]]] = {}
        self.members: list[str] = []

    def add(self, name: str) -> bool:
        """Take one more node into the group, if its instances, and those moved to it, can leave."""
        order = self._evacuation.order
        here = [one for one, nodes in self._moved.values() if nodes[-1] == name]
        leaving = sorted([*self._evacuation.guests[name], *here], key=lambda one: order[one.name])
        free = {node: room for node, room in self._rooms.items() if node != name}
        group = self._evacuation.group
        near = {node: room for node, room in free.items() if group[node] == group[name]}
        found = {}
        for instance in leaving:
            before = self._moved.get(instance.name)
            nodes = _place(instance, near, name, before[1] if before else None)
            if nodes is None:
                return False
            found[instance.name] = (instance, nodes)
        self._rooms = {**free, **near}
        self._moved.update(found)
        self.members.append(name)
        return True

    def result(self) -> RebootGroup:
        """The group as it is."""
        order = self._evacuation.order
        moves = ((name, nodes) for name, (_one, nodes) in self._moved.items())
        sorted_moves = tuple(sorted(moves, key=lambda move: order[move[0]]))
        return RebootGroup(tuple(self.members), sorted_moves)


def _place(
    instance: Instance, free: dict[str, Room], leaving: str, before: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    """
    The first nodes with room: the only one, or the one that stays and a new secondary.

    @param free: the rooms; those that are taken change.
    @param before: where it was moved to earlier.
    """
    if not instance.secondary:
        for name, room in free.items():
            if (left := room.with_primary(instance, disk=True)) is not None:
                free[name] = left
                return (name,)
        return None
    if before is not None:
        stays = before[0]
    elif instance.primary == leaving:
        stays = instance.secondary
        there = free.get(stays)
        alone = there and there.without_secondary(instance).with_primary(instance, disk=False)
        if alone is None:
            return None
        free[stays] = alone
    else:
        stays = instance.primary
    for name, room in free.items():
        if name != stays and (left := room.with_secondary(instance, stays)) is not None:
            free[name] = left
            return (stays, name)
    return None


def _cut(evacuation: Evacuation, names: Sequence[str]) -> list[RebootGroup]:
    """Groups of these nodes, each as large as the others have room for its instances."""
    groups: list[RebootGroup] = []
    waiting = list(names)
    while waiting:
        attempt = Attempt(evacuation)
        waiting = [name for name in waiting if not attempt.add(name)]
        if not attempt.members:
            raise InputError(f"there is no room elsewhere for the instances of {waiting[0]}")
        groups.append(attempt.result())
    return groups


def _in_order(cluster: Cluster, groups: list[RebootGroup]) -> list[RebootGroup]:
    master = next((node.name for node in cluster.nodes if node.master), None)
    ordered = sorted(groups, key=lambda group: (master in group.nodes, -len(group.nodes)))
    return [
        RebootGroup(tuple(sorted(group.nodes, key=lambda name: name == master)), group.moves)
        for group in ordered
    ]
