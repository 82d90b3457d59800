"""
How busy processors are, as the nodes' monitoring daemons measured it (htools(1), --mond).

What is measured takes the place of the processor loads that were loaded or are assumed; other
loads stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from ganeti.htools.cluster import OFFLINE, Cluster
from ganeti.htools.records import Instance, Node


def share_totals(cluster: Cluster, totals: Mapping[str, float]) -> Cluster:
    """
    Give each virtual CPU of a node the same part of what all its processors do.

    The CPUs of the node itself count, too; their part stays when instances move. As in the
    original, offline instances do not count when parts are made, but get theirs.

    @param totals: by node name, how many processors are busy; of all nodes.
    """
    placed = [one for one in cluster.instances if one.primary and not one.forthcoming]
    used = {node.name: node.node_cpus for node in cluster.nodes}
    for one in placed:
        if one.status not in OFFLINE:
            used[one.primary] += one.vcpus
    part = {name: totals[name] / count if count else 0.0 for name, count in used.items()}
    rest = dict(totals)
    for one in placed:
        rest[one.primary] -= part[one.primary] * one.vcpus
    loads = {
        one.name: part[one.primary] * one.vcpus if one.primary else 0.0 for one in cluster.instances
    }
    return _with_loads(cluster, loads, rest)


def take_loads(cluster: Cluster, loads: Mapping[str, float]) -> Cluster:
    """
    Give each instance what was measured of it.

    @param loads: by instance name, how many processors it keeps busy; of all instances.
    """
    return _with_loads(cluster, loads, {})


def _with_loads(cluster: Cluster, loads: Mapping[str, float], rest: Mapping[str, float]) -> Cluster:
    return replace(
        cluster,
        nodes=tuple(_busy_node(node, rest.get(node.name, 0.0)) for node in cluster.nodes),
        instances=tuple(_busy_instance(one, loads[one.name]) for one in cluster.instances),
    )


def _busy_node(node: Node, load: float) -> Node:
    return msgspec.structs.replace(node, cpu_load=load)


def _busy_instance(instance: Instance, load: float) -> Instance:
    return msgspec.structs.replace(instance, load=msgspec.structs.replace(instance.load, cpu=load))
