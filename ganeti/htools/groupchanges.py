"""What an admin can change of node groups so that an instance fits (see L{changes})."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import msgspec

from ganeti.htools.cluster import Cluster, find_group, positions
from ganeti.htools.records import Group, Node, Policy
from ganeti.htools.shortage import number
from ganeti.model.group import AllocPolicy
from ganeti.model.templates import DiskTemplate


class RaiseRatio(NamedTuple):
    """Let a group's policy fill the spindles of its nodes further."""

    group: str
    ratio: float

    def apply(self, cluster: Cluster) -> Cluster:
        """The group has a policy of its own; what it allows already stays."""
        policy = group_policy(cluster, self.group)
        ratio = max(self.ratio, policy.spindle_ratio)
        return with_policy(
            cluster, self.group, msgspec.structs.replace(policy, spindle_ratio=ratio)
        )

    def words(self, cluster: Cluster) -> str:
        """The new ratio."""
        option = f"gnt-group modify --ipolicy-spindle-ratio={number(self.ratio)} {self.group}"
        return f"raise the spindle ratio of the group {self.group} ({option})"


class Widen(NamedTuple):
    """Let a group's policy allow the instance's size."""

    group: str
    policy: Policy
    what: str
    """What is not allowed."""

    def apply(self, cluster: Cluster) -> Cluster:
        """The group has these ranges."""
        policy = group_policy(cluster, self.group)
        return with_policy(
            cluster, self.group, msgspec.structs.replace(policy, ranges=self.policy.ranges)
        )

    def words(self, cluster: Cluster) -> str:
        """What the policy has to allow."""
        option = "gnt-group modify --ipolicy-bounds-specs"
        return f"let the policy of the group {self.group} allow {self.what} ({option})"


class AllowTemplate(NamedTuple):
    """Let a group's policy allow a disk template."""

    group: str
    template: DiskTemplate

    def apply(self, cluster: Cluster) -> Cluster:
        """The group has a policy with it, too."""
        policy = group_policy(cluster, self.group)
        templates = (*policy.templates, self.template)
        return with_policy(
            cluster, self.group, msgspec.structs.replace(policy, templates=templates)
        )

    def words(self, cluster: Cluster) -> str:
        """Which, and how."""
        option = "gnt-group modify --ipolicy-disk-templates"
        template = self.template.value
        return f"let the policy of the group {self.group} allow {template} ({option})"


class Connect(NamedTuple):
    """Connect a group to networks."""

    group: str
    networks: tuple[str, ...]

    def apply(self, cluster: Cluster) -> Cluster:
        """The group has them, too."""
        group = cluster.groups[find_group(cluster, self.group)]
        networks = (*group.networks, *self.networks)
        return with_group(cluster, msgspec.structs.replace(group, networks=networks))

    def words(self, cluster: Cluster) -> str:
        """Which networks."""
        names = ", ".join(self.networks)
        return f"connect the group {self.group} to the network {names} (gnt-network connect)"


class Allow(NamedTuple):
    """Let new instances come to a group."""

    group: str

    def apply(self, cluster: Cluster) -> Cluster:
        """It is preferred."""
        group = cluster.groups[find_group(cluster, self.group)]
        policy = AllocPolicy.PREFERRED
        return with_group(cluster, msgspec.structs.replace(group, alloc_policy=policy))

    def words(self, cluster: Cluster) -> str:
        """How."""
        return (
            f"let instances come to the group {self.group} "
            f"(gnt-group modify --alloc-policy=preferred {self.group})"
        )


class AddNodes(NamedTuple):
    """Put more nodes into a group; sizes in MiB, for instances."""

    group: str
    number: int
    memory: int
    disk: int
    cpus: int

    def apply(self, cluster: Cluster) -> Cluster:
        """Empty nodes of that size."""
        uuid = cluster.groups[find_group(cluster, self.group)].uuid
        added = tuple(
            Node(
                name=f"new-node-{place}",
                group=uuid,
                total_memory=self.memory,
                node_memory=0,
                free_memory=self.memory,
                total_disk=self.disk,
                free_disk=self.disk,
                cpus=self.cpus,
                node_cpus=0,
            )
            for place in range(self.number)
        )
        nodes = (*cluster.nodes, *added)
        return replace(
            cluster,
            nodes=nodes,
            node_index=positions(node.name for node in nodes),
            unaccounted=(*cluster.unaccounted, *(0 for _node in added)),
        )

    def words(self, cluster: Cluster) -> str:
        """How many, and how large."""
        what = "a node" if self.number == 1 else f"{self.number} nodes"
        size = f"at least {self.memory} MiB of memory"
        if self.disk:
            size += f" and {self.disk} MiB of disk"
        return f"add {what} with {size} free to the group {self.group}"


def with_group(cluster: Cluster, group: Group) -> Cluster:
    """The cluster with this in place of the group of the same uuid."""
    groups = tuple(group if one.uuid == group.uuid else one for one in cluster.groups)
    return replace(cluster, groups=groups)


def group_policy(cluster: Cluster, name: str) -> Policy:
    """What holds in a group."""
    return cluster.group_policy(cluster.groups[find_group(cluster, name)])


def with_policy(cluster: Cluster, name: str, policy: Policy) -> Cluster:
    """The cluster with that policy for a group."""
    group = cluster.groups[find_group(cluster, name)]
    return with_group(cluster, msgspec.structs.replace(group, policy=policy))
