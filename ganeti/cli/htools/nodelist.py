"""The list of nodes that --print-nodes prints (htools(1))."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from ganeti.cli.htools.tables import decimal, format_table, join_lists
from ganeti.htools.cluster import Cluster
from ganeti.htools.status import NodeStatus, node_status


class Column(NamedTuple):
    """A field's title, its value, and whether it is a number."""

    title: str
    value: Callable[[NodeStatus], str]
    numeric: bool = True


def _whole(name: str, width: int = 5) -> Callable[[NodeStatus], str]:
    return lambda node: f"{getattr(node, name):{width}d}"


def _fraction(name: str, width: int, places: int) -> Callable[[NodeStatus], str]:
    return lambda node: decimal(getattr(node, name), places, width)


def _indexes(name: str) -> Callable[[NodeStatus], str]:
    return lambda node: f"[{','.join(map(str, sorted(getattr(node, name), reverse=True)))}]"


def _status(node: NodeStatus) -> str:
    return "-" if node.offline else "*" if node.fails_n1 else " "


COLUMNS = {
    "status": Column("F", _status, False),
    "name": Column("Name", lambda node: node.name, False),
    "tmem": Column("t_mem", _whole("t_mem")),
    "nmem": Column("n_mem", _whole("n_mem")),
    "imem": Column("i_mem", _whole("i_mem")),
    "xmem": Column("x_mem", _whole("x_mem")),
    "fmem": Column("f_mem", _whole("f_mem")),
    "umem": Column("u_mem", _whole("u_mem")),
    "rmem": Column("r_mem", _whole("r_mem")),
    "tdsk": Column("t_dsk", lambda node: f"{node.t_dsk / 1024:5.0f}"),
    "fdsk": Column("f_dsk", lambda node: f"{node.f_dsk // 1024:5d}"),
    "tcpu": Column("pcpu", _whole("pcpu", 4)),
    "ucpu": Column("vcpu", _whole("vcpu", 4)),
    "pcnt": Column("pcnt", _whole("pcnt", 4)),
    "scnt": Column("scnt", _whole("scnt", 4)),
    "pfmem": Column("p_fmem", _fraction("p_fmem", 6, 4)),
    "pfdsk": Column("p_fdsk", _fraction("p_fdsk", 6, 4)),
    "rcpu": Column("r_cpu", _fraction("r_cpu", 5, 2)),
    "cload": Column("lCpu", _fraction("l_cpu", 5, 3)),
    "mload": Column("lMem", _fraction("l_mem", 5, 3)),
    "dload": Column("lDsk", _fraction("l_dsk", 5, 3)),
    "nload": Column("lNet", _fraction("l_net", 5, 3)),
    "plist": Column("primaries", _indexes("primaries")),
    "slist": Column("secondaries", _indexes("secondaries")),
    "ntags": Column("tags", lambda node: ",".join(node.tags), False),
    "spindle_count": Column("NodeSpindles", _whole("spindles")),
}
# Without tags and lists, which would make it too wide.
USUAL = tuple(COLUMNS)[:22]


def node_lines(cluster: Cluster, wanted: str) -> list[str]:
    """
    The list with its titles.

    @param wanted: the fields, as the option has them; an unknown one is marked so.
    """
    columns = [
        COLUMNS.get(name) or Column("<unknown field>", lambda _node: "<unknown field>", False)
        for name in join_lists(USUAL, wanted)
    ]
    rows = [[column.title for column in columns]]
    nodes = [replace(node, name=cluster.short(node.name)) for node in node_status(cluster)]
    rows += [[column.value(node) for column in columns] for node in nodes]
    return [f" {line}" for line in format_table(rows, [column.numeric for column in columns])]
