"""Sums over all nodes of a cluster: what there is, what is used, what is left."""

from __future__ import annotations

from dataclasses import dataclass

from ganeti.htools.cluster import Cluster
from ganeti.htools.score import score
from ganeti.htools.status import NodeStatus, node_status


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """
    What hspace(1) calls MEM_FREE, DSK_AVAIL and so on.

    Free is what no instance has; available is what is left of it after the reserve of each node
    (for N+1, or for --min-disk).
    """

    nodes: int
    memory: int
    memory_free: int
    memory_available: int
    memory_instances: int
    memory_overhead: int
    disk: int
    disk_free: int
    disk_available: int
    disk_instances: int
    cpus: int
    vcpus: float
    """How many virtual CPUs the policies allow."""
    vcpus_used: int
    """With those that the nodes keep for themselves."""
    cpus_used: float
    """Real CPUs that they stand for, by the policies' ratios."""
    spindles: int
    spindles_free: int
    largest_memory: int
    """Most available memory on one node."""
    largest_disk: int
    instances: int
    score: float


def count_all(cluster: Cluster) -> Totals:
    """The sums."""
    nodes = node_status(cluster)
    ratios = [_ratio(cluster, node) for node in nodes]
    memory = [max(0, node.u_mem - node.r_mem) for node in nodes]
    least = cluster.settings.min_disk
    disk = [max(0, node.f_dsk - int(least * node.t_dsk)) for node in nodes]
    disk_total = sum(node.t_dsk for node in nodes)
    disk_free = sum(node.f_dsk for node in nodes)
    pairs = list(zip(nodes, ratios, strict=True))
    return Totals(
        nodes=len(nodes),
        memory=sum(node.t_mem for node in nodes),
        memory_free=sum(node.u_mem for node in nodes),
        memory_available=sum(memory),
        memory_instances=sum(node.i_mem for node in nodes),
        memory_overhead=sum(node.n_mem + node.x_mem for node in nodes),
        disk=disk_total,
        disk_free=disk_free,
        disk_available=sum(disk),
        disk_instances=disk_total - disk_free,
        cpus=sum(node.pcpu for node in nodes),
        vcpus=sum(node.pcpu * ratio for node, ratio in pairs),
        vcpus_used=sum(node.vcpu for node in nodes),
        cpus_used=sum(node.vcpu / ratio for node, ratio in pairs if ratio),
        spindles=sum(node.spindles for node in nodes),
        spindles_free=sum(node.free_spindles for node in nodes if node.exclusive_storage),
        largest_memory=max(memory, default=0),
        largest_disk=max(disk, default=0),
        instances=sum(not each.forthcoming for each in cluster.instances),
        score=score(cluster),
    )


def _ratio(cluster: Cluster, node: NodeStatus) -> float:
    if cluster.settings.max_cpu is not None:
        return cluster.settings.max_cpu
    return cluster.group_policy(cluster.groups[cluster.group_index[node.group]]).vcpu_ratio
