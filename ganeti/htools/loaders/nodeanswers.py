"""
Nodes from answers to queries.

Live data of nodes that are offline or not capable of virtual machines is not looked at; of the
others it must be there: moving instances off a node because its daemon does not answer
just now would be wrong. Only disk space may be unknown, as it is without storage of its own.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from ganeti.htools.loaders.cells import Row, number, refuse, share, value, word, words
from ganeti.htools.records import Node
from ganeti.htools.rows import LARGEST

NODE_FIELDS = (
    "name",
    "mtotal",
    "mnode",
    "mfree",
    "dtotal",
    "dfree",
    "ctotal",
    "cnos",
    "offline",
    "drained",
    "vm_capable",
    "group.uuid",
    "ndparams",
    "tags",
    "sptotal",
    "spfree",
)

_NO_LIVE_DATA = (
    "its live data is not known; see that its node daemon runs, or set it offline"
    " with 'gnt-node modify -O yes'"
)


def build_node(row: Row, master: str, own_memory: int) -> Node:
    """
    A node.

    @param own_memory: what it keeps for itself, in MiB; 0: what it says.
    @raise InputError: something makes no sense, or is missing.
    """
    name = word(row, "name", "node")
    params = value(row, "ndparams", dict[str, Any], "node")
    silent = value(row, "offline", bool, "node") or not value(row, "vm_capable", bool, "node")
    exclusive = bool(params.get("exclusive_storage"))
    node = Node(
        name=name,
        group=word(row, "group.uuid", "node"),
        total_memory=0,
        node_memory=0,
        free_memory=0,
        total_disk=0,
        free_disk=0,
        cpus=0,
        offline=silent or value(row, "drained", bool, "node"),
        master=name == master,
        spindles=0 if exclusive else number(params, "spindle_count", f"node {name}"),
        exclusive_storage=exclusive,
        tags=words(row, "tags", "node"),
        node_cpus=0,
        cpu_speed=share(params, "cpu_speed", f"node {name}") or 1.0,
    )
    return node if silent else _with_live_data(node, row, own_memory)


def _with_live_data(node: Node, row: Row, own_memory: int) -> Node:
    for field in ("mtotal", "mnode", "mfree", "ctotal", "cnos"):
        if row.get(field) is None:
            raise refuse(row, field, "node", _NO_LIVE_DATA)
    known = replace(
        node,
        total_memory=number(row, "mtotal", "node"),
        node_memory=own_memory or number(row, "mnode", "node"),
        free_memory=number(row, "mfree", "node", -LARGEST),
        total_disk=_space(row, "dtotal"),
        free_disk=_space(row, "dfree"),
        cpus=number(row, "ctotal", "node"),
        node_cpus=number(row, "cnos", "node"),
    )
    if not node.exclusive_storage:
        return known
    free = 0 if row.get("spfree") is None else number(row, "spfree", "node", -LARGEST)
    return replace(known, spindles=number(row, "sptotal", "node"), free_spindles=free)


def _space(row: Row, field: str) -> int:
    return 0 if row.get(field) is None else number(row, field, "node")
