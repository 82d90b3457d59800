"""What hspace tells programs: HTS_KEY=value (hspace(1))."""

from __future__ import annotations

from ganeti.cli.htools.keyvalues import quote
from ganeti.cli.htools.tables import decimal
from ganeti.htools.allocation import Failure
from ganeti.htools.capacity import Capacity
from ganeti.htools.records import Spec
from ganeti.htools.totals import Totals
from ganeti.model.templates import DiskTemplate

# The order in which failures of the same number are told.
FAILURES = (
    Failure.MEMORY,
    Failure.DISK,
    Failure.CPU,
    Failure.N1,
    Failure.TAGS,
    Failure.MIGRATION,
    Failure.DISK_COUNT,
    Failure.SPINDLES,
    Failure.INTERNAL,
)


def _line(key: str, value: object) -> str:
    return f"HTS_{key}={quote(str(value)) if value != '' else ''}"


def cluster_keys(totals: Totals) -> list[str]:
    """What there is before."""
    return [
        _line("CLUSTER_MEM", totals.memory),
        _line("CLUSTER_DSK", totals.disk),
        _line("CLUSTER_CPU", totals.cpus),
        _line("CLUSTER_VCPU", int(totals.vcpus)),
        _line("CLUSTER_SPN", totals.spindles),
        _line("CLUSTER_NODES", totals.nodes),
        *_phase("INI", totals),
    ]


def _phase(phase: str, totals: Totals) -> list[str]:
    spindles_used = totals.spindles - totals.spindles_free
    pairs = [
        ("SCORE", decimal(totals.score, 8)),
        ("INST_CNT", totals.instances),
        ("MEM_FREE", totals.memory_free),
        ("MEM_AVAIL", totals.memory_available),
        ("MEM_RESVD", totals.memory_free - totals.memory_available),
        ("MEM_INST", totals.memory_instances),
        ("MEM_OVERHEAD", totals.memory_overhead),
        ("MEM_EFF", part(totals.memory_instances, totals.memory)),
        ("DSK_FREE", totals.disk_free),
        ("DSK_AVAIL", totals.disk_available),
        ("DSK_RESVD", totals.disk_free - totals.disk_available),
        ("DSK_INST", totals.disk_instances),
        ("DSK_EFF", part(totals.disk_instances, totals.disk)),
        ("SPN_FREE", totals.spindles_free),
        ("SPN_INST", spindles_used),
        ("SPN_EFF", part(spindles_used, totals.spindles)),
        ("CPU_INST", totals.vcpus_used),
        ("CPU_EFF", part(totals.vcpus_used, totals.vcpus)),
        ("MNODE_MEM_AVAIL", totals.largest_memory),
        ("MNODE_DSK_AVAIL", totals.largest_disk),
    ]
    return [_line(f"{phase}_{key}", value) for key, value in pairs]


def part(used: float, whole: float) -> str:
    """What part is used."""
    return decimal(fraction(used, whole), 8)


def fraction(used: float, whole: float) -> float:
    """What part is used; of nothing it is none, or without end."""
    if whole:
        return used / whole
    return float("inf") if used else float("nan")


def _spec(prefix: str, spec: Spec, template: DiskTemplate) -> list[str]:
    pairs = [
        ("MEM", spec.memory),
        ("DSK", spec.disk),
        ("CPU", spec.cpus),
        ("SPN", spec.spindle_use),
        ("RQN", 2 if template is DiskTemplate.DRBD else 1),
        ("DISK_TEMPLATE", template.value),
    ]
    return [_line(f"{prefix}_{key}", value) for key, value in pairs]


def tiered_keys(
    spec: Spec, template: DiskTemplate, capacity: Capacity, before: Totals, after: Totals
) -> list[str]:
    """What the tiered allocation brings."""
    sizes = " ".join(
        f"{size.memory},{size.disk},{size.cpus},{size.spindle_use}={count}"
        for size, count in capacity.counts
    )
    return [
        *_spec("TSPEC_INI", spec, template),
        *_phase("TRL", after),
        _line("TSPEC", sizes),
        *_resources("USED", before, None),
        *_resources("POOL", after, before),
        *_left(after),
    ]


def _resources(kind: str, totals: Totals, less: Totals | None) -> list[str]:
    def value(name: str) -> float:
        number: float = getattr(totals, name)
        return number - getattr(less, name) if less else number

    used = totals.spindles - totals.spindles_free
    spindles = used - (less.spindles - less.spindles_free) if less else used
    return _km(
        kind,
        value("vcpus_used"),
        value("cpus_used"),
        value("memory_instances"),
        value("disk_instances"),
        spindles,
    )


def _left(totals: Totals) -> list[str]:
    return _km(
        "UNAV",
        int(totals.vcpus) - totals.vcpus_used,
        totals.cpus - totals.cpus_used,
        totals.memory - totals.memory_instances,
        totals.disk - totals.disk_instances,
        totals.spindles_free,
    )


def _km(kind: str, cpu: float, npu: float, mem: float, dsk: float, spn: float) -> list[str]:
    pairs = (("CPU", cpu), ("NPU", float(npu)), ("MEM", mem), ("DSK", dsk), ("SPN", spn))
    return [_line(f"KM_{kind}_{key}", value) for key, value in pairs]


def allocation_keys(
    spec: Spec, template: DiskTemplate, capacity: Capacity, before: Totals, after: Totals
) -> list[str]:
    """What the standard allocation brings."""
    reason = capacity.reason or Failure.MEMORY
    return [
        *_spec("SPEC", spec, template),
        *_phase("FIN", after),
        _line("ALLOC_USAGE", part(before.instances, after.instances)),
        _line("ALLOC_INSTANCES", after.instances - before.instances),
        _line("ALLOC_FAIL_REASON", reason.upper()),
        *(
            _line(f"ALLOC_{failure.upper()}_CNT", count)
            for failure, count in failure_counts(capacity)
        ),
    ]


def failure_counts(capacity: Capacity) -> list[tuple[Failure, int]]:
    """How often each failure stopped the last try, the most frequent first."""
    counts = [(failure, capacity.failures.get(failure, 0)) for failure in FAILURES]
    if capacity.stopped:
        return [(Failure.N1, 1)]  # nothing was tried at all
    return sorted(counts, key=lambda pair: -pair[1])
