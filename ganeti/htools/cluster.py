"""The immutable model of a cluster that all of placement computes on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from ganeti.htools.defaults import POLICY
from ganeti.htools.errors import InputError, UnknownName
from ganeti.htools.records import ClusterData, Group, Instance, Load, Node, Policy, Settings
from ganeti.htools.rows import shown

NO_LOAD = Load(cpu=0.0, memory=0.0, disk=0.0, net=0.0)
# From where on htools says that something is missing.
MUCH_MEMORY_MIB = 512
MUCH_DISK_MIB = 1024
# What nodes reserve for each other is a matrix.
MOST_NODES = 20_000


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
    unaccounted: tuple[int, ...]
    """By node: memory that is in use, and nobody knows by what; it stays when instances move."""

    def short(self, name: str) -> str:
        """C{name} without the common suffix."""
        return name.removesuffix(self.suffix) if self.suffix else name

    def data(self) -> ClusterData:
        """What a writer writes: records as they are now."""
        return ClusterData(
            groups=self.groups,
            nodes=self.nodes,
            instances=self.instances,
            tags=self.tags,
            policy=self.policy,
        )

    def select(self, group: Group) -> Cluster:
        """The group alone: its nodes, and the instances that are wholly on them."""
        kept = [node.group == group.uuid for node in self.nodes]
        nodes = tuple(node for node, keep in zip(self.nodes, kept, strict=True) if keep)
        inside = {node.name for node in nodes} | {""}
        instances = tuple(
            one for one in self.instances if one.primary in inside and one.secondary in inside
        )
        unaccounted = [x for x, keep in zip(self.unaccounted, kept, strict=True) if keep]
        return replace(
            self,
            groups=(group,),
            nodes=nodes,
            instances=instances,
            group_index={group.uuid: 0},
            node_index=positions(node.name for node in nodes),
            instance_index=positions(one.name for one in instances),
            unaccounted=tuple(unaccounted),
        )

    def with_offline(self, nodes: Iterable[str], offline: bool = True) -> Cluster:
        """With these nodes (full names) offline, or online."""
        wanted = set(nodes)
        return replace(
            self,
            nodes=tuple(
                msgspec.structs.replace(node, offline=offline) if node.name in wanted else node
                for node in self.nodes
            ),
        )

    def with_instances(self, instances: Sequence[Instance]) -> Cluster:
        """With these in place of all that are there."""
        return replace(
            self,
            instances=tuple(instances),
            instance_index=positions(one.name for one in instances),
        )

    def group_policy(self, group: Group) -> Policy:
        """What holds in C{group}."""
        return group.policy or self.policy

    def split_instances(self) -> tuple[str, ...]:
        """The names of instances that have nodes in two groups."""
        group = {node.name: node.group for node in self.nodes}
        return tuple(
            one.name
            for one in self.instances
            if one.primary and one.secondary and group[one.primary] != group[one.secondary]
        )


def positions(names: Iterable[str]) -> dict[str, int]:
    """Where each name is."""
    return {name: index for index, name in enumerate(names)}


AS_LOADED = Settings()


def prepare(data: ClusterData, settings: Settings = AS_LOADED) -> Cluster:
    """
    Make a cluster from what was loaded: options applied, references resolved.

    @raise InputError: a name is there twice, or names something that is not there.
    """
    if len(data.nodes) > MOST_NODES:
        raise InputError(f"There are {len(data.nodes)} nodes, and no more than {MOST_NODES} can be")
    group_index = index_names("node group", (group.uuid for group in data.groups))
    node_index = index_names("node", (node.name for node in data.nodes))
    instance_index = index_names("instance", (one.name for one in data.instances))
    check_references(data, group_index, node_index)
    suffix = common_suffix([*node_index, *instance_index])
    nodes = mark_offline(data.nodes, settings.offline, node_index, suffix)
    instances = apply_settings(data.instances, settings, instance_index, suffix)
    unaccounted, warnings = account(nodes, instances, node_index)
    return Cluster(
        groups=data.groups,
        nodes=nodes,
        instances=instances,
        tags=data.tags,
        policy=data.policy or POLICY,
        settings=settings,
        group_index=group_index,
        node_index=node_index,
        instance_index=instance_index,
        warnings=warnings,
        suffix=suffix,
        unaccounted=unaccounted,
    )


def index_names(what: str, names: Iterable[str]) -> dict[str, int]:
    """Where each name is; none may be there twice."""
    index: dict[str, int] = {}
    for position, name in enumerate(names):
        if index.setdefault(name, position) != position:
            raise InputError(f"The {what} {shown(name)} is there twice")
    return index


def check_references(
    data: ClusterData, groups: Mapping[str, int], nodes: Mapping[str, int]
) -> None:
    """Refuse what names a group or a node that is not there."""
    for node in data.nodes:
        if node.group not in groups:
            where = f"is in the unknown group {shown(node.group)}"
            raise InputError(f"The node {shown(node.name)} {where}")
    for one in data.instances:
        for name in (one.primary, one.secondary):
            if name and name not in nodes:
                where = f"is on the unknown node {shown(name)}"
                raise InputError(f"The instance {shown(one.name)} {where}")
        if one.primary and one.primary == one.secondary:
            what = f"has the node {shown(one.primary)} twice"
            raise InputError(f"The instance {shown(one.name)} {what}")


def common_suffix(names: Sequence[str]) -> str:
    """The longest end, from a dot on, that all names share."""
    if not names:
        return ""
    first, last = min(name[::-1] for name in names), max(name[::-1] for name in names)
    length = next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b),
        min(len(first), len(last)),
    )
    # A name is more than its suffix.
    shared = first[: min(length, *(len(name) - 1 for name in names))][::-1]
    dot = shared.find(".")
    return shared[dot:] if dot >= 0 else ""


def mark_offline(
    nodes: tuple[Node, ...], names: Sequence[str], index: Mapping[str, int], suffix: str
) -> tuple[Node, ...]:
    """The nodes with those of option -O offline."""
    changed = list(nodes)
    for name in names:
        position = look_up(name, index, suffix, "node")
        changed[position] = msgspec.structs.replace(changed[position], offline=True)
    return tuple(changed)


def apply_settings(
    instances: tuple[Instance, ...], settings: Settings, index: Mapping[str, int], suffix: str
) -> tuple[Instance, ...]:
    """The instances with what options say about loads and about being moved."""
    changed = list(instances)
    for name, load in (settings.loads or {}).items():
        position = look_up(name, index, suffix, "instance")
        changed[position] = msgspec.structs.replace(changed[position], load=load)
    if settings.ignore_loads:
        changed = [msgspec.structs.replace(one, load=NO_LOAD) for one in changed]
    kept = {look_up(name, index, suffix, "instance") for name in settings.excluded}
    if settings.selected is not None:
        selected = {look_up(name, index, suffix, "instance") for name in settings.selected}
        kept |= set(range(len(changed))) - selected
    for position in kept:
        changed[position] = msgspec.structs.replace(changed[position], movable=False)
    return tuple(changed)


def account(
    nodes: tuple[Node, ...], instances: tuple[Instance, ...], index: Mapping[str, int]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """By node the memory that nobody accounts for, and what is said about it."""
    memory = [0] * len(nodes)
    disk = [0] * len(nodes)
    for one in instances:
        if not one.primary or one.forthcoming:
            continue
        if uses_memory(one):
            memory[index[one.primary]] += one.memory
        for name in (one.primary, one.secondary):
            if name:
                disk[index[name]] += one.disk
    missing = [
        node.total_memory - node.node_memory - node.free_memory - used
        for node, used in zip(nodes, memory, strict=True)
    ]
    warnings = []
    for node, ram, used in zip(nodes, missing, disk, strict=True):
        lost = node.total_disk - node.free_disk - used
        if ram > MUCH_MEMORY_MIB or lost > MUCH_DISK_MIB:
            warnings.append(f"node {node.name} is missing {ram} MB ram and {lost // 1024} GB disk")
    return tuple(missing), tuple(reversed(warnings))


def uses_memory(instance: Instance) -> bool:
    """Whether its memory is counted as in use."""
    return not instance.forthcoming and instance.status not in DOWN


# Instances in these states use no memory; those that are offline not even processors.
DOWN = frozenset(("ADMIN_down", "ADMIN_offline", "ERROR_down", "USER_down"))
OFFLINE = frozenset(("ADMIN_offline",))


def look_up(name: str, index: Mapping[str, int], suffix: str, what: str) -> int:
    """Where the name is; it may be short."""
    position = index.get(name, index.get(name + suffix))
    if position is None:
        raise UnknownName(f"Unknown {what} {shown(name)}")
    return position


def find_node(cluster: Cluster, name: str) -> int:
    """
    The index of a node by its full or short name.

    @raise UnknownName: there is none.
    """
    return look_up(name, cluster.node_index, cluster.suffix, "node")


def find_instance(cluster: Cluster, name: str) -> int:
    """
    The index of an instance by its full or short name.

    @raise UnknownName: there is none.
    """
    return look_up(name, cluster.instance_index, cluster.suffix, "instance")


def find_group(cluster: Cluster, name: str) -> int:
    """
    The index of a group by its name or uuid.

    @raise UnknownName: there is none.
    """
    for position, group in enumerate(cluster.groups):
        if name in (group.name, group.uuid):
            return position
    raise UnknownName(f"Unknown node group {shown(name)}")
