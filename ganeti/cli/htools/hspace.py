"""hspace: how many more instances a cluster can take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ganeti.cli.htools.balancing import print_coefficients
from ganeti.cli.htools.console import Console, abort
from ganeti.cli.htools.hspacekeys import allocation_keys, cluster_keys, tiered_keys
from ganeti.cli.htools.hspacetext import cluster_lines, standard_lines, tiered_lines
from ganeti.cli.htools.listing import print_nodes
from ganeti.cli.htools.loading import load_cluster, tell_warnings
from ganeti.cli.htools.saving import save_cluster
from ganeti.cli.htools.tables import format_table
from ganeti.cli.htools.values import SizeSpec
from ganeti.htools.capacity import Capacity, CapacityOptions, fill, fill_tiered
from ganeti.htools.cluster import Cluster
from ganeti.htools.errors import InputError
from ganeti.htools.records import Instance, Spec
from ganeti.htools.totals import count_all
from ganeti.model.templates import DiskTemplate


class Sizes(NamedTuple):
    """What is to be allocated: the first sizes of the tiered allocation, and the standard one."""

    tiered: tuple[Spec, ...]
    standard: Spec
    template: DiskTemplate


def run(console: Console, arguments: list[str], environ: Mapping[str, str]) -> int:
    """Fill the cluster twice, in thought, and tell what fits."""
    cluster = load_cluster(console, arguments, environ)
    tell_warnings(console, cluster)
    if console.options.verbosity > 2:
        print_coefficients(console, "Initial", cluster)
    before = count_all(cluster)
    machine = console.options.machine_readable
    exclusive = any(node.exclusive_storage for node in cluster.nodes)
    _print(console, cluster_keys(before) if machine else cluster_lines(before, exclusive))
    print_nodes(console, "Initial cluster", cluster)
    sizes = choose_sizes(console, cluster)
    options = _capacity_options(console, sizes.template)
    tiered = _filled(console, lambda: fill_tiered(cluster, sizes.tiered, options))
    _tell(console, tiered, "Tiered", "tiered")
    after = count_all(tiered.cluster)
    _print(
        console,
        tiered_keys(sizes.tiered[0], sizes.template, tiered, before, after)
        if machine
        else tiered_lines(sizes.tiered[0], sizes.template, tiered, before, after, exclusive),
    )
    standard = _filled(console, lambda: fill(cluster, sizes.standard, options))
    _tell(console, standard, "Standard", "standard")
    after = count_all(standard.cluster)
    _print(
        console,
        allocation_keys(sizes.standard, sizes.template, standard, before, after)
        if machine
        else standard_lines(sizes.standard, sizes.template, standard, before, after, exclusive),
    )
    return 0


def _filled(console: Console, fill_it: Callable[[], Capacity]) -> Capacity:
    """
    What comes of filling the cluster.

    @raise Abort: no node may take an instance.
    """
    try:
        return fill_it()
    except InputError as err:
        console.flush()
        abort(f"failure during allocation: {err}")


def choose_sizes(console: Console, cluster: Cluster) -> Sizes:
    """
    What the options say, else what the cluster's policy does.

    @raise Abort: the policy allows nothing.
    """
    options, policy = console.options, cluster.policy
    if options.disk_template is not None:
        template = DiskTemplate(options.disk_template)
    elif policy.templates:
        template = policy.templates[0]
    else:
        abort("the cluster's policy allows no disk template: choose one with --disk-template")
    if not policy.ranges:
        abort("the cluster's policy has no size ranges")
    largest = policy.ranges[:1] if options.tiered_alloc else policy.ranges
    tiered = tuple(_spec(options.tiered_alloc, each.most) for each in largest)
    standard = _spec(options.standard_alloc, policy.standard)
    return Sizes(tiered, standard, template)


def _spec(wanted: SizeSpec | None, usual: Spec) -> Spec:
    """One disk and one NIC, whatever the policy's sizes have."""
    return Spec(
        memory=wanted.memory if wanted else usual.memory,
        cpus=wanted.cpus if wanted else usual.cpus,
        disk=wanted.disk if wanted else usual.disk,
        spindle_use=1 if wanted else usual.spindle_use,
    )


def _capacity_options(console: Console, template: DiskTemplate) -> CapacityOptions:
    options = console.options
    return CapacityOptions(
        template=template,
        max_instances=options.max_length,
        independent_groups=options.independent_groups,
        accept_existing_errors=options.accept_existing_errors,
        capacity_checks=options.capacity_checks,
        spindle_use=options.spindle_use,
    )


def _tell(console: Console, capacity: Capacity, title: str, kind: str) -> None:
    """List and save what was allocated, as the options ask."""
    if console.options.verbosity > 1:
        console.note(f"{title} allocation map")
        for line in _map_lines(capacity):
            console.note(line)
    print_nodes(console, f"{title} allocation", capacity.cluster)
    when = f"after {kind} allocation"
    save_cluster(console, capacity.cluster, kind, when)


def _map_lines(capacity: Capacity) -> list[str]:
    short = capacity.cluster.short
    rows = [
        _map_row(each, short(each.primary), short(each.secondary)) for each in capacity.instances
    ]
    if not rows:
        return []
    numeric = (False, False, False, True, True, True, True)
    return [f" {line}" for line in format_table(rows, numeric)]


def _map_row(instance: Instance, primary: str, secondary: str) -> tuple[str, ...]:
    spindles = [disk.spindles for disk in instance.disks if disk.spindles is not None]
    return (
        instance.name,
        primary,
        secondary,
        str(instance.memory),
        str(instance.disk),
        str(instance.vcpus),
        str(sum(spindles)) if spindles else "",
    )


def _print(console: Console, lines: list[str]) -> None:
    for line in lines:
        console.out(line)
    if console.options.machine_readable and lines[-1].startswith("HTS_ALLOC_"):
        console.out("HTS_OK=1")
