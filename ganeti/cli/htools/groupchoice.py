"""Which group a program works on."""

from __future__ import annotations

from ganeti.cli.htools.console import Console, abort
from ganeti.htools.cluster import Cluster, find_group
from ganeti.htools.errors import UnknownName


def choose_group(console: Console, cluster: Cluster) -> Cluster:
    """
    The group that --group names, alone; the only one that has nodes when it names none.

    @raise Abort: there is none of that name, or none is named and there are several.
    """
    wanted = console.options.group or _only_group(console, cluster)
    part = select_group(console, cluster, wanted)
    console.out(f"Group size {len(part.nodes)} nodes, {len(part.instances)} instances")
    console.out(f"Selected node group: {part.groups[0].name}")
    return part


def select_group(console: Console, cluster: Cluster, wanted: str) -> Cluster:
    """
    The group of this name or uuid, alone.

    @raise Abort: there is none, or it has no nodes.
    """
    try:
        group = cluster.groups[find_group(cluster, wanted)]
    except UnknownName:
        console.note(f"Node group {wanted} not found. Node group list is:")
        _refuse(console, cluster)
    part = cluster.select(group)
    if not part.nodes:
        abort(f"the node group {group.name} has no nodes")
    return part


def _only_group(console: Console, cluster: Cluster) -> str:
    used = {node.group for node in cluster.nodes}
    groups = [group for group in cluster.groups if group.uuid in used]
    if len(groups) > 1:
        console.note("Found multiple node groups:")
        _refuse(console, cluster)
    return groups[0].uuid


def _refuse(console: Console, cluster: Cluster) -> None:
    for group in cluster.groups:
        console.note(f"  {group.name}")
    abort("Aborting.")
