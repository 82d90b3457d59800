"""
Moves tried without making them: scores and refusals of many at once.

A L{Trial} is of one kind of move (L{Shape}) and of many instances: what happens on the nodes they
are on is computed for each instance once; L{Trial.scores} adds the targets.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ganeti.htools.field import Field, Limits
from ganeti.htools.measures import WEIGHTS
from ganeti.htools.moves import Kind
from ganeti.htools.spreads import Spread, root
from ganeti.htools.tables import MEM, Flags, Floats, Ints

ALL = slice(None)
RESERVED_WEIGHT = WEIGHTS["reserved_mem_cv"]
RESERVED_TOTAL_WEIGHT = WEIGHTS["reserved_mem_rtotal"]


class Shape(NamedTuple):
    """What a kind of move does, as roles: p and s are the nodes an instance is on, t the target."""

    primary: str
    """Who is primary afterwards."""
    secondary: str
    """Who is secondary afterwards; empty: none."""
    by_way_of_secondary: bool = False
    """The old secondary runs it on the way."""


SHAPES: dict[Kind, Shape] = {
    Kind.FAILOVER: Shape("s", "p"),
    Kind.REPLACE_SECONDARY: Shape("p", "t"),
    Kind.REPLACE_AND_FAILOVER: Shape("t", "p"),
    Kind.REPLACE_PRIMARY: Shape("t", "s", by_way_of_secondary=True),
    Kind.FAILOVER_AND_REPLACE: Shape("s", "t"),
    Kind.FAILOVER_TO: Shape("t", ""),
}


class Trial:
    """Moves of one kind, of these instances, to any target."""

    def __init__(
        self, field: Field, kind: Kind, instances: Ints, targets: Ints | None = None
    ) -> None:
        """
        @param targets: the nodes to try; None: all of them.
        """
        self.columns: slice | Ints = ALL if targets is None else targets
        self.targets = np.arange(field.state.nodes.count) if targets is None else targets
        self.field, self.kind, self.shape = field, kind, SHAPES[kind]
        self.instances = instances
        self.state, table = field.state, field.state.instances
        self.p, self.s = self.state.primary[instances], self.state.secondary[instances]
        self.memory, self.needed = table.memory[instances], table.reserved[instances]
        self.used = -table.as_primary[MEM, instances]
        self.soon = table.counted[instances] == 0
        self.forced = ~self.state.nodes.online[self.p]
        if kind in (Kind.REPLACE_SECONDARY, Kind.REPLACE_AND_FAILOVER):
            self.forced = ~self.state.nodes.online[self.s]
        self.new_p = {"s": self.s, "p": self.p}.get(self.shape.primary)
        self.new_s = {"s": self.s, "p": self.p}.get(self.shape.secondary)
        self.fixed = np.full(len(instances), field.counts)
        self._add_spreads()
        self._add_reserved()
        self.fixed += self._counts_here()
        self.refused = self._refused_here()
        self.count_n1 = bool(
            field.values["n1_cnt"] > 0 or not field.strict or (self.forced & ~self.refused).any()
        )

    # What happens on the nodes an instance is on.

    def _add_spreads(self) -> None:
        """The standard deviations; those the target changes too are kept as factors."""
        field, count = self.field, self.field.count
        self.factors: list[tuple[float, Floats, Floats]] = []
        shape, mirrored = self.shape, bool(self.shape.secondary)
        for spread in field.spreads:
            own, copy = spread.as_primary, spread.as_secondary
            sums: Floats = np.full(len(self.instances), spread.sum)
            squares: Floats = np.full(len(self.instances), spread.squares)
            changes: list[tuple[Ints, Floats]] = []
            on_p = -spread.arrive(own, self.instances, self.p)
            if shape.primary == "p":
                on_p = np.zeros_like(on_p)
            if mirrored:
                if shape.secondary == "p":
                    on_p = on_p + spread.arrive(copy, self.instances, self.p)
                changes.append((self.s, self._on_secondary(spread, own, copy)))
            changes.append((self.p, on_p))
            for nodes, grown in changes:
                sums = sums + grown
                squares = squares + grown * (2.0 * spread.values[nodes] + grown)
            arriving = own if shape.primary == "t" else copy
            if "t" in (shape.primary, shape.secondary) and arriving.any():
                mine = spread.instance_factors(arriving, self.instances, sums, squares, count)
                targets = spread.target_factors(count)[:, self.columns]
                self.factors.append((spread.weight, mine, targets))
            else:
                self.fixed += spread.weight * root(squares / count - (sums / count) ** 2)

    def _on_secondary(self, spread: Spread, own: Floats, copy: Floats) -> Floats:
        """How the value of the old secondary node changes."""
        grown: Floats = np.zeros(len(self.instances))
        if self.shape.secondary != "s":
            grown = grown - spread.arrive(copy, self.instances, self.s)
        if self.shape.primary == "s":
            grown = grown + spread.arrive(own, self.instances, self.s)
        return grown

    def _add_reserved(self) -> None:
        """The memory reserved on the nodes it is on, as far as the target does not matter."""
        field = self.field
        self.sum = np.full(len(self.instances), field.reserved_sum)
        self.squares = np.full(len(self.instances), field.reserved_squares)
        if not self.shape.secondary:
            return
        self.left = field.reserved_without(self.s, self.p, self.needed)
        self.on_p = self.state.reserved[self.p]
        if self.shape == SHAPES[Kind.FAILOVER]:
            self.on_p = np.maximum(self.on_p, self.state.peers[self.p, self.s] + self.needed)
            self._change_reserved(self.p, self.on_p)
        if self.shape.secondary != "s":
            self._change_reserved(self.s, self.left)

    def _change_reserved(self, nodes: Ints, after: Floats) -> None:
        grown, squares = self.field.reserved_change(nodes, after)
        self.sum = self.sum + grown
        self.squares = self.squares + squares

    def _counts_here(self) -> Floats:
        """What changes in the metrics that count, as far as the target does not matter."""
        state, field = self.state, self.field
        counted = state.instances.counted[self.instances]
        offline = 1.0 - field.online
        weight_all, weight_pri = WEIGHTS["offline_all_cnt"], WEIGHTS["offline_pri_cnt"]
        change = -(weight_all + weight_pri) * offline[self.p] * counted
        if self.new_p is not None:
            change = change + (weight_all + weight_pri) * offline[self.new_p] * counted
        if self.shape.secondary:
            change = change - weight_all * offline[self.s] * counted
        if self.new_s is not None:
            change = change + weight_all * offline[self.new_s] * counted
        return change + self._tags_here() + self._locations_here()

    def _tags_here(self) -> Floats:
        """Exclusion tags: leaving the old primary node, coming to one that is known."""
        state = self.state
        exclusion = state.tags.exclusion
        change = np.zeros(len(self.instances))
        if exclusion is None or self.shape.primary == "p":
            return change
        tags = exclusion[self.instances]
        weight = WEIGHTS["pri_tags_score"]
        leaving = (state.tag_counts[tags, self.p[:, None]] > 1).sum(axis=1)
        change -= weight * leaving * self.field.online[self.p]
        if self.new_p is not None:
            coming = (state.tag_counts[tags, self.new_p[:, None]] > 0).sum(axis=1)
            change += weight * coming * self.field.online[self.new_p]
        return change

    def _locations_here(self) -> Floats:
        """Location tags, as far as the target does not matter."""
        tags, field = self.state.tags, self.field
        counted = self.state.instances.counted[self.instances]
        change = np.zeros(len(self.instances))
        if tags.shared is not None and self.shape.secondary:
            change -= tags.shared[self.p, self.s] * field.online[self.p] * counted
            if self.new_p is not None and self.new_s is not None:
                change += tags.shared[self.p, self.s] * field.online[self.new_p] * counted
        if tags.desired is not None and tags.desired_at is not None:
            wanted = tags.desired[self.instances]
            missing = tags.desired_at[wanted, self.p[:, None]].sum(axis=1)
            change -= missing * field.online[self.p] * counted
            if self.new_p is not None:
                missing = tags.desired_at[wanted, self.new_p[:, None]].sum(axis=1)
                change += missing * field.online[self.new_p] * counted
        if self.shape.primary != "p" and tags.locations is not None and tags.exclusion is not None:
            change += self._leave_places()
            if self.new_p is not None:
                change += self._come_to_places(self.new_p)
        return change

    def _leave_places(self) -> Floats:
        """Location and exclusion tags: the pairs that become fewer; keeps what is left."""
        tags, here = self.state.tags, self.state.location_tags
        assert tags.locations is not None and tags.exclusion is not None
        wanted = tags.exclusion[self.instances]
        counted = self.state.instances.counted[self.instances] * self.field.online[self.p]
        # [instance, slot, location]
        counts = here.T[wanted]
        gone = tags.locations[self.p][:, None, :] * counted[:, None, None]
        real = (wanted < tags.exclusion_count)[:, :, None]
        fewer = ((counts > 1) & (gone > 0) & real).sum(axis=(1, 2))
        self.places = (((counts - gone) > 0) & real).sum(axis=1).astype(np.float64)
        change: Floats = -WEIGHTS["location_exclusion_score"] * fewer
        return change

    def _come_to_places(self, nodes: Ints) -> Floats:
        tags = self.state.tags
        assert tags.locations is not None
        counted = self.state.instances.counted[self.instances] * self.field.online[nodes]
        here: Floats = (self.places * tags.locations[nodes]).sum(axis=1) * counted
        return WEIGHTS["location_exclusion_score"] * here

    # Refusals on the nodes an instance is on.

    def _refused_here(self) -> Flags:
        """Whether the nodes it is on already make the move impossible."""
        online = self.state.nodes.online
        refused = np.zeros(len(self.instances), dtype=bool)
        if self.shape.by_way_of_secondary or self.shape.primary == "s":
            refused |= ~online[self.s] | self._secondary_refuses_to_run()
        if self.shape == SHAPES[Kind.FAILOVER]:
            refused |= self._primary_refuses_copy(self.on_p)
        if self.shape.secondary == "p":
            refused |= self._overfull(self.p)
        flags = self.state.tags.migration
        runs_there = self.shape.primary == "s" or self.shape.by_way_of_secondary
        if flags is not None and runs_there:
            refused |= ~flags[self.p, self.s]
        return refused

    def _limits(self, nodes: Ints) -> Limits:
        """What holds for each instance on its node."""
        field = self.field
        if not self.soon.any():
            return Limits(*(limit[nodes] for limit in field.limits))
        return Limits(
            *(
                np.where(self.soon, soon[nodes], limit[nodes])
                for limit, soon in zip(field.limits, field.forthcoming, strict=True)
            )
        )

    def _secondary_refuses_to_run(self) -> Flags:
        """The old secondary, freed of the copy, would have to run it."""
        field, table = self.field, self.state.instances
        limits, cpus = self._limits(self.s), table.cpus[self.instances]
        refused = self.memory >= limits.memory
        soft = np.zeros(len(refused), dtype=bool)
        if field.strict:
            soft |= self._conflicts(self.s)
            memory = self.state.resources[MEM, self.s]
            soft |= (memory - self.used <= self.left) & ~(memory <= self.left)
            soft |= (self.memory >= limits.soft_memory) | (cpus > limits.cpus)
        return refused | (soft & ~self.forced) | self._overfull(self.s)

    def _overfull(self, nodes: Ints) -> Flags:
        """Whether the node cannot even keep the disks it has."""
        limits, refused = self._limits(nodes), np.zeros(len(nodes), dtype=bool)
        if self.field.strict:
            refused = (limits.soft_disk <= 0) | (limits.soft_free_spindles < 0)
            refused = (refused | (limits.spindles < 0)) & ~self.forced
        refused |= (limits.disk <= 0) | (limits.free_spindles < 0)
        return refused & (self.state.instances.disk[self.instances] > 0)

    def _primary_refuses_copy(self, reserved: Floats) -> Flags:
        """The old primary, freed of the instance, would have to hold the copy."""
        memory = self.state.resources[MEM, self.p] + self.used
        if not self.field.strict:
            return np.zeros(len(memory), dtype=bool)
        failing = memory <= self.state.reserved[self.p]
        refused: Flags = (memory <= reserved) & ~failing
        refused |= (self.needed >= memory) & ~self.soon
        refused &= ~self.forced
        return refused

    def _conflicts(self, nodes: Ints) -> Flags:
        """Whether an exclusion tag is on the node already."""
        exclusion = self.state.tags.exclusion
        if exclusion is None:
            return np.zeros(len(self.instances), dtype=bool)
        there = self.state.tag_counts[exclusion[self.instances], nodes[:, None]] > 0
        conflicts: Flags = np.any(there, axis=1) & ~self.soon
        return conflicts

    # Targets.

    def scores_here(self) -> Floats:
        """By instance, of a move without target: the score afterwards; infinite: refused."""
        scores = self.fixed + self._reserved_score(self.sum, self.squares)
        if self.count_n1:
            scores = scores + self._n1_here()
        return np.where(self.refused, np.inf, scores)

    def _reserved_score(self, sums: Floats, squares: Floats) -> Floats:
        count = self.field.count
        score = RESERVED_WEIGHT * root(squares / count - (sums / count) ** 2)
        score += RESERVED_TOTAL_WEIGHT * (sums + count * self.field.reserved_shift)
        return score

    def scores(self, part: slice) -> Floats:
        """[instance, target] of these instances: the score afterwards; infinite: refused."""
        scores: Floats = np.repeat(self.fixed[part, None], len(self.targets), axis=1)
        for weight, mine, targets in self.factors:
            spread = root(mine[part] @ targets)
            spread *= weight
            scores += spread
        changed = self._reserved_at(part)
        scores += self._reserved_with(part, changed)
        if self.count_n1:
            scores += self._n1_at(part, changed)
        scores += self._tags_at(part)
        refused = self._refused_at(part, changed)
        scores[refused] = np.inf
        return scores

    def _rows(self, matrix: Floats, rows: Ints) -> Floats:
        """[row, target] of a matrix that has a column for each node."""
        if isinstance(self.columns, slice):
            return matrix[rows]
        return matrix[rows[:, None], self.columns]

    def _reserved_at(self, part: slice) -> Floats:
        """[instance, target]: reserved memory where the target changes it: there, on p or on s."""
        needed, peers = self.needed[part, None], self.state.peers
        if self.shape.secondary == "t":
            other = self.p if self.shape.primary == "p" else self.s
            grown = self._rows(self.state.peers_of, other[part]) + needed
            return np.maximum(grown, self.state.reserved[self.columns], out=grown)
        if self.shape.secondary == "s":
            grown = self._rows(peers, self.s[part]) + needed
            return np.maximum(grown, self.left[part, None], out=grown)
        if self.shape.secondary == "p":
            grown = self._rows(peers, self.p[part]) + needed
            return np.maximum(grown, self.on_p[part, None], out=grown)
        return np.zeros((1, 1))

    def _reserved_with(self, part: slice, after: Floats) -> Floats:
        field, scale = self.field, self.state.nodes.reserved_inverse
        sums, squares = self.sum[part, None], self.squares[part, None]
        if not self.shape.secondary:
            return self._reserved_score(sums, squares)
        if self.shape.secondary == "t":
            at = self.columns
            now, scales, values = self.state.reserved[at], scale[at], field.reserved_values[at]
        else:
            nodes = (self.s if self.shape.secondary == "s" else self.p)[part, None]
            now, scales = self.state.reserved[nodes], scale[nodes]
            values = field.reserved_values[nodes]
        grown = (after - now) * scales
        squares = squares + grown * (2.0 * values + grown)
        grown += sums
        return self._reserved_score(grown, squares)

    def _tags_at(self, part: slice) -> Floats:
        """What the target's tags change."""
        tags, field = self.state.tags, self.field
        instances = self.instances[part]
        counted = self.state.instances.counted[instances, None]
        change: Floats = np.zeros((1, 1))
        at = self.columns
        primary_online = field.online[at] if self.shape.primary == "t" else np.ones(1)
        if tags.shared is not None and self.shape.secondary:
            other = {"p": self.p, "s": self.s}[
                self.shape.primary if self.shape.secondary == "t" else self.shape.secondary
            ]
            known = field.online[other[part], None] if self.shape.secondary == "t" else 1.0
            change = (
                change + self._rows(tags.shared, other[part]) * counted * known * primary_online
            )
        if self.shape.primary != "t":
            return change
        if tags.desired is not None and tags.desired_at is not None:
            change = change + tags.desired_at[:, at][tags.desired[instances]].sum(axis=1) * counted
        if tags.exclusion is not None:
            there = self.state.tag_counts[:, at][tags.exclusion[instances]] > 0
            change = change + WEIGHTS["pri_tags_score"] * there.sum(axis=1)
        if tags.exclusion is not None and tags.locations is not None:
            weight = WEIGHTS["location_exclusion_score"]
            change = change + weight * counted * (self.places[part] @ tags.locations[at].T)
        return change

    def _refused_at(self, part: slice, reserved: Floats) -> Flags:
        """[instance, target]: whether it cannot be."""
        field, state, at = self.field, self.state, self.columns
        refused = np.zeros((len(self.p[part]), len(self.targets)), dtype=bool)
        forced, soon = self.forced[part, None], self.soon[part, None]
        soft = self._refuse_size(part, refused)
        if self.shape.primary == "t":
            soft |= self._refuse_running(part, refused)
        if self.kind is Kind.REPLACE_AND_FAILOVER:
            # It comes to the target before anything is forced.
            refused |= soft
        if self.shape.secondary == "t":
            memory = state.resources[MEM, at]
            if field.strict:
                soft |= (self.needed[part, None] >= memory) & ~soon
                soft |= (memory <= reserved) & ~field.failing[at]
        elif self.shape.secondary:
            nodes = self.s[part] if self.shape.secondary == "s" else self.p[part]
            memory = state.resources[MEM, nodes]
            before = self.left[part] if self.shape.secondary == "s" else self.on_p[part]
            if self.shape.secondary == "p":
                memory = memory + self.used[part]
            if field.strict:
                soft |= ((self.needed[part] >= memory) & ~self.soon[part])[:, None]
                soft |= (memory[:, None] <= reserved) & ~(memory <= before)[:, None]
        refused |= soft & ~forced
        refused[:, ~state.nodes.online[at]] = True
        refused[self.refused[part]] = True
        self._refuse_own(refused, self.p[part])
        if self.shape.secondary:
            self._refuse_own(refused, self.s[part])
        return refused

    def _refuse_own(self, refused: Flags, nodes: Ints) -> None:
        """A node that the instance is on is no target."""
        if isinstance(self.columns, slice):
            refused[np.arange(len(nodes)), nodes] = True
        else:
            refused |= nodes[:, None] == self.targets

    def _limits_at(self, part: slice) -> Limits:
        """[instance or 1, node]: what holds for these instances."""
        field, soon, at = self.field, self.soon[part], self.columns
        if not soon.any():
            return Limits(*(limit[None, at] for limit in field.limits))
        return Limits(
            *(
                np.where(soon[:, None], later[at], limit[at])
                for limit, later in zip(field.limits, field.forthcoming, strict=True)
            )
        )

    def _refuse_size(self, part: slice, refused: Flags) -> Flags:
        """Disk and spindles, that count on both kinds of node. Returns soft refusals."""
        table, instances = self.state.instances, self.instances[part]
        soft = np.zeros_like(refused)
        disk = table.disk[instances, None]
        if disk.any():
            limits, spindles = self._limits_at(part), table.spindles[instances, None]
            refused |= ((disk >= limits.disk) & (disk > 0)) | (spindles > limits.free_spindles)
            if self.field.strict:
                soft |= (disk >= limits.soft_disk) & (disk > 0)
                soft |= spindles > limits.soft_free_spindles
                soft |= table.spindle_use[instances, None] > limits.spindles
        return soft

    def _refuse_running(self, part: slice, refused: Flags) -> Flags:
        """Memory, processors and exclusion tags, of a primary node. Returns soft refusals."""
        field, state = self.field, self.state
        instances, limits = self.instances[part], self._limits_at(part)
        refused |= self.memory[part, None] >= limits.memory
        soft = np.zeros_like(refused)
        if field.strict:
            soft |= (self.used[part, None] >= field.margin[self.columns]) & ~self.soon[part, None]
            soft |= self.memory[part, None] >= limits.soft_memory
            soft |= state.instances.cpus[instances, None] > limits.cpus
        if field.strict and state.tags.exclusion is not None:
            tags = state.tags.exclusion[instances]
            soft |= (state.tag_counts[:, self.columns][tags] > 0).any(axis=1) & ~self.soon[
                part, None
            ]
        if state.tags.migration is not None:
            start = self.s if self.shape.by_way_of_secondary else self.p
            refused |= ~state.tags.migration[start[part]][:, self.columns]
        return soft

    # Nodes that fail N+1: counted only while there are some, or could be.

    def _n1_here(self) -> Floats:
        change = self._n1_of(self.s, -self.used, self.left, 0.0, slice(None))
        return change + self._n1_of(self.p, self.used, self.on_p, 0.0, slice(None))

    def _n1_of(
        self, nodes: Ints, memory: Floats, reserved: Floats, more: float, part: slice
    ) -> Floats:
        """The change of the metric by one node that an instance is on."""
        state = self.state
        counted = state.instances.counted[self.instances[part]] * more
        before = (state.primaries + state.secondaries)[nodes]
        free = state.resources[MEM, nodes]
        online = self.field.online[nodes]
        was = self.field.failing[nodes] * before * online
        if reserved.ndim == 2:
            free, memory, was = free[:, None], memory[:, None], was[:, None]
            before, counted, online = before[:, None], counted[:, None], online[:, None]
        change: Floats = ((free + memory <= reserved) * (before + counted) * online) - was
        return change

    def _n1_at(self, part: slice, changed: Floats) -> Floats:
        """The change of the metric by all three nodes."""
        state, shape = self.state, self.shape
        p, used = self.p[part], self.used[part]
        stays = np.zeros(len(p))
        on_p = used if shape.primary != "p" else stays
        reserved_p = state.reserved[p]
        p_count = 0.0 if "p" in (shape.primary, shape.secondary) else -1.0
        if shape.secondary == "p":
            reserved_p = changed
        change = self._n1_of(p, on_p, reserved_p, p_count, part)
        change = change if change.ndim == 2 else change[:, None]
        if shape.secondary:
            s = self.s[part]
            on_s = -used if shape.primary == "s" else stays
            reserved_s = changed if shape.secondary == "s" else self.left[part]
            s_count = 0.0 if "s" in (shape.primary, shape.secondary) else -1.0
            more = self._n1_of(s, on_s, reserved_s, s_count, part)
            change = change + (more if more.ndim == 2 else more[:, None])
        at = self.columns
        free, before = state.resources[MEM, at], (state.primaries + state.secondaries)[at]
        counted = state.instances.counted[self.instances[part], None]
        reserved_t = changed if shape.secondary == "t" else state.reserved[at]
        after = free - (used[:, None] if shape.primary == "t" else 0.0)
        was = self.field.failing[at] * before
        there: Floats = ((after <= reserved_t) * (before + counted)) - was
        there *= self.field.online[at]
        return change + there
