"""
Empty groups of equal nodes (--simulate).

Each description is C{policy,nodes,disk,memory,cpus[,spindles[,exclusive storage]]}. As with the
original, the last one on the command line makes the first group.
"""

from __future__ import annotations

from ganeti.htools.defaults import POLICY
from ganeti.htools.errors import InputError
from ganeti.htools.loaders import Hints
from ganeti.htools.numbers import BadValue, parse_natural, parse_size
from ganeti.htools.records import ClusterData, Group, Node
from ganeti.htools.rows import shown
from ganeti.model.group import AllocPolicy

_SHORT = {
    "p": AllocPolicy.PREFERRED,
    "a": AllocPolicy.LAST_RESORT,
    "u": AllocPolicy.UNALLOCABLE,
}
LARGEST_GROUP = 20_000


def load(specs: tuple[str, ...], _hints: Hints) -> ClusterData:
    """
    The described cluster; its first node is the master.

    @raise InputError: a description makes no sense.
    """
    groups, nodes = [], list[Node]()
    for number, spec in enumerate(reversed(specs), 1):
        try:
            group, members = _group(number, spec)
        except BadValue as err:
            raise InputError(f"--simulate {shown(spec)}: {err}") from err
        groups.append(group)
        nodes += members
    return ClusterData(groups=tuple(groups), nodes=_with_master(nodes), instances=(), policy=POLICY)


def _group(number: int, spec: str) -> tuple[Group, list[Node]]:
    parts = [part.strip() for part in spec.split(",")]
    if not 5 <= len(parts) <= 7:
        raise BadValue(
            "expected 6 comma-separated sections (allocation policy, node count, disk size,"
            f" memory size, number of CPUs, spindles) but got {len(parts)}"
        )
    group = Group(
        name=f"group-{number:02}",
        uuid=f"fake-uuid-{number:02}",
        alloc_policy=_policy(parts[0]),
        policy=POLICY,
    )
    count = parse_natural(parts[1], "node count")
    if count > LARGEST_GROUP:
        raise BadValue(f"node count: {count} is more than {LARGEST_GROUP}")
    names = (f"node-{number:02}-{place:03}" for place in range(1, count + 1))
    return group, [_node(name, group.uuid, parts) for name in names]


def _policy(text: str) -> AllocPolicy:
    if text in _SHORT:
        return _SHORT[text]
    try:
        return AllocPolicy(text)
    except ValueError as err:
        raise BadValue(f"allocation policy: {shown(text)} is none of p, a, u") from err


def _node(name: str, group_uuid: str, parts: list[str]) -> Node:
    disk = parse_size(parts[2], "disk size")
    memory = parse_size(parts[3], "memory size")
    spindles = parse_natural(parts[5], "spindles") if len(parts) > 5 else 1
    exclusive = len(parts) > 6 and _truth(parts[6])
    return Node(
        name=name,
        group=group_uuid,
        total_memory=memory,
        node_memory=0,
        free_memory=memory,
        total_disk=disk,
        free_disk=disk,
        cpus=parse_natural(parts[4], "cpu count"),
        spindles=spindles,
        free_spindles=spindles if exclusive else 0,
        exclusive_storage=exclusive,
    )


def _truth(text: str) -> bool:
    if text not in ("True", "False"):
        raise BadValue(f"exclusive storage: {shown(text)} is neither True nor False")
    return text == "True"


def _with_master(nodes: list[Node]) -> tuple[Node, ...]:
    from msgspec.structs import replace

    return tuple(
        replace(node, master=True) if place == 0 else node for place, node in enumerate(nodes)
    )
