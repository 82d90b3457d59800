"""
The text format: a whole cluster as a file (htools(1), --text-data).

Five sections with one empty line between them: groups, nodes, instances, cluster tags, policies;
one line each, columns separated by bars. Ganeti's own tools read what L{textwriter} writes, and
what they write is read here.
"""

from __future__ import annotations

from typing import NamedTuple

from ganeti.htools.checks import Flaw, find_flaw
from ganeti.htools.defaults import POLICY
from ganeti.htools.errors import InputError
from ganeti.htools.policytext import POLICY_COLUMNS, parse_policy, parse_template
from ganeti.htools.records import ClusterData, Disk, Group, Instance, Node, Policy
from ganeti.htools.rows import Row, amount, integer, misplaced, natural, rounded, shown, words
from ganeti.model.group import AllocPolicy

GROUP_COLUMNS = ("group name", "group uuid", "allocation policy", "tags", "networks")
NODE_COLUMNS = (
    "node name",
    "total memory",
    "node memory",
    "free memory",
    "total disk",
    "free disk",
    "CPUs",
    "role",
    "node group",
    "spindles",
    "tags",
    "exclusive storage",
    "free spindles",
    "node CPUs",
    "CPU speed",
)
INSTANCE_COLUMNS = (
    "instance name",
    "memory",
    "disk",
    "VCPUs",
    "status",
    "auto balance",
    "primary node",
    "secondary node",
    "disk template",
    "tags",
    "spindle use",
    "spindles",
    "forthcoming",
)
STATUSES = (
    "ADMIN_down",
    "ADMIN_offline",
    "ERROR_down",
    "ERROR_nodedown",
    "ERROR_nodeoffline",
    "ERROR_up",
    "ERROR_wrongnode",
    "USER_down",
    "running",
)


MOST_LINES = 4_000_000
"""A tag of the cluster has a line."""


class Section(NamedTuple):
    """The lines of one section, and the number of the first one in the file."""

    first: int
    lines: list[str]


class OwnedPolicy(NamedTuple):
    """A policy and the line where it is."""

    line: int
    policy: Policy


def parse_text(text: str, source: str) -> ClusterData:
    """
    Read a cluster.

    @param source: the file's name, for errors.
    @raise InputError: naming file, line and column.
    """
    sections = _cut(text, source)
    policies = _policies(source, sections[4]) if len(sections) > 4 else {}
    data = ClusterData(
        groups=tuple(_group(row, policies) for row in _rows(source, sections[0], GROUP_COLUMNS, 4)),
        nodes=tuple(map(_node, _rows(source, sections[1], NODE_COLUMNS, 9))),
        instances=tuple(map(_instance, _rows(source, sections[2], INSTANCE_COLUMNS, 10))),
        tags=tuple(sections[3].lines),
        policy=policies[""].policy if "" in policies else POLICY,
    )
    _check_owners(source, data, policies)
    flaw = find_flaw(data)
    if flaw is not None:
        raise _flaw_error(source, sections, flaw)
    return data


def _cut(text: str, source: str) -> list[Section]:
    """The five sections, or four: older files have no policies. More are not read."""
    if text.count("\n") > MOST_LINES:
        raise misplaced(source, MOST_LINES, "sections", f"there are more than {MOST_LINES} lines")
    if text.startswith("\ufeff"):
        raise misplaced(source, 1, "sections", "the file begins with a byte order mark")
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    ends = [number for number, line in enumerate(lines) if line == ""][:5]
    starts = [0, *(end + 1 for end in ends)]
    pairs = zip(starts, [*ends, len(lines)], strict=True)
    sections = [Section(start + 1, lines[start:end]) for start, end in pairs][:5]
    if len(sections) < 4:
        there = len(sections) if text else 0
        what = f"the file ends after {there} of at least 4 sections (an empty line ends one)"
        if "\r\n" in text:
            what += "; its lines end with CR LF, and have to end with LF"
        raise misplaced(source, len(lines), "sections", what)
    return sections


