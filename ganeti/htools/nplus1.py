"""How moves change the metric that counts the instances of nodes that fail N+1."""

from __future__ import annotations

import numpy as np

from ganeti.htools.field import Field
from ganeti.htools.leaving import Leaving
from ganeti.htools.refusals import Columns
from ganeti.htools.tables import MEM, Floats, Ints


def failing_here(moves: Leaving, part: slice, changed: Floats) -> Floats:
    """
    [instance, target or 1]: what the nodes that the instances are on change.

    @param changed: the reserved memory of the old node that holds the copy afterwards.
    """
    shape, used = moves.shape, moves.used[part, None]
    roles = (shape.primary, shape.secondary)
    stays, p = np.zeros_like(used), moves.p[part]
    reserved = changed if shape.secondary == "p" else moves.state.reserved[p][:, None]
    freed = stays if shape.primary == "p" else used
    change = _of_nodes(moves, part, p, freed, reserved, 0.0 if "p" in roles else -1.0)
    if not shape.secondary:
        return change
    reserved = changed if shape.secondary == "s" else moves.left[part, None]
    freed = -used if shape.primary == "s" else stays
    gone = 0.0 if "s" in roles else -1.0
    return change + _of_nodes(moves, part, moves.s[part], freed, reserved, gone)


def _of_nodes(
    moves: Leaving, part: slice, nodes: Ints, freed: Floats, reserved: Floats, more: float
) -> Floats:
    """What one node changes that an instance is on; C{more} instances are there afterwards."""
    state, field = moves.state, moves.field
    counted = state.instances.counted[moves.instances[part], None] * more
    before = (state.primaries + state.secondaries)[nodes][:, None]
    was = field.failing[nodes][:, None] * before
    fails = state.resources[MEM, nodes][:, None] + freed <= reserved
    change: Floats = (fails * (before + counted) - was) * field.online[nodes][:, None]
    return change


def failing_there(
    field: Field, instances: Ints, at: Columns, reserved: Floats, runs: bool
) -> Floats:
    """
    [instance, target]: what the targets change.

    @param reserved: [instance or 1, target]: their reserved memory afterwards.
    @param runs: the instances run there, and are no copies.
    """
    state = field.state
    free, before = state.resources[MEM, at], (state.primaries + state.secondaries)[at]
    counted = state.instances.counted[instances, None]
    taken = -state.instances.as_primary[MEM, instances][:, None] if runs else 0.0
    change: Floats = (free - taken <= reserved) * (before + counted) - field.failing[at] * before
    return change * field.online[at]
