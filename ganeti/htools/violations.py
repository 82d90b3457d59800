"""Nodes that are fuller than the policies' ratios allow."""

from __future__ import annotations

from ganeti.htools.cluster import Cluster
from ganeti.htools.status import NodeStatus, node_status


def violating_nodes(cluster: Cluster) -> tuple[int, ...]:
    """The indexes of online nodes with too many virtual CPUs, or too much use of their spindles."""
    return tuple(
        index for index, node in enumerate(node_status(cluster)) if _violates(cluster, node)
    )


def _violates(cluster: Cluster, node: NodeStatus) -> bool:
    if node.offline:
        return False
    policy = cluster.group_policy(cluster.groups[cluster.group_index[node.group]])
    limit = cluster.settings.max_cpu
    if node.vcpu > node.pcpu * (policy.vcpu_ratio if limit is None else limit):
        return True
    spindles = node.spindles * (1 if node.exclusive_storage else policy.spindle_ratio)
    return node.used_spindles > spindles
