"""How good a placement is: 20 metrics, and their weighted sum."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ganeti.htools.cluster import Cluster
from ganeti.htools.measures import WEIGHTS, measure, total
from ganeti.htools.state import State


class Metric(NamedTuple):
    """One line of hbal -v -v's table."""

    name: str
    weight: float
    value: float


def metrics(cluster: Cluster) -> tuple[Metric, ...]:
    """All 20, in the order of the report; none where no node is online."""
    state = State(cluster)
    if not state.nodes.online.any():
        return ()
    values = measure(state)
    return tuple(Metric(name, weight, values[name]) for name, weight in WEIGHTS.items())


def score(cluster: Cluster) -> float:
    """The sum of weight x value; less is better."""
    return total(measure(State(cluster)))


def optimum(cluster: Cluster) -> float:
    """A bound that the score can never go below: memory that has to be reserved."""
    return state_optimum(State(cluster))


def state_optimum(state: State) -> float:
    """L{optimum} of a state."""
    memory = state.nodes.memory
    if len(memory) < 2:
        return 0.0
    mirrored = (state.secondary >= 0) & (state.instances.counted > 0)
    needed = float(state.instances.reserved[mirrored].sum())
    whole, largest = float(memory.sum()), float(np.max(memory))
    if whole <= largest:
        return 0.0
    return WEIGHTS["reserved_mem_rtotal"] * (needed / (whole - largest) - needed / whole)
