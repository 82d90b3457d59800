"""Why an instance goes where it goes, or nowhere (--explain)."""

from __future__ import annotations

from dataclasses import dataclass

from ganeti.htools.allocation import AllocationOptions, Failure
from ganeti.htools.cluster import Cluster
from ganeti.htools.records import Instance
from ganeti.htools.score import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A node, or a pair of nodes, that was looked at."""

    nodes: tuple[str, ...]
    group: str
    score: float | None
    """None: it does not fit."""
    terms: tuple[Metric, ...]
    """What makes the score; of those that fit."""
    failure: Failure | None
    constraint: str
    """The first constraint that fails, in words, with the numbers; empty: none."""
    short_by: float
    """How far it is from fitting, in the constraint's own unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All candidates, best first, and what to do when none fits."""

    summary: str
    """A sentence an admin can act on."""
    candidates: tuple[Candidate, ...]
    cheapest: str
    """The cheapest change that would make it fit; empty: it fits."""


def explain_allocation(
    cluster: Cluster,
    instance: Instance,
    node_count: int,
    options: AllocationOptions = AllocationOptions(),
) -> Explanation:
    """Look at every candidate, and say what becomes of it."""


def explanation_lines(explanation: Explanation, limit: int | None = None) -> list[str]:
    """For people to read."""
