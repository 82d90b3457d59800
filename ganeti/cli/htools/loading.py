"""From the options of a command line to a cluster."""

from __future__ import annotations

from collections.abc import Mapping

from ganeti.cli.htools.console import Console, abort
from ganeti.cli.htools.listing import print_policy
from ganeti.cli.htools.options import Options
from ganeti.errors import GanetiError
from ganeti.htools.cluster import Cluster, prepare
from ganeti.htools.loaders import Hints, Source, load
from ganeti.htools.loads import parse_loads
from ganeti.htools.records import Settings
from ganeti.paths import Paths


def load_cluster(console: Console, arguments: list[str], environ: Mapping[str, str]) -> Cluster:
    """
    The cluster that the options name, prepared as they say; what is odd about it is told.

    @raise Abort: there is none, or it makes no sense.
    """
    refuse_arguments(arguments)
    try:
        source = find_source(console.options, environ)
        data = load(source, Hints(console.options.static_kvm_node_memory))
        cluster = prepare(data, build_settings(console.options))
        return measure_loads(console, cluster, environ)
    except GanetiError as err:
        abort(f"failed to load data, aborting: {err}")


def measure_loads(console: Console, cluster: Cluster, environ: Mapping[str, str]) -> Cluster:
    """
    The cluster with the loads that monitoring daemons have measured, if these are wanted.

    @raise GanetiError: they cannot be read.
    """
    if not console.options.mond or console.options.ignore_dynu:
        return cluster
    from ganeti.cli.htools.monitoring import with_measured  # few want them

    return with_measured(console, cluster, environ)


def tell_loaded(
    console: Console,
    cluster: Cluster,
    *,
    tags: int = 2,
    policy: int = 2,
    sizes: bool = False,
    groups: bool = False,
    empty: bool = False,
) -> None:
    """
    What was read, and what is odd about it.

    @param tags: from which verbosity on the tags are told; C{policy} the policy and the suffix.
    @param sizes: whether to say how many nodes and instances there are, and with C{groups} groups.
    @param empty: whether to say that there are no instances.
    """
    console.verbose(tags, f"Loaded cluster tags: {','.join(cluster.tags)}")
    if empty and not cluster.instances:
        console.verbose(2, "Cluster is empty.")
    print_policy(console, cluster, policy)
    if sizes:
        console.out(_size(cluster, groups))
    if cluster.suffix:
        console.verbose(policy, f"Note: Stripping common suffix of '{cluster.suffix}' from names")
    tell_warnings(console, cluster)


def _size(cluster: Cluster, groups: bool) -> str:
    text = f"Loaded {len(cluster.nodes)} nodes, {len(cluster.instances)} instances"
    count = len(cluster.groups)
    return f"{text}, {count} node group{'' if count == 1 else 's'}" if groups else text


def refuse_arguments(arguments: list[str]) -> None:
    """Most programs take options only."""
    if arguments:
        abort("This program doesn't take any arguments.")


def find_source(options: Options, environ: Mapping[str, str]) -> Source:
    """
    Where the options say that the cluster is read from.

    @raise Abort: nowhere, or more than one place.
    """
    found = [
        Source(kind, address)
        for kind, address in (
            ("rapi", options.master),
            ("luxi", options.luxi),
            ("text", options.text_data),
            ("ialloc", options.ialloc_src),
            ("simulate", options.simulate or None),
        )
        if address is not None
    ]
    if len(found) > 1:
        abort("Only one of the rapi, luxi, and data files options should be given.")
    if not found:
        abort("failed to load data, aborting: No backend selected! Exiting.")
    source = found[0]
    if source == Source("luxi", ""):
        return Source("luxi", Paths.from_environ(environ).query_socket)
    return source


def build_settings(options: Options) -> Settings:
    """What the options change in what is loaded."""
    return Settings(
        loads=parse_loads(options.dynu_file) if options.dynu_file is not None else None,
        ignore_loads=options.ignore_dynu,
        exclusion_tags=options.exclusion_tags,
        offline=options.offline,
        selected=options.select_instances,
        excluded=options.exclude_instances,
        max_cpu=options.max_cpu,
        min_disk=options.min_disk,
    )


def tell_warnings(console: Console, cluster: Cluster) -> None:
    """Say what is odd about the data."""
    if not cluster.warnings:
        return
    console.note("Warning: cluster has inconsistent data:")
    for warning in cluster.warnings:
        console.note(f"  - {warning}")
    console.note()
