"""Where a new instance goes (hail(1), Algorithm)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ganeti.htools.cluster import Cluster
from ganeti.htools.records import Instance


class Failure(StrEnum):
    """Why an instance does not fit on a node; the value is the original's word."""

    MEMORY = "FailMem"
    DISK = "FailDisk"
    CPU = "FailCPU"
    N1 = "FailN1"
    TAGS = "FailTags"
    MIGRATION = "FailMig"
    DISK_COUNT = "FailDiskCount"
    SPINDLES = "FailSpindles"
    FORTHCOMING = "FailForthcoming"
    INTERNAL = "FailInternal"


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationOptions:
    """How the search for a place is done."""

    ignore_soft_errors: bool = False
    capacity_checks: bool = True
    """Solutions after which a node's instances could not be restarted elsewhere are dropped."""
    restrict_to: tuple[str, ...] | None = None
    """Only these nodes (full names)."""
    group: str | None = None
    """Only this group (name or uuid)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """The answer for one new instance."""

    nodes: tuple[str, ...]
    """Full names, primary first; empty: it fits nowhere."""
    score: float
    """Of the group after it."""
    group: str
    """The group's name; empty: none."""
    successes: int
    failures: Mapping[Failure, int]
    info: str
    """As hail answers it."""
    cluster: Cluster
    """With the instance in its place."""


def allocate(
    cluster: Cluster,
    instance: Instance,
    node_count: int,
    options: AllocationOptions = AllocationOptions(),
) -> Allocation:
    """
    The best place for C{instance} (its nodes are not looked at).

    @param node_count: 1, or 2 for DRBD.
    """
