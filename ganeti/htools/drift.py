"""
How far the scores of moves can sink that a step does not touch.

A move changes the variance of each metric by an amount that depends on its own nodes only. When
a step elsewhere changes the variance itself, the score of the move changes by a difference of
two roots; with a bound for the amounts of all moves there is one bound for all of them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ganeti.htools.field import Field
from ganeti.htools.measures import WEIGHTS
from ganeti.htools.tables import Floats


class Level(NamedTuple):
    """One standard deviation at one moment."""

    weight: float
    sum: float
    variance: float
    least: float
    """No move changes the variance by less; below 0."""
    reach: float
    """No move changes the sum by more."""


class Levels(NamedTuple):
    """All of a score at one moment."""

    spreads: tuple[Level, ...]
    rest: float
    """What moves change by amounts of their own."""


def levels(field: Field) -> Levels:
    """Where the field stands."""
    count, instances = field.count, field.state.instances
    found = [
        level(
            spread.weight,
            spread.values,
            spread.sum,
            spread.squares,
            count,
            3.0 * widest(spread.as_primary, spread.as_secondary, spread.inverse),
        )
        for spread in field.spreads
    ]
    reach = 3.0 * float(instances.reserved.max(initial=0.0))
    reach *= float(field.state.nodes.reserved_inverse.max(initial=0.0))
    found.append(
        level(
            WEIGHTS["reserved_mem_cv"],
            field.reserved_values,
            field.reserved_sum,
            field.reserved_squares,
            count,
            reach,
        )
    )
    rest = field.counts + WEIGHTS["reserved_mem_rtotal"] * field.reserved_sum
    return Levels(tuple(found), rest)


def widest(own: Floats, copy: Floats, inverse: Floats) -> float:
    """The most by which one instance changes one node."""
    amounts = np.maximum(
        np.abs(own).max(axis=1, initial=0.0), np.abs(copy).max(axis=1, initial=0.0)
    )
    return float((amounts * inverse.max(axis=1)).max(initial=0.0))


def level(
    weight: float, values: Floats, total: float, squares: float, count: int, reach: float
) -> Level:
    """One standard deviation's; a move changes three nodes at most."""
    largest = np.sort(values * values)[-3:].sum() / count
    least = largest + (2.0 * abs(total) * reach + reach * reach) / count**2
    variance = max(0.0, squares / count - (total / count) ** 2)
    return Level(weight, total, variance, -float(least), reach)


def drift(before: Levels, after: Levels, count: int) -> float:
    """At least by this the score of a move changes that the step did not touch; mostly below 0."""
    change = after.rest - before.rest
    for old, new in zip(before.spreads, after.spreads, strict=True):
        shifted = 2.0 * abs(new.sum - old.sum) * old.reach / count**2
        now = new.variance - shifted
        if now >= old.variance:
            continue
        # No variance is below 0, neither before nor now.
        least = max(-now, old.least)
        change += old.weight * (
            math.sqrt(max(0.0, now + least)) - math.sqrt(max(0.0, old.variance + least))
        )
    return change
