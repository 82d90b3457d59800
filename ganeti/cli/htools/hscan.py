"""hscan: saves the state of clusters, and tells how they are in a line each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from ganeti.cli.htools.console import Console
from ganeti.cli.htools.loading import tell_warnings
from ganeti.cli.htools.nodelist import node_lines
from ganeti.cli.htools.saving import write_file
from ganeti.cli.htools.tables import decimal
from ganeti.errors import GanetiError
from ganeti.htools.cluster import Cluster, prepare
from ganeti.htools.loaders import Hints, Source, load
from ganeti.htools.score import score
from ganeti.htools.status import bad_instances, bad_nodes, node_status
from ganeti.htools.textwriter import format_text
from ganeti.paths import Paths

_LOCAL = "LOCAL"
_TITLES = ("Nodes", "Inst", "BNode", "BInst", "t_mem", "f_mem", "t_disk", "f_disk", "Score")
_WIDTHS = (5, 5, 5, 5, 6, 6, 6, 6, 10)


class Wanted(NamedTuple):
    """A cluster to scan: what it is called, and where to ask."""

    name: str
    source: Source


def run(console: Console, arguments: list[str], environ: Mapping[str, str]) -> int:
    """Scan this cluster and those named. Status 2: some could not be read."""
    wanted = _find_wanted(console, arguments, environ)
    width = max(len(each.name) for each in wanted)
    if console.options.headers:
        titles = " ".join(t.rjust(w) for t, w in zip(_TITLES, _WIDTHS, strict=True))
        console.out(f"{'Name':<{width}} {titles}")
    failures = [each for each in wanted if not _scan(console, each, width)]
    return 2 if failures else 0


def _find_wanted(
    console: Console, arguments: list[str], environ: Mapping[str, str]
) -> list[Wanted]:
    wanted = [Wanted(name, Source("rapi", name)) for name in arguments]
    socket = console.options.luxi
    if socket is not None or not wanted:
        address = socket or Paths.from_environ(environ).query_socket
        wanted.insert(0, Wanted(_LOCAL, Source("luxi", address)))
    return wanted


def _scan(console: Console, wanted: Wanted, width: int) -> bool:
    try:
        data = load(wanted.source, Hints(console.options.static_kvm_node_memory))
        cluster = prepare(data)
    except GanetiError as err:
        console.flush()
        console.note(f"Error for {wanted.name}: failed to load data. Details:\n{err}")
        return False
    console.out(f"{wanted.name:<{width}} {_summary(cluster)}")
    if console.options.print_nodes is not None:
        console.out("\n".join(node_lines(cluster, console.options.print_nodes)))
    console.flush()
    if console.options.verbosity > 1:
        tell_warnings(console, cluster)
    name = wanted.name.replace("/", "_") + ".data"
    write_file(os.path.join(console.options.output_dir, name), format_text(data))
    return True


def _summary(cluster: Cluster) -> str:
    nodes = node_status(cluster)
    cells = (
        str(len(nodes)),
        str(len(cluster.instances)),
        str(len(bad_nodes(cluster))),
        str(len(bad_instances(cluster))),
        str(sum(node.t_mem for node in nodes)),
        str(sum(node.f_mem for node in nodes)),
        str(sum(node.t_dsk for node in nodes) // 1024),
        str(sum(node.f_dsk for node in nodes) // 1024),
        decimal(score(cluster), 8),
    )
    return " ".join(cell.rjust(width) for cell, width in zip(cells, _WIDTHS, strict=True))
