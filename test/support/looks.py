"""Questions to the configuration of a virtual cluster of real daemons."""

from __future__ import annotations

from collections.abc import Callable

from ganeti.model.config import Configuration
from ganeti.model.instance import Instance
from ganeti.model.node import Node
from support.observe import read_store
from support.virtualcluster import VirtualCluster

Look = Callable[[VirtualCluster], bool]
"""Says whether a cluster is like that."""


def in_config(kind: str, name: str) -> Look:
    """Is there a node or instance C{name} in the configuration?"""

    def look(cluster: VirtualCluster) -> bool:
        objects = getattr(read_store(cluster.paths(1)).state.config, kind)
        return any(obj.name == name for obj in objects.values())

    return look


def instance_has(name: str, test: Callable[[Instance], bool]) -> Look:
    """Is the instance C{name} like that?"""

    def look(cluster: VirtualCluster) -> bool:
        instances = read_store(cluster.paths(1)).state.config.instances.values()
        return any(each.name == name and test(each) for each in instances)

    return look


def admin_up(name: str) -> Look:
    """Should the instance C{name} run?"""
    return instance_has(name, lambda instance: instance.admin_state == "up")


def tagged(name: str, tag: str) -> Look:
    """Has the instance C{name} this tag?"""
    return instance_has(name, lambda instance: tag in instance.tags)


def node_has(name: str, test: Callable[[Configuration, Node], bool]) -> Look:
    """Is the node C{name} like that?"""

    def look(cluster: VirtualCluster) -> bool:
        config = read_store(cluster.paths(1)).state.config
        return any(each.name == name and test(config, each) for each in config.nodes.values())

    return look


def cluster_has(field: str, value: object) -> Look:
    """Has this field of the cluster's record this value?"""

    def look(cluster: VirtualCluster) -> bool:
        record = read_store(cluster.paths(1)).state.config.cluster
        return bool(getattr(record, field) == value)

    return look


def negate(look: Look) -> Look:
    return lambda cluster: not look(cluster)
