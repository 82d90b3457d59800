"""hroller: groups of nodes that can be rebooted at the same time."""

from __future__ import annotations

from collections.abc import Mapping

from ganeti.cli.htools.console import Console, abort
from ganeti.cli.htools.groupchoice import select_group
from ganeti.cli.htools.loading import load_cluster, tell_warnings
from ganeti.cli.htools.saving import save_cluster
from ganeti.htools.cluster import Cluster
from ganeti.htools.errors import InputError
from ganeti.htools.rolling import RebootGroup, RollingOptions, plan_reboots

_NO_MASTER = "No master node found (maybe not supported by backend)."


def run(console: Console, arguments: list[str], environ: Mapping[str, str]) -> int:
    """Find the groups and list them."""
    options = console.options
    cluster = load_cluster(console, arguments, environ)
    tell_warnings(console, cluster)
    require_master(console, cluster)
    part = cluster if options.group is None else select_group(console, cluster, options.group)
    save_cluster(console, part, "original", "before hroller run")
    try:
        plan = plan_reboots(part, _rolling_options(console))
    except InputError as err:
        abort(str(err))
    console.verbose(2, plan.comparison)
    print_groups(console, plan.groups)
    return 0


def require_master(console: Console, cluster: Cluster) -> None:
    """The master is rebooted last: go on without it with --force only."""
    if any(node.master for node in cluster.nodes):
        return
    if not console.options.force:
        abort(_NO_MASTER)
    console.note(f"Warning: {_NO_MASTER}")


def _rolling_options(console: Console) -> RollingOptions:
    options = console.options
    return RollingOptions(
        offline=options.offline_maintenance,
        ignore_non_redundant=options.ignore_non_redundant,
        skip_non_redundant=options.skip_non_redundant,
        full_evacuation=options.full_evacuation,
        tags=options.node_tags,
    )


def print_groups(console: Console, groups: list[RebootGroup]) -> None:
    """A line for each group, or one for each node of the first group."""
    options = console.options
    if options.one_step_only:
        groups = groups[:1]
    if options.headers:
        title = "First Reboot Group" if options.one_step_only else "Node Reboot Groups"
        console.out(f"'{title}'")
    for group in groups:
        console.out(("\n" if options.one_step_only else ",").join(group.nodes))
        if options.print_moves:
            for instance, nodes in group.moves:
                console.out(f"  {instance} {' '.join(nodes)}")
