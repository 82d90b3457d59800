"""
Where instances are, and what that makes of the nodes: the part that moves.

Lives inside one computation and is never shared: what leaves is a
L{ganeti.htools.cluster.Cluster} again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec
import numpy as np

from ganeti.htools.cluster import Cluster
from ganeti.htools.records import Node
from ganeti.htools.tables import (
    DISK,
    FREE_SPIN,
    MEM,
    Flags,
    Floats,
    InstanceTable,
    Ints,
    NodeTable,
    empty_resources,
    instance_table,
    node_table,
)
from ganeti.htools.tagtables import TagTable, tag_table

# Memory is whole MiB.
EXACTLY = 0.5


class State:
    """The arrays of a cluster; L{move} and L{place} keep them in O(1) nodes."""

    nodes: NodeTable
    instances: InstanceTable
    tags: TagTable
    primary: Ints
    """By instance: the index of its primary node; -1: none."""
    secondary: Ints
    resources: Floats
    """[resource, node]."""
    peers: Floats
    """[secondary, primary]: memory reserved on the one for instances of the other."""
    peers_of: Floats
    """The same, [primary, secondary]."""
    reserved: Floats
    """By node: the largest of its row in C{peers}."""
    primaries: Floats
    """By node: how many instances that count."""
    secondaries: Floats
    tag_counts: Floats
    """[exclusion tag, node]: primary instances with it; the last row stays 0."""
    tag_repeats: Floats
    """By node: primary instances with an exclusion tag that another one before them has."""
    location_tags: Floats
    """[location, exclusion tag]: primary instances with the one on nodes with the other."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.nodes = node_table(cluster)
        self.instances = instance_table(cluster.instances)
        self.tags = tag_table(cluster)
        index = cluster.node_index
        self.primary = node_indexes([one.primary for one in cluster.instances], index)
        self.secondary = node_indexes([one.secondary for one in cluster.instances], index)
        count = self.nodes.count
        self.resources = empty_resources(cluster, self.primary, self.secondary)
        # Until an instance comes or goes, a node keeps N+1 with exactly what is reserved; and
        # more that is free than can be is believed.
        self.slack = np.maximum(-np.array(cluster.unaccounted, dtype=np.float64), 0.0) + EXACTLY
        self.peers = np.zeros((count, count))
        self.peers_of = np.zeros((count, count))
        self.primaries = np.zeros(count)
        self.secondaries = np.zeros(count)
        self.tag_counts = np.zeros((self.tags.exclusion_count + 1, count))
        self.tag_repeats = np.zeros(count)
        places = 0 if self.tags.locations is None else self.tags.locations.shape[1]
        self.location_tags = np.zeros((places, self.tags.exclusion_count + 1))
        self.copies: list[tuple[int, int, int]] = []
        """Rows of the table, primary and secondary nodes of those put in by L{add_copy}."""
        self._add_all()
        self.reserved = self.peers.max(axis=1, initial=0.0)

    def _add_all(self) -> None:
        """Count every instance where it is."""
        table = self.instances
        first, second = np.flatnonzero(self.primary >= 0), np.flatnonzero(self.secondary >= 0)
        on, behind = self.primary[first], self.secondary[second]
        for row, own, copy in zip(
            self.resources, table.as_primary, table.as_secondary, strict=True
        ):
            np.add.at(row, on, own[first])
            np.add.at(row, behind, copy[second])
        np.add.at(self.primaries, on, table.counted[first])
        np.add.at(self.secondaries, behind, table.counted[second])
        both = np.flatnonzero((self.primary >= 0) & (self.secondary >= 0))
        np.add.at(self.peers, (self.secondary[both], self.primary[both]), table.reserved[both])
        self.peers_of[:] = self.peers.T
        if self.tags.exclusion is not None:
            for instance in first:
                self._count_tags(int(instance), int(self.primary[instance]), 1.0)

    def place(self, instance: int, primary: int, secondary: int) -> None:
        """Put an instance on nodes; -1: on none."""
        self._count(instance, -1.0)
        self.primary[instance], self.secondary[instance] = primary, secondary
        self._count(instance, 1.0)

    def _count(self, instance: int, sign: float) -> None:
        """Add an instance to the nodes it is on, or take it away."""
        table = self.instances
        first, second = int(self.primary[instance]), int(self.secondary[instance])
        for node in (first, second):
            if node >= 0:
                self.slack[node] = 0.0
        if first >= 0:
            self.resources[:, first] += sign * table.as_primary[:, instance]
            self.primaries[first] += sign * table.counted[instance]
            if self.tags.exclusion is not None:
                self._count_tags(instance, first, sign)
        if second >= 0:
            self.resources[:, second] += sign * table.as_secondary[:, instance]
            self.secondaries[second] += sign * table.counted[instance]
        if first >= 0 and second >= 0:
            self.peers[second, first] += sign * table.reserved[instance]
            self.peers_of[first, second] = self.peers[second, first]
            self.reserved[second] = self.peers[second].max()

    def _count_tags(self, instance: int, node: int, sign: float) -> None:
        """Add the exclusion tags of an instance to its primary node, or take them away."""
        if self.tags.exclusion is None:
            return
        tags = [tag for tag in self.tags.exclusion[instance] if tag < self.tags.exclusion_count]
        # The last of a tag is no repetition, coming or going.
        others = self.tag_counts[tags, node] - (sign < 0)
        self.tag_repeats[node] += sign * float((others > 0).sum())
        self.tag_counts[tags, node] += sign
        if self.tags.locations is not None and self.nodes.online[node]:
            weight = sign * self.instances.counted[instance]
            self.location_tags[:, tags] += weight * self.tags.locations[node][:, None]

    def tags_there(self, instances: Ints, at: slice | Ints) -> Flags:
        """[instance, slot, node]: whether another's exclusion tag is on the node already."""
        assert self.tags.exclusion is not None
        tags = self.tags.exclusion[instances]
        if isinstance(at, slice):
            return self.tag_counts[tags][:, :, at] > 0
        return self.tag_counts[tags[:, :, None], at] > 0

    def occupied(self) -> tuple[Ints, Ints, Ints]:
        """All instances that are somewhere: rows of the table, primary and secondary nodes."""
        rows = np.flatnonzero(self.primary >= 0)
        primary, secondary = self.primary[rows], self.secondary[rows]
        if not self.copies:
            return rows, primary, secondary
        more = np.array(self.copies, dtype=np.intp)
        return (
            np.concatenate([rows, more[:, 0]]),
            np.concatenate([primary, more[:, 1]]),
            np.concatenate([secondary, more[:, 2]]),
        )

    def add_copy(self, instance: int, primary: int, secondary: int) -> None:
        """Put one more instance like that one on nodes; the one itself is on none."""
        self.copies.append((instance, primary, secondary))
        self.primary[instance], self.secondary[instance] = primary, secondary
        self._count(instance, 1.0)
        self.primary[instance] = self.secondary[instance] = -1

    def failing(self) -> Flags:
        """By node: whether its unallocated memory is not more than the reserved."""
        failing: Flags = self.resources[MEM] + self.slack <= self.reserved
        return failing

    def fails_n1(self) -> Floats:
        """By node: 1 where it is online and fails N+1."""
        return (self.nodes.online & self.failing()).astype(np.float64)

    def result(self) -> Cluster:
        """The cluster as it is now."""
        return moved_cluster(self)


