"""What monitoring daemons measured, for the programs with --mond."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganeti.cli.htools.console import Console, abort
from ganeti.errors import GanetiError
from ganeti.htools.cluster import Cluster
from ganeti.htools.errors import InputError
from ganeti.htools.loaders.mond import ask_nodes
from ganeti.htools.loaders.mondreports import (
    PROCESSORS,
    XEN,
    Collector,
    MissingLoads,
    parse_report,
    parse_reports,
)
from ganeti.htools.loaders.textfile import read_file
from ganeti.paths import Paths
from ganeti.utils.hosts import Resolver


def with_measured(console: Console, cluster: Cluster, environ: Mapping[str, str]) -> Cluster:
    """
    The cluster with measured processor loads.

    They are used when all daemons have said theirs, else the cluster stays as it is.

    @raise Abort: something is missing, and that shall not be (--exit-on-missing-mond-data).
    """
    options = console.options
    collector = XEN if options.mond_xen else PROCESSORS
    if options.mond_data is not None:
        found = _recorded(options.mond_data, cluster, collector)
    else:
        found = _asked(console, cluster, collector, environ)
    missing = [node.name for node in cluster.nodes if node.name not in found]
    if missing:
        console.note(
            f"Didn't receive an answer by all MonDs, {collector.name}'s data will be ignored."
        )
        return _without(console, cluster)
    try:
        return collector.apply(cluster, found)
    except MissingLoads as err:
        console.note(f"No CPU information available for {err}: all of it is ignored.")
        return _without(console, cluster)


def _without(console: Console, cluster: Cluster) -> Cluster:
    if console.options.exit_on_missing_mond_data:
        abort("Not all required data available")
    return cluster


def _recorded(path: str, cluster: Cluster, collector: Collector) -> dict[str, Any]:
    """What a file has of the nodes; what makes no sense there is missing."""
    body = read_file(path)
    try:
        nodes = parse_reports(body)
    except InputError as err:
        abort(f"can't parse MonD data: {path}: {err}")
    found: dict[str, Any] = {}
    for node in nodes:
        reports = [each for each in node.reports if each.name == collector.name]
        try:
            if reports and node.node in cluster.node_index:
                found.setdefault(node.node, collector.parse(reports[0].data))
        except InputError:
            continue
    return found


def _asked(
    console: Console, cluster: Cluster, collector: Collector, environ: Mapping[str, str]
) -> dict[str, Any]:
    """What the nodes' daemons say; why one says nothing is told."""
    resolver = Resolver(Paths.from_environ(environ))
    names = [node.name for node in cluster.nodes]
    answers = ask_nodes(names, collector.name, lambda name: resolver.resolve(name).ip)
    found: dict[str, Any] = {}
    for name, answer in answers.items():
        if isinstance(answer, GanetiError):
            console.note(f"Failed to contact node's {name} MonD for DC {collector.name}: {answer}")
            continue
        try:
            found[name] = parse_report(answer, collector)
        except InputError as err:
            console.note(f"Not understood what node {name} says of {collector.name}: {err}")
    return found
