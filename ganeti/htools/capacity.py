"""How many more instances fit: the loops of hspace(1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ganeti.htools.allocation import Failure
from ganeti.htools.cluster import Cluster
from ganeti.htools.records import Instance, Spec
from ganeti.model.templates import DiskTemplate


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


def fill_tiered(cluster: Cluster, spec: Spec, options: CapacityOptions) -> Capacity:
    """Tiered allocation: from C{spec} downwards, lowering what was short."""
