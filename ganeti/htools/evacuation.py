"""Instances moved off their nodes, or to other groups (iallocator.json)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ganeti.htools.groupsearch import AllocationOptions, GroupSearch, best_answer
from ganeti.htools.newcomer import Code
from ganeti.htools.openings import (
    failover_code,
    lifted,
    pair_openings,
    secondary_openings,
    single_openings,
)
from ganeti.htools.places import FAILURES
from ganeti.htools.records import Group
from ganeti.htools.relocations import Opcode, replace_both, replace_secondary, run_elsewhere
from ganeti.htools.state import State
from ganeti.htools.tables import Ints
from ganeti.model.group import AllocPolicy
from ganeti.model.templates import TEMPLATES


@dataclass(frozen=True, slots=True)
class Evacuated:
    """What became of one instance: its new nodes and the opcodes, or why not."""

    instance: str
    group: str = ""
    nodes: tuple[str, ...] = ()
    opcodes: tuple[Opcode, ...] = ()
    reason: str = ""


class Evacuator:
    """Moves instances one after the other; each finds what the ones before left."""

    def __init__(self, state: State, *, strict: bool = True) -> None:
        self.state, self.strict = state, strict
        self.names = [node.name for node in state.cluster.nodes]

    def evacuate(self, instances: Sequence[int], mode: str) -> list[Evacuated]:
        """
        Off primary, secondary or all nodes.

        No instance goes to a node that another one leaves.
        """
        left = self._left(instances, mode)
        return [self._evacuate_one(instance, mode, left) for instance in instances]

    def _left(self, instances: Sequence[int], mode: str) -> set[int]:
        left: set[int] = set()
        for one in instances:
            if mode != "secondary-only":
                left.add(int(self.state.primary[one]))
            if mode != "primary-only":
                left.add(int(self.state.secondary[one]))
        return left - {-1}

    def _evacuate_one(self, instance: int, mode: str, left: set[int]) -> Evacuated:
        record = self.state.cluster.instances[instance]
        facts, template = TEMPLATES[record.template], record.template.value
        if not facts.mirrored:
            reason = f"Instances of type {template} cannot be relocated"
            return Evacuated(record.name, reason=reason)
        if facts.mirrored_external:
            if mode != "secondary-only":
                return self._move_primary(instance, self.targets(instance, left))
            reason = f"Instances with disk template '{template}' can't execute change secondary"
            return Evacuated(record.name, reason=reason)
        match mode:
            case "primary-only":
                return self._fail_over(instance)
            case "secondary-only":
                return self._replace_secondary(instance, left)
            case _:
                return self._move_both(instance, self.targets(instance, left))

    def targets(self, instance: int, left: set[int]) -> Ints:
        """The other online nodes of the instance's group that nobody leaves."""
        state = self.state
        own = {int(state.primary[instance]), int(state.secondary[instance])}
        nodes = self._online(int(state.nodes.group[state.primary[instance]]))
        return np.array([node for node in nodes if node not in own | left], dtype=np.intp)

    def _online(self, group: int) -> Ints:
        """The online nodes of a group."""
        return np.flatnonzero(self.state.nodes.online & (self.state.nodes.group == group))

    def _fail_over(self, instance: int) -> Evacuated:
        state, record = self.state, self.state.cluster.instances[instance]
        code = failover_code(state, instance, strict=self._strict(instance))
        if code is not Code.FITS:
            return Evacuated(record.name, reason=FAILURES[code].value)
        after = int(state.secondary[instance]), int(state.primary[instance])
        return self._placed(instance, after, (run_elsewhere(record),))

    def _gone(self, instance: int) -> bool:
        """Whether its primary node is offline."""
        return not self.state.nodes.online[self.state.primary[instance]]

    def _strict(self, instance: int) -> bool:
        """Whether soft limits hold: not on the way off an offline node."""
        return self.strict and not self._gone(instance)

    def _replace_secondary(self, instance: int, left: set[int]) -> Evacuated:
        state, record = self.state, self.state.cluster.instances[instance]
        nodes = self.targets(instance, left)
        found = secondary_openings(state, instance, nodes, strict=self.strict)
        best = found.best()
        if best is None:
            return Evacuated(record.name, reason=found.refusals(self.names))
        target = int(nodes[best])
        after = int(state.primary[instance]), target
        return self._placed(instance, after, (replace_secondary(record, self.names[target]),))

    def _move_primary(self, instance: int, nodes: Ints) -> Evacuated:
        state, record = self.state, self.state.cluster.instances[instance]
        found = single_openings(state, instance, nodes, strict=self._strict(instance))
        best = found.best()
        if best is None:
            return Evacuated(record.name, reason=found.refusals(self.names))
        target = int(nodes[best])
        opcode = run_elsewhere(record, self.names[target])
        return self._placed(instance, (target, -1), (opcode,))

    def _move_both(self, instance: int, nodes: Ints) -> Evacuated:
        record = self.state.cluster.instances[instance]
        reason = "Can't find any good nodes for relocation: "
        if len(nodes) < 2:
            return Evacuated(record.name, reason=f"{reason}no nodes available")
        found = pair_openings(self.state, instance, nodes, strict=self._strict(instance))
        best = found.best()
        if best is None:
            return Evacuated(record.name, reason=reason + found.refusal())
        pair = int(nodes[best // len(nodes)]), int(nodes[best % len(nodes)])
        opcodes = replace_both(record, *(self.names[node] for node in pair))
        if self._gone(instance):
            opcodes = (run_elsewhere(record), *opcodes)
        return self._placed(instance, pair, opcodes)

    def _placed(
        self, instance: int, nodes: tuple[int, int], opcodes: tuple[Opcode, ...]
    ) -> Evacuated:
        self.state.place(instance, *nodes)
        cluster = self.state.cluster
        index = cluster.group_index[cluster.nodes[nodes[0]].group]
        names = tuple(self.names[node] for node in nodes if node >= 0)
        return Evacuated(
            cluster.instances[instance].name, cluster.groups[index].name, names, opcodes
        )

    def change_group(
        self, instances: Sequence[int], targets: Sequence[Group], *, capacity_checks: bool = True
    ) -> list[Evacuated]:
        """
        To the best of the target groups; none given: of all others.

        No instance goes to a group that another one leaves.
        """
        state, cluster = self.state, self.state.cluster
        left = {int(state.nodes.group[state.primary[instance]]) for instance in instances}
        groups = [
            group
            for group in targets or cluster.groups
            if cluster.group_index[group.uuid] not in left
        ]
        options = AllocationOptions(capacity_checks=capacity_checks)
        return [self._change_group_of(instance, groups, options) for instance in instances]

    def _change_group_of(
        self, instance: int, groups: Sequence[Group], options: AllocationOptions
    ) -> Evacuated:
        record = self.state.cluster.instances[instance]
        if not TEMPLATES[record.template].mirrored:
            reason = f"Instances of type {record.template.value} cannot be relocated"
            return Evacuated(record.name, reason=reason)
        if not groups:
            return Evacuated(record.name, reason="There is no other group to move to")
        count = 2 if int(self.state.secondary[instance]) >= 0 else 1
        with lifted(self.state, instance, strict=self.strict) as newcomer:
            search = GroupSearch(newcomer, record, count, options)
            answers = [search.answer(group) for group in groups]
        unallocable = AllocPolicy.UNALLOCABLE
        best = best_answer([each for each in answers if each.group.alloc_policy is not unallocable])
        if best is None:
            texts = [answer.text(self.names.__getitem__) for answer in answers]
            return Evacuated(record.name, reason=", ".join(texts))
        nodes = self._online(self.state.cluster.group_index[best.group.uuid])
        return (self._move_primary if count == 1 else self._move_both)(instance, nodes)
