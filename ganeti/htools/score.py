"""How good a placement is: 20 metrics, and their weighted sum."""

from __future__ import annotations

from typing import NamedTuple

from ganeti.htools.cluster import Cluster


class Metric(NamedTuple):
    """One line of hbal -v -v's table."""

    name: str
    weight: float
    value: float


def metrics(cluster: Cluster) -> tuple[Metric, ...]:
    """All 20, in the order of the report."""


def score(cluster: Cluster) -> float:
    """The sum of weight x value; less is better."""


def optimum(cluster: Cluster) -> float:
    """A bound that the score can never go below: memory that has to be reserved."""
