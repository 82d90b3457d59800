"""
Every place for one new instance at once: single nodes, or pairs.

The instance is in the state's tables already, on no node yet.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from ganeti.htools.field import Field, Limits
from ganeti.htools.measures import WEIGHTS
from ganeti.htools.spreads import root
from ganeti.htools.tables import CPU, DISK, MEM, SPIN, Flags, Floats, Ints
from ganeti.htools.trial import RESERVED_TOTAL_WEIGHT, RESERVED_WEIGHT

Codes = NDArray[np.int8]


class Code(IntEnum):
    """Why a node or pair does not do; the first of its rules that fails."""

    FITS = 0
    OFFLINE = 1
    MEMORY = 2
    DISK = 3
    DISK_SOFT = 4
    SPINDLES = 5
    SPINDLE_USE = 6
    N1 = 7
    CPU = 8
    TAGS = 9
    SOON = 10
    MIGRATION = 11


Rule = tuple[Code, Flags]


class Newcomer:
    """An instance without a place, and what becomes of a state when it gets one."""

    def __init__(self, field: Field, instance: int) -> None:
        self.field, self.state, self.instance = field, field.state, instance
        table = field.state.instances
        self.memory = float(table.memory[instance])
        self.used = -float(table.as_primary[MEM, instance])
        self.needed = float(table.reserved[instance])
        self.disk = float(table.disk[instance])
        self.counted = float(table.counted[instance])
        self.spindles = float(table.spindles[instance])
        self.spindle_use = float(table.spindle_use[instance])
        self.cpus = float(table.cpus[instance])

    @property
    def limits(self) -> Limits:
        """What holds for it at the moment."""
        return self.field.limits if self.counted else self.field.forthcoming

    # Rules.

    def primary_codes(self) -> Codes:
        """By node: why it cannot run the instance."""
        field, limits, state = self.field, self.limits, self.state
        rules = [(Code.OFFLINE, ~state.nodes.online), (Code.MEMORY, self.memory >= limits.memory)]
        rules += self._disk_rules()
        if field.strict and self.counted:
            rules += self._disk_rules_now()
            rules.append((Code.N1, self.used >= field.margin))
            rules.append((Code.CPU, self.cpus > state.nodes.max_cpus - state.resources[CPU]))
            rules.append((Code.TAGS, self.conflicts()))
        if field.strict:
            rules.append((Code.SOON, self.memory >= limits.soft_memory))
            rules += self._disk_rules_soon()
            rules.append((Code.CPU, self.cpus > limits.cpus))
        return first_code(rules, state.nodes.count)

    def secondary_codes(self, *, forced: bool = False) -> Codes:
        """
        By node: why it cannot hold the copy, whoever is primary.

        Soft limits hold here also where they do not for the primary node.

        @param forced: but for this: the copy is on its way off an offline node.
        """
        rules = [(Code.OFFLINE, ~self.state.nodes.online), *self._disk_rules()]
        if self.counted and not forced:
            rules += self._disk_rules_now()
            rules.append((Code.MEMORY, self.needed >= self.state.resources[MEM]))
        if not forced:
            rules += self._disk_rules_soon()
            rules.append((Code.SOON, self.memory >= self.limits.soft_memory))
        return first_code(rules, self.state.nodes.count)

    def _disk_rules(self) -> list[Rule]:
        """What cannot be passed over."""
        limits, local = self.limits, self.disk > 0
        return [
            (Code.DISK, (self.disk >= limits.disk) & local),
            (Code.SPINDLES, (self.spindles > limits.free_spindles) & local),
        ]

    def _disk_rules_now(self) -> list[Rule]:
        """What has to be left free of what there is now."""
        state, local = self.state, self.disk > 0
        nodes = state.nodes
        left = nodes.max_spindles - state.resources[SPIN]
        return [
            (Code.DISK_SOFT, (self.disk > state.resources[DISK] - nodes.min_disk) & local),
            (Code.SPINDLE_USE, (self.spindle_use > left) & ~nodes.exclusive & local),
        ]

    def _disk_rules_soon(self) -> list[Rule]:
        """The same when all that is to come is there."""
        limits, local = self.limits, self.disk > 0
        return [
            (Code.DISK_SOFT, (self.disk >= limits.soft_disk) & local),
            (Code.SPINDLES, (self.spindles > limits.soft_free_spindles) & local),
            (Code.SPINDLE_USE, (self.spindle_use > limits.spindles) & local),
        ]

    def conflicts(self) -> Flags:
        """By node: whether it has an exclusion tag of the instance."""
        exclusion = self.state.tags.exclusion
        if exclusion is None or not self.counted:
            return np.zeros(self.state.nodes.count, dtype=bool)
        conflicts: Flags = (self.state.tag_counts[exclusion[self.instance]] > 0).any(axis=0)
        return conflicts

    # Single nodes.

    def scores(self) -> Floats:
        """By node: the score with the instance on it."""
        field, count = self.field, self.field.count
        scores = field.counts + self._counts_primary()
        for spread in field.spreads:
            grown = self._arrive(spread.as_primary, spread.inverse)
            sums = spread.sum + grown
            squares = spread.squares + grown * (2.0 * spread.values + grown)
            scores = scores + spread.weight * root(squares / count - (sums / count) ** 2)
        reserved: Floats = scores + self._reserved(
            np.array([field.reserved_sum]), np.array([field.reserved_squares])
        )
        return reserved + self._n1_change(self.state.resources[MEM] - self.used, None)

    def _arrive(self, amounts: Floats, inverse: Floats) -> Floats:
        grown: Floats = amounts[:, self.instance] @ inverse
        return grown

    def _reserved(self, sums: Floats, squares: Floats) -> Floats:
        count = self.field.count
        spread = RESERVED_WEIGHT * root(squares / count - (sums / count) ** 2)
        return spread + RESERVED_TOTAL_WEIGHT * (sums + count * self.field.reserved_shift)

    def _n1_change(self, memory: Floats, reserved: Floats | None) -> Floats:
        """The change of the N+1 metric by one node that gets the instance."""
        state = self.state
        before = state.primaries + state.secondaries
        was = self.field.failing * before
        after = state.reserved if reserved is None else reserved
        failing = (memory <= after) * (before + self.counted)
        return (failing - was) * self.field.online

    def _counts_primary(self) -> Floats:
        """By node: what the tags change when it runs the instance."""
        state, tags, instance = self.state, self.state.tags, self.instance
        change = np.zeros(state.nodes.count)
        if tags.exclusion is not None:
            there = (state.tag_counts[tags.exclusion[instance]] > 0).sum(axis=0)
            change += WEIGHTS["pri_tags_score"] * there
        if tags.desired is not None and tags.desired_at is not None:
            change += tags.desired_at[tags.desired[instance]].sum(axis=0) * self.counted
        if tags.exclusion is not None and tags.locations is not None:
            wanted = tags.exclusion[instance]
            wanted = wanted[wanted < tags.exclusion_count]
            there = (state.location_tags[:, wanted] > 0).sum(axis=1)
            weight = WEIGHTS["location_exclusion_score"] * self.counted
            change += weight * (tags.locations @ there)
        return change * self.field.online

    # Pairs. The indexes of primary and secondary nodes fit together: a column and a row, or lists.

    def reserved_pairs(self, primary: Ints, secondary: Ints) -> Floats:
        """What is reserved on the secondary then."""
        grown = self.state.peers_of[primary, secondary] + self.needed
        return np.maximum(grown, self.state.reserved[secondary], out=grown)

    def pair_n1(self, primary: Ints, secondary: Ints) -> Flags:
        """Whether the secondary would newly fail N+1."""
        memory = self.state.resources[MEM, secondary]
        reserved = self.reserved_pairs(primary, secondary)
        fails: Flags = (memory <= reserved) & ~self.field.failing[secondary]
        return fails

    def pair_scores(self, primary: Ints, secondary: Ints) -> Floats:
        """The score with the instance on them."""
        field, count, state = self.field, self.field.count, self.state
        shape = np.broadcast_shapes(primary.shape, secondary.shape)
        scores = np.zeros(shape)
        scores += (field.counts + self._counts_primary())[primary]
        for spread in field.spreads:
            one = self._arrive(spread.as_primary, spread.inverse)
            two = self._arrive(spread.as_secondary, spread.inverse)
            own = ((spread.squares + one * (2.0 * spread.values + one)) / count)[primary]
            sums = ((spread.sum + one) / count)[primary]
            if two.any():
                variance = own + (two * (2.0 * spread.values + two) / count)[secondary]
                sums = sums + (two / count)[secondary]
            else:
                variance = own
            scores += spread.weight * root(variance - sums * sums)
        reserved = self.reserved_pairs(primary, secondary)
        grown = (reserved - state.reserved[secondary]) * state.nodes.reserved_inverse[secondary]
        values = field.reserved_values[secondary]
        squares = field.reserved_squares + grown * (2.0 * values + grown)
        scores += self._reserved(field.reserved_sum + grown, squares)
        if field.values["n1_cnt"] > 0 or not field.strict:
            scores += self._n1_change(state.resources[MEM] - self.used, None)[primary]
            scores += self._n1_of_secondary(secondary, reserved)
        if state.tags.shared is not None:
            known = field.online[primary] * self.counted
            scores += state.tags.shared[primary, secondary] * known
        return scores

    def _n1_of_secondary(self, secondary: Ints, reserved: Floats) -> Floats:
        """The change of the N+1 metric by the node that holds the copy."""
        state = self.state
        before = (state.primaries + state.secondaries)[secondary]
        was = self.field.failing[secondary] * before
        failing = (state.resources[MEM, secondary] <= reserved) * (before + self.counted)
        change: Floats = (failing - was) * self.field.online[secondary]
        return change


def first_code(rules: list[Rule], count: int) -> Codes:
    """By node the first rule that refuses it."""
    codes = np.zeros(count, dtype=np.int8)
    for code, refused in reversed(rules):
        codes[np.broadcast_to(refused, (count,))] = code
    return codes
