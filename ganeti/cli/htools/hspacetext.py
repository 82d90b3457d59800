"""What hspace tells people."""

from __future__ import annotations

from ganeti.cli.htools.hspacekeys import fraction
from ganeti.cli.htools.tables import decimal
from ganeti.htools.allocation import Failure
from ganeti.htools.capacity import Capacity
from ganeti.htools.records import Spec
from ganeti.htools.totals import Totals
from ganeti.model.templates import DiskTemplate


def cluster_lines(totals: Totals, exclusive: bool) -> list[str]:
    """What there is before."""
    spindles = f", SPN {totals.spindles}" if exclusive else ""
    count = totals.instances
    return [
        f"The cluster has {totals.nodes} nodes and the following resources:",
        f"  MEM {totals.memory}, DSK {totals.disk}, CPU {totals.cpus}, "
        f"VCPU {int(totals.vcpus)}{spindles}.",
        f"There are {count} initial instances on the cluster."
        if count
        else "There are no initial instances on the cluster.",
    ]


def _spec(spec: Spec, exclusive: bool) -> str:
    spindles = f", SPN {spec.spindle_use}" if exclusive else ""
    return f"MEM {spec.memory}, DSK {spec.disk}, CPU {spec.cpus}{spindles}"


def tiered_lines(
    spec: Spec,
    template: DiskTemplate,
    capacity: Capacity,
    before: Totals,
    after: Totals,
    exclusive: bool,
) -> list[str]:
    """What the tiered allocation brings."""
    counts = [
        f"  - {count:3d} instances of spec {_spec(size, exclusive)}"
        for size, count in capacity.counts
    ]
    return [
        "Tiered (initial size) instance spec is:",
        f"  {_spec(spec, exclusive)}, using disk template '{template}'.",
        "Tiered allocation results:",
        *(counts or ["  - no instances allocated"]),
        *_results(capacity, before, after, exclusive),
    ]


def standard_lines(
    spec: Spec,
    template: DiskTemplate,
    capacity: Capacity,
    before: Totals,
    after: Totals,
    exclusive: bool,
) -> list[str]:
    """What the standard allocation brings."""
    return [
        "Standard (fixed-size) instance spec is:",
        f"  {_spec(spec, exclusive)}, using disk template '{template}'.",
        "Normal (fixed-size) allocation results:",
        f"  - {after.instances - before.instances:3d} instances allocated",
        *_results(capacity, before, after, exclusive),
    ]


def _results(capacity: Capacity, before: Totals, after: Totals, exclusive: bool) -> list[str]:
    used = [
        ("memory", fraction(after.memory_instances, after.memory)),
        ("disk", fraction(after.disk_instances, after.disk)),
        ("vcpu", fraction(after.vcpus_used, after.vcpus)),
    ]
    if exclusive:
        spindles = after.spindles - after.spindles_free
        used.append(("spindles", fraction(spindles, after.spindles)))
    width = max(len(name) for name, _value in used)
    return [
        f"  - most likely failure reason: {capacity.reason or Failure.MEMORY}",
        f"  - initial cluster score: {decimal(before.score, 8)}",
        f"  -   final cluster score: {decimal(after.score, 8)}",
        *(
            f"  - {name:>{width}} usage efficiency: {decimal(value * 100, 2, 5)}%"
            for name, value in used
        ),
    ]
