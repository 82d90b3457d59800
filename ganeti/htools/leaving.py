"""
What moves change on the nodes that the instances are on, whatever the target is.

A L{Leaving} is of one kind of move and of many instances, and says for each what changes in the
sums of the score, in its counts, and whether those nodes already make the move impossible.
"""

from __future__ import annotations

import numpy as np

from ganeti.htools.field import Field, Limits
from ganeti.htools.measures import WEIGHTS
from ganeti.htools.moves import Kind
from ganeti.htools.shapes import SHAPES
from ganeti.htools.spreads import COPY, OWN
from ganeti.htools.tables import MEM, MEM_FORTH, Flags, Floats, Ints


class Leaving:
    """Moves of one kind, of these instances."""

    def __init__(self, field: Field, kind: Kind, instances: Ints) -> None:
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
        self.grown_sums, self.grown_squares = self._grown()
        """[spread, instance]: how sums and squares change."""
        self._add_reserved()
        self.counts = self._counts_here()
        """How the weighted metrics that count change, but for nodes that fail N+1."""
        self.refused = self._refused_here()

    def _grown(self) -> tuple[Floats, Floats]:
        """How the sums and the squares of the standard deviations change."""
        stack, shape = self.field.stack, self.shape
        on_p = np.zeros((len(stack.weights), len(self.instances)))
        if shape.primary != "p":
            on_p -= stack.arrive(OWN, self.instances, self.p)
        if shape.secondary == "p":
            on_p += stack.arrive(COPY, self.instances, self.p)
        squares = on_p * (2.0 * stack.values[:, self.p] + on_p)
        if not shape.secondary:
            return on_p, squares
        on_s = np.zeros_like(on_p)
        if shape.secondary != "s":
            on_s -= stack.arrive(COPY, self.instances, self.s)
        if shape.primary == "s":
            on_s += stack.arrive(OWN, self.instances, self.s)
        return on_p + on_s, squares + on_s * (2.0 * stack.values[:, self.s] + on_s)

    def _add_reserved(self) -> None:
        """The memory reserved on the nodes it is on, as far as the target does not matter."""
        field = self.field
        self.sum = np.zeros(len(self.instances))
        self.squares = np.zeros(len(self.instances))
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

    def _refused_here(self) -> Flags:
        """Whether the nodes it is on already make the move impossible."""
        online = self.state.nodes.online
        refused = np.zeros(len(self.instances), dtype=bool)
        if self.shape.by_way_of_secondary or self.shape.primary == "s":
            refused |= ~online[self.s] | self._secondary_refuses_to_run()
        if self.shape == SHAPES[Kind.FAILOVER]:
            refused |= self._primary_refuses_copy(self.on_p)
        if self.shape.secondary == "p":
            # The way off an offline node is free, whatever is known of its disks.
            free = ~online[self.p] & (self.kind is Kind.FAILOVER)
            refused |= self._overfull(self.p) & ~free
        if self.kind is Kind.REPLACE_SECONDARY:
            # The instance comes back to its node, which has to be within its hard limits.
            limits = self._limits(self.p)
            refused |= (limits.memory <= 0) | (limits.disk <= 0)
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
        refused: Flags = (self.used >= limits.memory) & (self.used > 0)
        soft = np.zeros(len(refused), dtype=bool)
        if field.strict:
            soft |= self._conflicts(self.s)
            memory = self.state.resources[MEM, self.s]
            soft |= (memory - self.used <= self.left) & ~(memory <= self.left)
            soft |= (self.memory >= limits.soft_memory) | (cpus > limits.cpus)
        refused |= (soft & ~self.forced) | self._overfull(self.s)
        return refused

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
        refused |= (self.needed >= self._room_for_copy(self.p, memory)) & ~self.soon
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

    def refuses_copy_here(self, part: slice, reserved: Floats) -> Flags:
        """[instance, target]: whether the old node that holds the copy afterwards is too small."""
        if not self.field.strict:
            return np.zeros((1, 1), dtype=bool)
        if self.shape.secondary == "s":
            memory, before = self.state.resources[MEM, self.s[part]], self.left[part]
        else:
            memory = self.state.resources[MEM, self.p[part]] + self.used[part]
            before = self.on_p[part]
        refused: Flags = (memory[:, None] <= reserved) & ~(memory <= before)[:, None]
        nodes = self.s if self.shape.secondary == "s" else self.p
        room = self._room_for_copy(nodes[part], memory, part)
        refused |= ((self.needed[part] >= room) & ~self.soon[part])[:, None]
        return refused

    def _room_for_copy(self, nodes: Ints, memory: Floats, part: slice = slice(None)) -> Floats:
        """What is left of C{memory} when all that is to come is there, on these of its nodes."""
        later = self.state.resources[MEM_FORTH, nodes]
        if self.shape.secondary == "p":
            later = later + self.memory[part]
        room: Floats = np.minimum(memory, later)
        return room
