"""hail: answers requests for places, as an instance allocator (hail(1))."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ganeti.cli.htools.console import Console, abort
from ganeti.cli.htools.listing import print_nodes
from ganeti.cli.htools.loading import build_settings, measure_loads, tell_warnings
from ganeti.cli.htools.saving import save_cluster
from ganeti.errors import GanetiError
from ganeti.htools.cluster import Cluster, find_node, prepare
from ganeti.htools.errors import InputError, UnknownName
from ganeti.htools.loaders import Hints, Source, load
from ganeti.htools.loaders.textfile import read_file
from ganeti.htools.requests import Request, parse_request
from ganeti.htools.serving import Options, serve


def run(console: Console, arguments: list[str], environ: Mapping[str, str]) -> int:
    """Read the request, print the answer."""
    path = _input_file(arguments)
    try:
        cluster, request = read_request(console, path)
        cluster = measure_loads(console, cluster, environ)
    except GanetiError as err:
        abort(str(err))
    options = console.options
    tell_warnings(console, cluster)
    if options.verbosity > 1:
        console.note(f"Received request: {msgspec.json.encode(request).decode()}")
        suffix = f", without {cluster.suffix!r}" if cluster.suffix else ""
        count = f"{len(cluster.nodes)} nodes, {len(cluster.instances)} instances"
        console.note(f"Loaded {count}{suffix}")
    print_nodes(console, "Initial cluster", cluster)
    save_cluster(console, cluster, "pre-ialloc", "before iallocator run")
    restrict_to = _full_names(cluster, options.restrict_allocation_to)
    wanted = Options(
        ignore_soft_errors=options.ignore_soft_errors,
        capacity_checks=options.capacity_checks,
        restrict_to=restrict_to,
    )
    answer, after = serve(cluster, request, wanted)
    print_nodes(console, "Final cluster", after)
    save_cluster(console, after, "post-ialloc", "after iallocator run")
    if options.explain:
        _explain(console, cluster, request, wanted)
    console.out(msgspec.json.encode(answer).decode())
    return 0


def _input_file(arguments: list[str]) -> str:
    if not arguments:
        abort("This program needs an input file.")
    if len(arguments) > 1:
        abort("Only one argument is accepted (the input file)")
    return arguments[0]


def read_request(console: Console, path: str) -> tuple[Cluster, Request]:
    """
    The request and the cluster: that of the request, or another that the options name.

    @raise GanetiError: one of them makes no sense.
    """
    options = console.options
    memory = options.static_kvm_node_memory
    try:
        data, request = parse_request(read_file(path), memory)
    except InputError as err:
        raise InputError(f"{path}: {err}" if path not in str(err) else str(err)) from err
    if request is None:
        raise InputError(f"{path}: there is no request in it")
    source = path
    if options.text_data is not None:
        source = options.text_data
        data = load(Source("text", source), Hints(memory))
    elif options.simulate:
        source = "--simulate"
        data = load(Source("simulate", options.simulate), Hints(memory))
    settings = build_settings(options)
    try:
        return prepare(data, settings), request
    except UnknownName:
        raise
    except InputError as err:
        raise InputError(f"{source}: {err}") from err


def _full_names(cluster: Cluster, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    return tuple(cluster.nodes[find_node(cluster, name)].name for name in names)


def _explain(console: Console, cluster: Cluster, request: Request, wanted: Options) -> None:
    """Why that answer; standard output is the allocator's answer alone."""
    from ganeti.htools.requestexplanation import explain_request

    for line in explain_request(cluster, request, wanted, verbose=console.options.verbosity > 1):
        console.note(line)
