"""How many more instances fit: the loops of hspace(1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from ganeti.htools.allocation import Failure
from ganeti.htools.cluster import Cluster
from ganeti.htools.filler import Filler
from ganeti.htools.records import Disk, Instance, Spec
from ganeti.model.templates import TEMPLATES, DiskTemplate

# By how much tiered allocation makes an instance smaller (hspace, observed).
MEMORY_UNIT_MIB = 64
DISK_UNIT_MIB = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityOptions:
    """hspace's options."""

    template: DiskTemplate
    max_instances: int = -1
    """-1: no limit (-l)."""
    independent_groups: bool = False
    accept_existing_errors: bool = False
    capacity_checks: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What came of filling a cluster."""

    cluster: Cluster
    """Filled."""
    instances: tuple[Instance, ...]
    """The new ones in order, with their nodes."""
    counts: tuple[tuple[Spec, int], ...]
    """How many of each size, largest size first (one for the standard allocation)."""
    failures: Mapping[Failure, int]
    """Of the last try."""
    reason: Failure | None
    """The most frequent of them."""


def fill(cluster: Cluster, spec: Spec, options: CapacityOptions) -> Capacity:
    """Standard allocation: as many as fit of one size."""
    filler = make_filler(cluster, options)
    if filler.stopped:
        return stopped(cluster)
    failures = filler.fill(new_instance(spec, options.template), options.max_instances)
    return finished(filler, options, failures)


def fill_tiered(cluster: Cluster, spec: Spec, options: CapacityOptions) -> Capacity:
    """Tiered allocation: from C{spec} downwards, lowering what was short."""
    filler = make_filler(cluster, options)
    if filler.stopped:
        return stopped(cluster)
    instance: Instance | None = new_instance(spec, options.template)
    failures: Counter[Failure] = Counter()
    while instance is not None and not filler.full(options.max_instances):
        missing = filler.failures_of(instance)
        failures = missing or filler.fill(instance, options.max_instances)
        instance = next_tier(filler, instance, failures)
    return finished(filler, options, failures)


def next_tier(filler: Filler, instance: Instance, failures: Counter[Failure]) -> Instance | None:
    """
    The next smaller instance to try: less of what failed most; None: it cannot be smaller.

    What is as small as policies allow stays, and the next failure's turn comes.
    """
    for failure, _count in by_frequency(failures):
        smaller = shrink(instance, failure)
        if smaller is not None and filler.allows(smaller):
            return smaller
    return None


def by_frequency(failures: Counter[Failure]) -> list[tuple[Failure, int]]:
    """The most frequent first; of equal ones the last kind."""
    kinds = list(Failure)
    return sorted(failures.items(), key=lambda pair: (-pair[1], -kinds.index(pair[0])))


def shrink(instance: Instance, failure: Failure) -> Instance | None:
    """One unit less of what failed."""
    replace = msgspec.structs.replace
    match failure:
        case Failure.MEMORY | Failure.N1 if instance.memory >= 2 * MEMORY_UNIT_MIB:
            return replace(instance, memory=instance.memory - MEMORY_UNIT_MIB)
        case Failure.DISK if instance.disk >= 2 * DISK_UNIT_MIB:
            size = instance.disk - DISK_UNIT_MIB
            return replace(instance, disk=size, disks=(Disk(size=size),))
        case Failure.CPU if instance.vcpus > 1:
            return replace(instance, vcpus=instance.vcpus - 1)
        case Failure.SPINDLES if instance.spindle_use > 1:
            return replace(instance, spindle_use=instance.spindle_use - 1)
        case _:
            return None


def make_filler(cluster: Cluster, options: CapacityOptions) -> Filler:
    """What fills the cluster as the options say."""
    return Filler(
        cluster,
        node_count=2 if TEMPLATES[options.template].mirrored_internal else 1,
        capacity_checks=options.capacity_checks,
        independent_groups=options.independent_groups,
        accept_existing_errors=options.accept_existing_errors,
    )


def new_instance(spec: Spec, template: DiskTemplate) -> Instance:
    """An instance of that size, on no node."""
    return Instance(
        name="new",
        memory=spec.memory,
        disk=spec.disk,
        vcpus=spec.cpus,
        template=template,
        disks=(Disk(size=spec.disk),),
        spindle_use=spec.spindle_use,
    )


def size_of(instance: Instance) -> Spec:
    """An instance's size."""
    return Spec(
        memory=instance.memory,
        cpus=instance.vcpus,
        disk=instance.disk,
        spindle_use=instance.spindle_use,
    )


def finished(filler: Filler, options: CapacityOptions, failures: Counter[Failure]) -> Capacity:
    """What came of it."""
    instances = filler.placed()
    counts = Counter(size_of(one) for one in instances)
    order = by_frequency(failures)
    return Capacity(
        cluster=filler.cluster_with(instances),
        instances=instances,
        counts=tuple(counts.items()),
        failures=failures,
        reason=order[0][0] if order else None,
    )


def stopped(cluster: Cluster) -> Capacity:
    """Nothing is tried on a cluster with nodes that fail N+1."""
    failures = Counter({Failure.N1: 1})
    return Capacity(cluster=cluster, instances=(), counts=(), failures=failures, reason=Failure.N1)