def node_indexes(names: list[str], index: Mapping[str, int]) -> Ints:
    """Where the nodes are; -1 for none."""
    return np.array([index[name] if name else -1 for name in names], dtype=np.intp)


def moved_cluster(state: State) -> Cluster:
    """The records that belong to a state."""
    cluster = state.cluster
    names = [node.name for node in cluster.nodes] + [""]
    instances = tuple(
        one
        if (one.primary, one.secondary) == (names[first], names[second])
        else msgspec.structs.replace(one, primary=names[first], secondary=names[second])
        for one, first, second in zip(
            cluster.instances, state.primary.tolist(), state.secondary.tolist(), strict=True
        )
    )
    nodes = tuple(node_now(state, node, index) for index, node in enumerate(cluster.nodes))
    return replace(cluster, nodes=nodes, instances=instances)


def node_now(state: State, node: Node, index: int) -> Node:
    """A node with what would be measured on it."""
    unaccounted = min(state.cluster.unaccounted[index], 0)
    measured = int(state.resources[MEM, index]) - unaccounted
    return msgspec.structs.replace(
        node,
        free_memory=node.free_memory if node.offline else measured,
        free_disk=int(state.resources[DISK, index]),
        free_spindles=int(state.resources[FREE_SPIN, index]),
    )
