"""Objects by their tags."""

from __future__ import annotations

from collections.abc import Iterator

from ganeti.model.cluster import Cluster
from ganeti.model.config import Configuration
from ganeti.model.group import NodeGroup
from ganeti.model.instance import Instance
from ganeti.model.network import Network
from ganeti.model.node import Node
from ganeti.model.tags import TagKind
from ganeti.utils.patterns import Pattern
from ganeti.utils.text import nice_sort_key

Tagged = Cluster | Instance | Network | Node | NodeGroup


def find_tagged(config: Configuration, kind: TagKind, name: str) -> Tagged:
    """
    An object that can have tags, by its name or uuid.

    @raise OpPrereqError: there is none.
    """
    match kind:
        case TagKind.CLUSTER:
            return config.cluster
        case TagKind.INSTANCE:
            return config.find_instance(name)
        case TagKind.NETWORK:
            return config.find_network(name)
        case TagKind.NODE:
            return config.find_node(name)
        case TagKind.NODEGROUP:
            return config.find_group(name)


def search_tags(config: Configuration, pattern: Pattern) -> Iterator[tuple[str, str]]:
    """
    The tags in which C{pattern} is found, each behind the path of its object.

    The cluster's first, then by kind of object and in natural order of their names.
    """
    for path, obj in _all_tagged(config):
        for tag in sorted(obj.tags):
            if pattern.search(tag):
                yield path, tag


def _all_tagged(config: Configuration) -> Iterator[tuple[str, Tagged]]:
    yield "/cluster", config.cluster
    kinds = (
        ("/instances", config.instances, config.instance_by_name),
        ("/nodes", config.nodes, config.node_by_name),
        ("/nodegroup", config.groups, config.group_by_name),
        ("/network", config.networks, config.network_by_name),
    )
    for path, objects, by_name in kinds:
        for name in sorted(by_name, key=nice_sort_key):
            yield f"{path}/{name}", objects[by_name[name]]
