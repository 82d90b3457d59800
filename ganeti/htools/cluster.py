"""The immutable model of a cluster that all of placement computes on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ganeti.htools.records import ClusterData, Group, Instance, Node, Policy, Settings


@dataclass(frozen=True, eq=False, slots=True)
class Cluster:
    """
    Groups, nodes and instances, checked and prepared.

    Never changed: what places or moves instances returns another one. An index
    (of a node, a group, an instance) is a position in the tuples.
    """

    groups: tuple[Group, ...]
    nodes: tuple[Node, ...]
    instances: tuple[Instance, ...]
    tags: tuple[str, ...]
    policy: Policy
    settings: Settings
    group_index: Mapping[str, int]
    """By uuid."""
    node_index: Mapping[str, int]
    """By full name."""
    instance_index: Mapping[str, int]
    warnings: tuple[str, ...]
    """What is odd about the data, a line each ("node1 is missing 5 MB ram...")."""
    suffix: str
    """What all names end with, with its dot; left out where names are shown."""

    def short(self, name: str) -> str:
        """C{name} without the common suffix."""

    def data(self) -> ClusterData:
        """What a writer writes: records as they are now."""

    def select(self, group: Group) -> Cluster:
        """The group alone: its nodes, and the instances that are wholly on them."""

    def with_offline(self, nodes: Iterable[str], offline: bool = True) -> Cluster:
        """With these nodes (full names) offline, or online."""

    def split_instances(self) -> tuple[str, ...]:
        """The names of instances that have nodes in two groups."""


def prepare(data: ClusterData, settings: Settings = Settings()) -> Cluster:
    """
    Make a cluster from what was loaded: options applied, references resolved.

    @raise InputError: a name is there twice, or names something that is not there.
    """


def find_node(cluster: Cluster, name: str) -> int:
    """
    The index of a node by its full or short name.

    @raise UnknownName: there is none.
    """


def find_instance(cluster: Cluster, name: str) -> int:
    """
    The index of an instance by its full or short name.

    @raise UnknownName: there is none.
    """


def find_group(cluster: Cluster, name: str) -> int:
    """
    The index of a group by its name or uuid.

    @raise UnknownName: there is none.
    """
