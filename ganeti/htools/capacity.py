"""How many more instances fit: the loops of hspace(1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from ganeti.htools.allocation import Failure
from ganeti.htools.cluster import Cluster
from ganeti.htools.filler import Filler
from ganeti.htools.records import Disk, Instance, Spec
from ganeti.model.templates import DiskTemplate

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
    spindle_use: int | None = None
    """Of each new instance; None: of the policy's standard size."""


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
    stopped: bool = False
    """Nothing was tried, as nodes fail N+1 already."""


def fill(cluster: Cluster, spec: Spec, options: CapacityOptions) -> Capacity:
    """
    Standard allocation: as many as fit of one size.

    @raise InputError: no node may take an instance.
    """
    filler = make_filler(cluster, options)
    if filler.stopped:
        return stopped(cluster)
    failures = filler.fill(new_instance(cluster, spec, options), options.max_instances)
    return finished(filler, [(spec, len(filler.where))], failures)


def fill_tiered(cluster: Cluster, specs: Sequence[Spec], options: CapacityOptions) -> Capacity:
    """
    Tiered allocation: from each size downwards, lowering what was short.

    @param specs: the first sizes, one after the other.
    @raise InputError: no node may take an instance.
    """
    filler = make_filler(cluster, options)
    if filler.stopped:
        return stopped(cluster)
    failures: Counter[Failure] = Counter()
    tiers: list[tuple[Spec, int]] = []
    for spec in specs:
        instance: Instance | None = new_instance(cluster, spec, options)
        while instance is not None and not filler.full(options.max_instances):
            failures = filler.fill(instance, options.max_instances)
            instance = next_tier(filler, instance, failures)
        tiers.append((spec, len(filler.where)))
    return finished(filler, tiers, failures)


def next_tier(filler: Filler, instance: Instance, failures: Counter[Failure]) -> Instance | None:
    """
    The next smaller instance to try: less of what failed most; None: it cannot be smaller.

    What policies do not let become smaller stays, and the next failure's turn comes.
    """
    most = filler.largest()
    for failure, _count in by_frequency(failures):
        smaller = shrink(instance, failure, most)
        while smaller is not None and filler.policy_failures(smaller) == {failure}:
            smaller = shrink(smaller, failure, most)
        if smaller is not None:
            return smaller
    return None


def by_frequency(failures: Counter[Failure]) -> list[tuple[Failure, int]]:
    """The most frequent first; of equal ones the last kind."""
    kinds = list(Failure)
    return sorted(failures.items(), key=lambda pair: (-pair[1], -kinds.index(pair[0])))


def most_frequent(failures: Counter[Failure]) -> Failure | None:
    """The failure that is told as the reason; of equal ones the first kind."""
    return max(Failure, key=lambda kind: failures[kind]) if failures.total() else None


def shrink(instance: Instance, failure: Failure, most: Spec) -> Instance | None:
    """
    One unit less of what failed; None: there is no less.

    @param most: no node takes more, so sizes above it are left out.
    """
    replace = msgspec.structs.replace
    match failure:
        case Failure.MEMORY if instance.memory >= 2 * MEMORY_UNIT_MIB:
            memory = lowered(instance.memory, most.memory, MEMORY_UNIT_MIB)
            return replace(instance, memory=memory)
        case Failure.DISK if instance.disk >= 2 * DISK_UNIT_MIB:
            size = lowered(instance.disk, most.disk, DISK_UNIT_MIB)
            disks = tuple(Disk(size=size, spindles=disk.spindles) for disk in instance.disks)
            return replace(instance, disk=size, disks=disks)
        case Failure.CPU if instance.vcpus > 1:
            return replace(instance, vcpus=lowered(instance.vcpus, most.cpus, 1))
        case Failure.SPINDLES if instance.disks[0].spindles and instance.disks[0].spindles > 1:
            spindles = lowered(instance.disks[0].spindles, most.spindle_use, 1)
            return replace(instance, disks=(replace(instance.disks[0], spindles=spindles),))
        case _:
            return None


def lowered(amount: int, most: int, unit: int) -> int:
    """C{amount} less whole units: one, or what it takes to come down to C{most}; a unit is left."""
    units = max(1, -((most - amount) // unit))
    return amount - min(units, amount // unit - 1) * unit


def make_filler(cluster: Cluster, options: CapacityOptions) -> Filler:
    """What fills the cluster as the options say."""
    return Filler(
        cluster,
        template=options.template,
        capacity_checks=options.capacity_checks,
        independent_groups=options.independent_groups,
        accept_existing_errors=options.accept_existing_errors,
    )


def new_instance(cluster: Cluster, spec: Spec, options: CapacityOptions) -> Instance:
    """
    An instance of that size, on no node.

    Whole spindles, where nodes give these, are the size's; what others count is the option's.
    """
    exclusive = any(node.exclusive_storage for node in cluster.nodes)
    use = cluster.policy.standard.spindle_use
    return Instance(
        name="new",
        memory=spec.memory,
        disk=spec.disk,
        vcpus=spec.cpus,
        template=options.template,
        disks=(Disk(size=spec.disk, spindles=spec.spindle_use if exclusive else None),),
        spindle_use=use if options.spindle_use is None else options.spindle_use,
    )


def size_of(instance: Instance, first: Spec) -> Spec:
    """
    An instance's size.

    @param first: what its size was lowered from; its spindles stay where none are whole.
    """
    own = instance.disks[0].spindles
    return Spec(
        memory=instance.memory,
        cpus=instance.vcpus,
        disk=instance.disk,
        spindle_use=first.spindle_use if own is None else own,
    )


def finished(
    filler: Filler, tiers: Sequence[tuple[Spec, int]], failures: Counter[Failure]
) -> Capacity:
    """
    What came of it.

    @param tiers: first sizes, and how many instances there were after each.
    """
    instances = filler.placed()
    counts: Counter[Spec] = Counter()
    start = 0
    for first, end in tiers:
        counts.update(size_of(one, first) for one in instances[start:end])
        start = end
    return Capacity(
        cluster=filler.cluster_with(instances),
        instances=instances,
        counts=tuple(counts.items()),
        failures=failures,
        reason=most_frequent(failures),
    )


def stopped(cluster: Cluster) -> Capacity:
    """Nothing is tried on a cluster with nodes that fail N+1."""
    failures = Counter({Failure.N1: 1})
    return Capacity(
        cluster=cluster,
        instances=(),
        counts=(),
        failures=failures,
        reason=Failure.N1,
        stopped=True,
    )
