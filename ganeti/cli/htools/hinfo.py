"""hinfo: what is known of a cluster."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ganeti.cli.htools.balancing import metric_lines
from ganeti.cli.htools.console import Console
from ganeti.cli.htools.listing import print_instances, print_nodes
from ganeti.cli.htools.loading import load_cluster, tell_loaded
from ganeti.cli.htools.tables import decimal, format_table
from ganeti.htools.cluster import Cluster
from ganeti.htools.records import Group
from ganeti.htools.score import score
from ganeti.htools.status import bad_instances, bad_nodes


def run(console: Console, arguments: list[str], environ: Mapping[str, str]) -> int:
    """Print it."""
    cluster = load_cluster(console, arguments, environ)
    tell_loaded(console, cluster, tags=-9, policy=3, sizes=True, groups=True, empty=True)
    print_split(console, cluster)
    if console.options.verbosity > 1:
        print_groups(console, cluster)
    console.out(f"Cluster is N+1 {'unhappy' if bad_nodes(cluster) else 'happy'}")
    print_metrics(console, cluster)
    if console.options.print_instances:
        print_instances(console, "Instances", cluster)
    print_nodes(console, "Cluster", cluster)
    return 0


def print_split(console: Console, cluster: Cluster) -> None:
    """Which instances are in two groups: they cannot be looked at group by group."""
    split = cluster.split_instances()
    if split:
        console.out("Found instances belonging to multiple node groups:")
        for name in split:
            console.note(f"  {name}")
    elif console.options.verbosity > 1:
        console.out("No split instances found")


def print_groups(console: Console, cluster: Cluster) -> None:
    """Each group's size, failures and score."""
    titles = ("Group", "Nodes", "Instances", "Bad_Nodes", "Bad_Instances", "N+1", "Score")
    rows = [titles, *(_group_row(cluster, group) for group in cluster.groups)]
    console.out("Node group information:")
    for line in format_table(rows, (False, True, True, True, True, False, True)):
        console.out(f"   {line}")


def _group_row(cluster: Cluster, group: Group) -> tuple[str, ...]:
    part = group_with_all(cluster, group)
    bad = bad_nodes(part)
    return (
        group.name,
        str(len(part.nodes)),
        str(len(part.instances)),
        str(len(bad)),
        str(len(bad_instances(part))),
        str(not bad),
        decimal(score(part), 8),
    )


def group_with_all(cluster: Cluster, group: Group) -> Cluster:
    """A group with all instances that run in it; copies that are in another are left out."""
    part = cluster.select(group)
    inside = {node.name for node in part.nodes}
    kept = [
        one if one.secondary in inside else msgspec.structs.replace(one, secondary="")
        for one in cluster.instances
        if one.primary in inside
    ]
    return part.with_instances(kept)


def print_metrics(console: Console, cluster: Cluster) -> None:
    """What the score is made of, and the score."""
    console.out("Cluster coefficients:")
    for line in metric_lines(cluster):
        console.out(f"   {line}")
    console.out(f"Cluster score: {decimal(score(cluster), 8)}")
