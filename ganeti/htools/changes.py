"""
What an admin can change so that an instance fits: nodes (L{groupchanges}: groups).

Each change can be told, and can be applied to a cluster: what is told is tried first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple, Protocol

import msgspec

from ganeti.htools.cluster import Cluster, find_instance, find_node
from ganeti.htools.records import Node
from ganeti.htools.state import State


class Change(Protocol):
    """Something that an admin can do."""

    def apply(self, cluster: Cluster) -> Cluster:
        """The cluster afterwards."""

    def words(self, cluster: Cluster) -> str:
        """What to do, as an order, without a full stop."""


class Free(NamedTuple):
    """Make room on a node; sizes in MiB."""

    node: str
    memory: int = 0
    disk: int = 0
    spindles: int = 0
    cpus: int = 0
    failed: str = ""
    """Some of it is for the case that this node fails."""

    def apply(self, cluster: Cluster) -> Cluster:
        """As if something else had left the node."""
        node = cluster.nodes[find_node(cluster, self.node)]
        return with_node(
            cluster,
            msgspec.structs.replace(
                node,
                total_memory=node.total_memory + self.memory,
                free_memory=node.free_memory + self.memory,
                free_disk=node.free_disk + self.disk,
                free_spindles=node.free_spindles + self.spindles,
                node_cpus=node.node_cpus - self.cpus,
            ),
        )

    def amounts(self) -> str:
        """What, and how much of it."""
        amounts = (
            (self.memory, "MiB of memory"),
            (self.disk, "MiB of disk"),
            (self.spindles, "spindle" if self.spindles == 1 else "spindles"),
            (self.cpus, "virtual CPU" if self.cpus == 1 else "virtual CPUs"),
        )
        return " and ".join(f"{amount} {unit}" for amount, unit in amounts if amount)

    def words(self, cluster: Cluster) -> str:
        """Where."""
        told = f"free {self.amounts()} on {cluster.short(self.node)}"
        if self.cpus:
            told += " (or raise its group's --ipolicy-vcpu-ratio)"
        if self.failed:
            told += f" (for the case that {cluster.short(self.failed)} fails)"
        return told

    def plus(self, other: Free) -> Free:
        """Both, on the same node."""
        return Free(
            self.node,
            self.memory + other.memory,
            self.disk + other.disk,
            self.spindles + other.spindles,
            self.cpus + other.cpus,
            self.failed or other.failed,
        )


class Enlarge(NamedTuple):
    """Make room on a node that is too small for it even when it is empty."""

    free: Free
    memory: int
    """What it has in all."""
    disk: int

    def apply(self, cluster: Cluster) -> Cluster:
        """The node has so much more."""
        return self.free.apply(cluster)

    def words(self, cluster: Cluster) -> str:
        """What it needs, and what it has."""
        sizes = (
            (self.free.memory, f"{self.memory} MiB of memory"),
            (self.free.disk, f"{self.disk} MiB of disk"),
        )
        whole = " and ".join(text for amount, text in sizes if amount)
        name = cluster.short(self.free.node)
        return f"make {name} larger: it needs {self.free.amounts()} more, and has {whole} in all"


def merged(changes: list[Change]) -> list[Change]:
    """Room on the same node as one change, where the last of them was."""
    found: list[Change] = []
    for change in changes:
        before = [one for one in found if isinstance(one, Free)]
        same = [one for one in before if isinstance(change, Free) and one.node == change.node]
        if same and isinstance(change, Free):
            found.remove(same[0])
            change = same[0].plus(change)
        found.append(change)
    return found


class BringBack(NamedTuple):
    """Use a node that is offline or drained."""

    node: str
    needs: Free | None = None
    """What it must have; told when nothing is known of the node."""

    def apply(self, cluster: Cluster) -> Cluster:
        """The node is online."""
        online = cluster.with_offline([self.node], False)
        return online if self.needs is None else self.needs.apply(online)

    def words(self, cluster: Cluster) -> str:
        """The command for both reasons."""
        command = "gnt-node modify --offline=no --drained=no"
        text = f"bring {cluster.short(self.node)} back ({command})"
        return text if self.needs is None else f"{text}, if it has {self.needs.amounts()} free"


class MoveOff(NamedTuple):
    """Move instances with the same exclusion tag to other nodes."""

    node: str
    instances: tuple[str, ...]

    def apply(self, cluster: Cluster) -> Cluster:
        """They are somewhere else, outside of the cluster."""
        state = State(cluster)
        for name in self.instances:
            state.place(find_instance(cluster, name), -1, -1)
        after = state.result()
        return after.with_instances([one for one in after.instances if one.primary])

    def words(self, cluster: Cluster) -> str:
        """At most three names."""
        names = ", ".join(cluster.short(name) for name in self.instances[:3])
        more = f" and {len(self.instances) - 3} more" if len(self.instances) > 3 else ""
        return f"move {names}{more} off {cluster.short(self.node)} (same exclusion tag)"


def with_node(cluster: Cluster, node: Node) -> Cluster:
    """The cluster with this in place of the node of the same name."""
    nodes = tuple(node if one.name == node.name else one for one in cluster.nodes)
    return replace(cluster, nodes=nodes)
