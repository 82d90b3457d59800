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
