"""Instance policies: what sizes of instances a cluster or group takes."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from ganeti.model.fields import always
from ganeti.model.parameters import Count, Number
from ganeti.model.templates import DiskTemplate


class Spec(Struct, frozen=True, kw_only=True, rename="kebab"):
    """Sizes of an instance; keys as C{memory-size} (MiB)."""

    cpu_count: Count = 1
    disk_count: Count = 1
    disk_size: Count = 1024
    memory_size: Count = 128
    nic_count: Count = 1
    spindle_use: Count = 1


class Bounds(Struct, frozen=True, kw_only=True):
    """A pair of bounds; an instance must lie between those of one pair."""

    min: Spec = always(Spec())
    max: Spec = always(
        Spec(
            cpu_count=8,
            disk_count=16,
            disk_size=1048576,
            memory_size=32768,
            nic_count=8,
            spindle_use=12,
        )
    )


class InstancePolicy(Struct, frozen=True, kw_only=True, rename="kebab"):
    """A complete policy."""

    minmax: tuple[Bounds, ...] = always((Bounds(),))
    std: Spec = always(Spec())
    disk_templates: tuple[DiskTemplate, ...] = always(tuple(sorted(DiskTemplate)))
    vcpu_ratio: Number = 4
    spindle_ratio: Number = 32


class PartialPolicy(Struct, frozen=True, kw_only=True, rename="kebab"):
    """What a group sets itself; C{std} is of the cluster only."""

    minmax: tuple[Bounds, ...] | UnsetType = UNSET
    disk_templates: tuple[DiskTemplate, ...] | UnsetType = UNSET
    vcpu_ratio: Number | UnsetType = UNSET
    spindle_ratio: Number | UnsetType = UNSET


class InstanceSizes(Struct, frozen=True, kw_only=True):
    """The sizes of an instance that a policy looks at. MiB."""

    memory: int
    """The most it may use."""
    vcpus: int
    disks: tuple[int, ...]
    nics: int
    spindle_use: int
    disk_template: DiskTemplate


def policy_violations(policy: InstancePolicy, sizes: InstanceSizes) -> list[str]:
    """
    Why an instance may not have these sizes; empty when it may.

    With several pairs of bounds those of the pair that is missed by least.
    """
    misses = [_bounds_violations(bounds, sizes) for bounds in policy.minmax]
    problems = min(misses, key=len, default=[])
    if sizes.disk_template not in policy.disk_templates:
        allowed = ", ".join(sorted(policy.disk_templates))
        problems = [
            *problems,
            f"Disk template {sizes.disk_template} is not allowed (allowed templates: {allowed})",
        ]
    return problems


def _bounds_violations(bounds: Bounds, sizes: InstanceSizes) -> list[str]:
    low, high = bounds.min, bounds.max
    checks = [
        ("memory-size", sizes.memory, low.memory_size, high.memory_size),
        ("cpu-count", sizes.vcpus, low.cpu_count, high.cpu_count),
        ("nic-count", sizes.nics, low.nic_count, high.nic_count),
        ("spindle-use", sizes.spindle_use, low.spindle_use, high.spindle_use),
    ]
    if sizes.disk_template is not DiskTemplate.DISKLESS:
        checks.append(("disk-count", len(sizes.disks), low.disk_count, high.disk_count))
    for place, size in enumerate(sizes.disks):
        checks.append((f"disk-size/{place}", size, low.disk_size, high.disk_size))
    return [
        f"{name} value {value} is not in range [{least}, {most}]"
        for name, value, least, most in checks
        if not least <= value <= most
    ]


def std_problems(policy: InstancePolicy) -> list[str]:
    """Why the usual instance lies between no pair of bounds; empty when it does."""
    misses = [_std_misses(policy.std, bounds) for bounds in policy.minmax]
    return min(misses, key=len, default=[])


def _std_misses(std: Spec, bounds: Bounds) -> list[str]:
    found = []
    for name in Spec.__struct_fields__:
        low, value, high = (getattr(spec, name) for spec in (bounds.min, std, bounds.max))
        if not low <= value <= high:
            key = name.replace("_", "-")
            found.append(
                f"Invalid specification of min/std/max values for {key}: {low}/{value}/{high}"
            )
    return found


def check_policy(policy: InstancePolicy) -> list[str]:
    """What is wrong with a policy itself; empty when nothing is."""
    problems = [] if policy.minmax else ["The policy has no bounds"]
    for place, bounds in enumerate(policy.minmax):
        for name in Spec.__struct_fields__:
            low, high = getattr(bounds.min, name), getattr(bounds.max, name)
            if low > high:
                key = name.replace("_", "-")
                problems.append(
                    f"Invalid specification of min/max values for {key}/{place}: {low}/{high}"
                )
    if not policy.disk_templates:
        problems.append("The policy allows no disk template")
    if policy.vcpu_ratio <= 0 or policy.spindle_ratio <= 0:
        problems.append("The ratios of a policy are greater than zero")
    return problems
