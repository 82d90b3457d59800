"""What instances leave behind, for every move that can be tried, weighed by L{Slopes}."""

from __future__ import annotations

import numpy as np

from ganeti.htools.field import Field
from ganeti.htools.leaving import Leaving
from ganeti.htools.moves import Kind
from ganeti.htools.nplus1 import failing_here
from ganeti.htools.slopes import Slopes
from ganeti.htools.tables import Flags, Floats, Ints

ALL = slice(None)


class Origins:
    """By instance what one kind of move changes, but for what the target adds."""

    def __init__(self, field: Field, kind: Kind) -> None:
        self.field, self.kind = field, kind
        count = field.state.instances.count
        self.changes = np.zeros((2 * len(field.spreads) + 2, count))
        """[spread, instance]: how sums, then squares change; at last those of reserved memory."""
        self.fixed = np.full(count, np.inf)
        """What does not depend on slopes; infinite: no such move."""
        self.other = np.zeros(count, dtype=np.intp)
        """The node that the target has to get along with."""
        self.forced = np.zeros(count, dtype=bool)

    def refresh(self, instances: Ints, may: Flags) -> None:
        """Take over what changed for these; C{may}: whether each is moved so at all."""
        self.fixed[instances[~may]] = np.inf
        instances = instances[may]
        if not len(instances):
            return
        moves = Leaving(self.field, self.kind, instances)
        self.forced[instances] = moves.forced & (self.kind is not Kind.REPLACE_AND_FAILOVER)
        self.other[instances] = {"p": moves.p, "s": moves.s}[moves.shape.other]
        sums, squares = moves.sum, moves.squares
        reserved = reserved_at_least(moves)
        refused = moves.refused
        if moves.shape.secondary in ("p", "s"):
            nodes = moves.p if moves.shape.secondary == "p" else moves.s
            if self.kind is not Kind.FAILOVER:
                grown, more = self.field.reserved_change(nodes, reserved)
                sums, squares = sums + grown, squares + more
                kept = moves.refuses_copy_here(ALL, reserved[:, None])[:, 0] & ~moves.forced
                refused = refused | kept
        change = moves.counts + failing_here(moves, ALL, reserved[:, None])[:, 0]
        self.fixed[instances] = np.where(refused, np.inf, change)
        self.changes[:, instances] = np.concatenate(
            [moves.grown_sums, sums[None], moves.grown_squares, squares[None]]
        )

    def weigh(self, slopes: Slopes) -> Floats:
        """By instance: what moves change at least, but for targets and the slopes' loss."""
        lines = (*slopes.spreads, slopes.reserved)
        factors = np.array([line.sum for line in lines] + [line.squares for line in lines])
        change: Floats = factors @ self.changes
        change += self.fixed
        return change


def reserved_at_least(moves: Leaving) -> Floats:
    """What the old node reserves that holds the copy afterwards, whatever the target is."""
    if moves.kind is Kind.FAILOVER:
        return moves.on_p
    if moves.shape.secondary == "s":
        return np.maximum(moves.left, moves.needed)
    if moves.shape.secondary == "p":
        return np.maximum(moves.on_p, moves.needed)
    return np.zeros(len(moves.instances))
