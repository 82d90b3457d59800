"""
Every place for one new instance at once: single nodes, or pairs.

The instance is in the state's tables already, on no node yet.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from ganeti.htools.field import Field
from ganeti.htools.measures import WEIGHTS
from ganeti.htools.spreads import root
from ganeti.htools.tables import MEM, Flags, Floats
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
        self.limits = field.limits if self.counted else field.forthcoming

    # Rules.

    def primary_codes(self) -> Codes:
        """By node: why it cannot run the instance."""
        field, limits = self.field, self.limits
        rules: list[tuple[Code, Flags]] = [
            (Code.OFFLINE, ~self.state.nodes.online),
            (Code.MEMORY, self.memory >= limits.memory),
            (Code.DISK, (self.disk >= limits.disk) & (self.disk > 0)),
            (Code.SPINDLES, self.spindles > limits.free_spindles),
        ]
        if field.strict:
            rules += self._soft_disk_rules()
            if self.counted:
                rules.append((Code.N1, self.used >= field.margin))
            rules.append((Code.CPU, self.cpus > limits.cpus))
            rules.append((Code.TAGS, self._conflicts()))
            rules.append((Code.SOON, self.memory >= limits.soft_memory))
        return first_code(rules, self.state.nodes.count)

    def secondary_codes(self) -> Codes:
        """By node: why it cannot hold the copy, whoever is primary."""
        limits = self.limits
        rules: list[tuple[Code, Flags]] = [
            (Code.OFFLINE, ~self.state.nodes.online),
            (Code.DISK, (self.disk >= limits.disk) & (self.disk > 0)),
            (Code.SPINDLES, self.spindles > limits.free_spindles),
        ]
        if self.field.strict:
            rules += self._soft_disk_rules()
            if self.counted:
                rules.append((Code.MEMORY, self.needed >= self.state.resources[MEM]))
        return first_code(rules, self.state.nodes.count)

    def _soft_disk_rules(self) -> list[tuple[Code, Flags]]:
        limits, local = self.limits, self.disk > 0
        return [
            (Code.DISK_SOFT, (self.disk >= limits.soft_disk) & local),
            (Code.SPINDLES, (self.spindles > limits.soft_free_spindles) & local),
            (Code.SPINDLE_USE, (self.spindle_use > limits.spindles) & local),
        ]

    def _conflicts(self) -> Flags:
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

    # Pairs: rows are primary nodes, columns secondary ones.

    def reserved_pairs(self, primaries: slice) -> Floats:
        """[primary, secondary]: what is reserved on the secondary then."""
        grown = self.state.peers_of[primaries] + self.needed
        return np.maximum(grown, self.state.reserved, out=grown)

    def pair_n1(self, primaries: slice) -> Flags:
        """[primary, secondary]: whether the secondary would newly fail N+1."""
        memory = self.state.resources[MEM]
        reserved = self.reserved_pairs(primaries)
        return (memory <= reserved) & ~self.field.failing

    def pair_scores(self, primaries: slice) -> Floats:
        """[primary, secondary]: the score with the instance on them."""
        field, count, state = self.field, self.field.count, self.state
        scores = np.repeat((field.counts + self._counts_primary())[primaries, None],
                           state.nodes.count, axis=1)
        for spread in field.spreads:
            one = self._arrive(spread.as_primary, spread.inverse)
            two = self._arrive(spread.as_secondary, spread.inverse)
            mine = spread.squares + one * (2.0 * spread.values + one)
            own = mine[primaries, None] / count
            if not two.any():
                sums = (spread.sum + one[primaries, None]) / count
                scores += spread.weight * root(own - sums * sums)
                continue
            variance = own + two * (2.0 * spread.values + two) / count
            sums = (spread.sum + one[primaries, None] + two) / count
            sums *= sums
            variance -= sums
            scores += spread.weight * root(variance)
        reserved = self.reserved_pairs(primaries)
        grown = (reserved - state.reserved) * state.nodes.reserved_inverse
        squares = field.reserved_squares + grown * (2.0 * field.reserved_values + grown)
        scores += self._reserved(field.reserved_sum + grown, squares)
        if field.values["n1_cnt"] > 0 or not field.strict:
            memory = state.resources[MEM]
            scores += self._n1_change(memory - self.used, None)[primaries, None]
            scores += self._n1_change(memory, reserved)
        if state.tags.shared is not None:
            known = field.online[primaries, None] * self.counted
            scores += state.tags.shared[primaries] * known
        return scores


def first_code(rules: list[tuple[Code, Flags]], count: int) -> Codes:
    """By node the first rule that refuses it."""
    codes = np.zeros(count, dtype=np.int8)
    for code, refused in reversed(rules):
        codes[np.broadcast_to(refused, (count,))] = code
    return codes
