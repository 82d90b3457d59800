"""Balancing: the series of moves that lowers the score fastest (hbal(1), Algorithm)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ganeti.htools.cluster import Cluster
from ganeti.htools.defaults import MIN_GAIN, MIN_GAIN_LIMIT, MIN_SCORE
from ganeti.htools.moves import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceOptions:
    """What hbal's options change in the search."""

    max_steps: int = -1
    """-1: no limit (-l)."""
    min_score: float = MIN_SCORE
    min_gain: float = MIN_GAIN
    min_gain_limit: float = MIN_GAIN_LIMIT
    disk_moves: bool = True
    instance_moves: bool = True
    evacuate: bool = False
    """Only instances on offline nodes are moved (--evac-mode)."""
    restricted_migration: bool = False
    ignore_soft_errors: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Where balancing leads."""

    initial_score: float
    steps: tuple[Step, ...]
    final_score: float
    cluster: Cluster
    """After all steps."""


def balance(cluster: Cluster, options: BalanceOptions = BalanceOptions()) -> Plan:
    """All steps to the end. C{cluster} is one group: see L{Cluster.select}."""


def balance_steps(cluster: Cluster, options: BalanceOptions) -> Iterator[Step]:
    """The steps one by one, as they are found."""


def apply_steps(cluster: Cluster, steps: tuple[Step, ...]) -> Cluster:
    """C{cluster} after these steps."""