def _rows(source: str, section: Section, columns: tuple[str, ...], least: int) -> list[Row]:
    rows = [
        Row(source, number, line, columns)
        for number, line in enumerate(section.lines, section.first)
    ]
    for row in rows:
        row.need(least)
    return rows


def _group(row: Row, policies: dict[str, OwnedPolicy]) -> Group:
    name = row.cells[0]
    return Group(
        name=name,
        uuid=row.cells[1],
        alloc_policy=AllocPolicy(row.choice(2, tuple(AllocPolicy))),
        tags=row.parse(3, words),
        networks=row.optional(4, words, ()),
        policy=policies[name].policy if name and name in policies else POLICY,
    )


def _node(row: Row) -> Node:
    cells = row.cells
    if "?" in cells[1:7]:
        return _unknown_node(row)
    return Node(
        name=cells[0],
        total_memory=row.parse(1, rounded),
        node_memory=row.parse(2, natural),
        free_memory=row.parse(3, integer),
        total_disk=row.parse(4, rounded),
        free_disk=row.parse(5, integer),
        cpus=row.parse(6, rounded),
        offline=cells[7] == "Y",
        master=cells[7] == "M",
        group=cells[8],
        spindles=row.optional(9, natural, 1),
        tags=row.optional(10, words, ()),
        exclusive_storage=row.flag(11, False),
        free_spindles=row.optional(12, integer, 0),
        node_cpus=row.optional(13, natural, 1),
        cpu_speed=row.optional(14, _speed, 1.0),
    )


def _unknown_node(row: Row) -> Node:
    """A node that did not say what it has: it counts as offline."""
    return Node(
        name=row.cells[0],
        total_memory=0,
        node_memory=0,
        free_memory=0,
        total_disk=0,
        free_disk=0,
        cpus=0,
        offline=True,
        group=row.cells[8],
        spindles=0,
        tags=row.optional(10, words, ()),
        exclusive_storage=row.flag(11, False),
        node_cpus=0,
    )


def _speed(text: str) -> float:
    speed = amount(text)
    if speed == 0:
        raise ValueError("a CPU speed of 0 makes no sense")
    return speed


def _instance(row: Row) -> Instance:
    cells = row.cells
    disk = row.parse(2, natural)
    return Instance(
        name=cells[0],
        memory=row.parse(1, natural),
        disk=disk,
        vcpus=row.parse(3, natural),
        status=row.choice(4, STATUSES),
        auto_balance=row.flag(5),
        primary=cells[6],
        secondary=cells[7],
        template=row.parse(8, parse_template),
        disks=(Disk(size=disk, spindles=row.optional(11, _spindles, None)),),
        tags=row.parse(9, words),
        spindle_use=row.optional(10, natural, 1),
        forthcoming=row.flag(12, False),
    )


def _spindles(text: str) -> int | None:
    return None if text == "-" else natural(text)


def _policies(source: str, section: Section) -> dict[str, OwnedPolicy]:
    """The policies by owner; "" is the cluster."""
    found: dict[str, OwnedPolicy] = {}
    for row in _rows(source, section, POLICY_COLUMNS, 6):
        owner = row.cells[0]
        if owner in found:
            raise row.error(0, f"the policy of {shown(owner)} is there twice")
        found[owner] = OwnedPolicy(row.line, parse_policy(row))
    return found


def _check_owners(source: str, data: ClusterData, policies: dict[str, OwnedPolicy]) -> None:
    groups = {group.name for group in data.groups}
    for owner, (line, _policy) in policies.items():
        if owner and owner not in groups:
            raise misplaced(source, line, POLICY_COLUMNS[0], f"there is no group {shown(owner)}")


def _flaw_error(source: str, sections: list[Section], flaw: Flaw) -> InputError:
    section = sections[("group", "node", "instance").index(flaw.kind)]
    return misplaced(source, section.first + flaw.position, flaw.field, flaw.what)
