"""
Straight lines below the score: what a move brings at most, as a sum over the nodes it changes.

A standard deviation is a concave function of the variance, so between the least and the most by
which any move changes the variance it lies above its chord. The variance itself is a sum over
nodes, but for the square of the sum, which hardly matters. So what a move changes on one node
can be weighed without knowing the others.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ganeti.htools.field import Field
from ganeti.htools.measures import WEIGHTS
from ganeti.htools.spreads import Spread
from ganeti.htools.tables import Floats

RESERVED_WEIGHT = WEIGHTS["reserved_mem_cv"]
RESERVED_TOTAL_WEIGHT = WEIGHTS["reserved_mem_rtotal"]


class Slope(NamedTuple):
    """What one standard deviation grows by, at least."""

    squares: float
    """For each 1 that the squares grow."""
    sum: float


class Slopes(NamedTuple):
    """All of a score at one moment."""

    spreads: tuple[Slope, ...]
    reserved: Slope
    """Of both metrics of reserved memory."""
    loss: float
    """By so much less may it be."""
    score: float
    """As it is now."""


class Reach(NamedTuple):
    """How much a move changes one standard deviation's values."""

    node: float
    """One node, at most."""
    nodes: int
    """So many nodes."""
    sum: float
    """The sum of all, at most."""


def spread_reach(field: Field, spread: Spread) -> Reach:
    """Of any move of any instance."""
    own, copy, inverse = np.abs(spread.as_primary), np.abs(spread.as_secondary), spread.inverse
    amounts = np.maximum(own.max(axis=1, initial=0.0), copy.max(axis=1, initial=0.0))
    node = float((amounts * inverse.max(axis=1)).sum())
    both = bool(copy.any())
    nodes = 3 if both and not np.array_equal(own, copy) else 2
    state = field.state
    used = np.concatenate([state.primary, state.secondary])
    met = state.nodes.online.copy()
    met[used[used >= 0]] = True
    same = bool((np.ptp(inverse[:, met], axis=1) == 0).all()) if met.any() else True
    return Reach(node, nodes, 0.0 if same else node * (1 + both))


def reserved_reach(field: Field) -> Reach:
    """One node reserves less, another one more."""
    most = float(field.state.instances.reserved.max(initial=0.0))
    most *= float(field.state.nodes.reserved_inverse.max(initial=0.0))
    return Reach(most, 2, most)


def slopes(field: Field, reaches: list[Reach]) -> Slopes:
    """
    The lines below the score that the field has.

    @param reaches: of the field's spreads, and of reserved memory.
    """
    count, lines, loss = field.count, [], 0.0
    online = field.targets
    score = field.counts + RESERVED_TOTAL_WEIGHT * (
        field.reserved_sum + count * field.reserved_shift
    )
    whole = [(one.weight, one.values, one.sum, one.squares) for one in field.spreads]
    whole.append(
        (RESERVED_WEIGHT, field.reserved_values, field.reserved_sum, field.reserved_squares)
    )
    for (weight, values, total, squares), reach in zip(whole, reaches, strict=True):
        mean = total / count
        variance = max(0.0, squares / count - mean**2)
        score += weight * math.sqrt(variance)
        least, most = extremes(values[online] - mean, reach, count)
        steep, lost = chord(weight, variance, least, most)
        loss += lost + steep * (reach.sum / count) ** 2
        lines.append(Slope(steep / count, -2.0 * mean * steep / count))
    reserved = lines[-1]._replace(sum=lines[-1].sum + RESERVED_TOTAL_WEIGHT)
    loss += against_more(field, lines[-1], reaches[-1].node)
    return Slopes(tuple(lines[:-1]), reserved, loss, score)


def extremes(values: Floats, reach: Reach, count: int) -> tuple[float, float]:
    """The least and the most by which a move changes the variance; values less their mean."""
    if not len(values):
        return 0.0, 0.0
    low, high, node = float(values.min()), float(values.max()), reach.node
    least = [lowest_change(low, node), lowest_change(-high, node)]
    most = [node * (2.0 * high + node), node * (node - 2.0 * low)]
    if reach.nodes > 2:
        least.append(min(least))
        most.append(max(most))
    return sum(least) / count - (reach.sum / count) ** 2, max(0.0, sum(most)) / count


def lowest_change(value: float, node: float) -> float:
    """The lowest g * (2 * value + g), g between 0 and C{node}."""
    if value >= 0:
        return 0.0
    return -value * value if -value <= node else node * (2.0 * value + node)


def chord(weight: float, variance: float, least: float, most: float) -> tuple[float, float]:
    """A line that is nowhere above: how steep, and how far below at 0."""
    least = max(-variance, least)
    now = math.sqrt(variance)
    low = weight * (math.sqrt(max(0.0, variance + least)) - now)
    high = weight * (math.sqrt(variance + most) - now)
    steep = (high - low) / (most - least) if most > least else 0.0
    return steep, max(0.0, steep * least - low)


def against_more(field: Field, slope: Slope, node: float) -> float:
    """What the score sinks by, at most, when more has to be reserved than was thought."""
    if not len(field.targets):
        return 0.0
    low = float(field.reserved_values[field.targets].min()) - node
    return node * max(0.0, -(2.0 * slope.squares * low + slope.sum + RESERVED_TOTAL_WEIGHT))
