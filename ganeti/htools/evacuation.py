"""Instances moved off their nodes, or to other groups (iallocator.json)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ganeti.htools.failures import Failure
from ganeti.htools.field import Field
from ganeti.htools.groupsearch import AllocationOptions, GroupAnswer, GroupSearch, best_answer
from ganeti.htools.moves import Kind
from ganeti.htools.newcomer import Newcomer
from ganeti.htools.places import pair_at, pair_scores, single_scores
from ganeti.htools.records import Group
from ganeti.htools.state import State
from ganeti.htools.tables import Floats, Ints
from ganeti.htools.trial import Trial
from ganeti.model.group import AllocPolicy
from ganeti.model.templates import TEMPLATES


@dataclass(frozen=True, slots=True)
class Evacuated:
    """What became of one instance: its new nodes and the opcodes, or why not."""

    instance: str
    group: str = ""
    nodes: tuple[str, ...] = ()
    opcodes: tuple[dict[str, object], ...] = ()
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
        facts = TEMPLATES[record.template]
        if not facts.mirrored:
            reason = f"Instances of type {record.template.value} cannot be relocated"
            return Evacuated(record.name, reason=reason)
        if facts.mirrored_external:
            if mode == "secondary-only":
                reason = (
                    f"Instances with disk template '{record.template.value}' "
                    "can't execute change secondary"
                )
                return Evacuated(record.name, reason=reason)
            return self._move_primary(instance, left)
        if mode == "primary-only":
            return self._fail_over(instance)
        if mode == "secondary-only":
            return self._replace_secondary(instance, left)
        return self._move_both(instance, left)

    def _field(self) -> Field:
        return Field(self.state, strict=self.strict)

    def _fail_over(self, instance: int) -> Evacuated:
        name = self.state.cluster.instances[instance].name
        trial = Trial(self._field(), Kind.FAILOVER, np.array([instance]))
        if not np.isfinite(trial.scores_here()[0]):
            secondary = self.names[self.state.secondary[instance]]
            return Evacuated(name, reason=f"Can't fail over to {secondary}: it has no room")
        after = int(self.state.secondary[instance]), int(self.state.primary[instance])
        return self._placed(instance, after, (migrate(name),))

    def _replace_secondary(self, instance: int, left: set[int]) -> Evacuated:
        name = self.state.cluster.instances[instance].name
        scores = self.replacement_scores(instance)
        target = lowest(scores, self.targets(instance, left))
        if target is None:
            return Evacuated(name, reason="Can't find any good node: ")
        after = int(self.state.primary[instance]), target
        return self._placed(instance, after, (replace_secondary(name, self.names[target]),))

    def replacement_scores(self, instance: int) -> Floats:
        """By node: the score when it becomes the secondary."""
        trial = Trial(self._field(), Kind.REPLACE_SECONDARY, np.array([instance]))
        scores: Floats = trial.scores(slice(None))[0]
        return scores

    def targets(self, instance: int, left: set[int]) -> Ints:
        """The other online nodes of the instance's group that nobody leaves."""
        state = self.state
        group = state.cluster.nodes[int(state.primary[instance])].group
        nodes = state.cluster.nodes
        return np.array(
            [
                index
                for index, node in enumerate(nodes)
                if node.group == group and not node.offline and index not in left
            ],
            dtype=np.intp,
        )

    def _move_primary(self, instance: int, left: set[int]) -> Evacuated:
        name = self.state.cluster.instances[instance].name
        nodes = self.targets(instance, left | {int(self.state.primary[instance])})
        target = self.best_single(instance, nodes)
        if target is None:
            return Evacuated(name, reason="Can't find any good node: ")
        return self._placed(instance, (target, -1), (migrate(name, self.names[target]),))

    def new_secondary(self, instance: int, nodes: Ints) -> GroupAnswer:
        """The best of these nodes as secondary, for an instance that has none yet."""
        state = self.state
        primary = int(state.primary[instance])
        group = state.cluster.groups[state.cluster.group_index[state.cluster.nodes[primary].group]]
        state.place(instance, -1, -1)
        row = np.array([primary, *nodes.tolist()])
        scores, _failures = pair_scores(Newcomer(self._field(), instance), row)
        state.place(instance, primary, -1)
        mine = scores[0]
        best, good = int(mine.argmin()), int(np.isfinite(mine).sum())
        failures = Counter({Failure.MEMORY: len(nodes) - good} if good < len(nodes) else {})
        if not good:
            return GroupAnswer(group, "", failures=failures)
        found = (primary, int(row[best]))
        return GroupAnswer(group, "", found, float(mine[best]), good, failures)

    def best_single(self, instance: int, nodes: Ints) -> int | None:
        """The best of these nodes for an instance, as if it were new."""
        if not len(nodes):
            return None
        old = int(self.state.primary[instance]), int(self.state.secondary[instance])
        self.state.place(instance, -1, -1)
        scores, _failures = single_scores(Newcomer(self._field(), instance), nodes)
        self.state.place(instance, *old)
        best = int(scores.argmin())
        return int(nodes[best]) if np.isfinite(scores[best]) else None

    def _move_both(self, instance: int, left: set[int]) -> Evacuated:
        name = self.state.cluster.instances[instance].name
        old = {int(self.state.primary[instance]), int(self.state.secondary[instance])}
        nodes = self.targets(instance, left | old)
        if len(nodes) < 2:
            reason = "Can't find any good nodes for relocation: no nodes available"
            return Evacuated(name, reason=reason)
        pair = self.best_pair(instance, nodes)
        if pair is None:
            return Evacuated(name, reason="Can't find any good nodes for relocation: ")
        return self._placed(instance, pair, both_replaced(name, *(self.names[n] for n in pair)))

    def best_pair(self, instance: int, nodes: Ints) -> tuple[int, int] | None:
        """The best two of these nodes for an instance, as if it were new."""
        old = int(self.state.primary[instance]), int(self.state.secondary[instance])
        self.state.place(instance, -1, -1)
        scores, _failures = pair_scores(Newcomer(self._field(), instance), nodes)
        self.state.place(instance, *old)
        best = int(scores.argmin())
        return pair_at(nodes, best) if np.isfinite(scores.ravel()[best]) else None

    def _placed(
        self, instance: int, nodes: tuple[int, int], opcodes: tuple[dict[str, object], ...]
    ) -> Evacuated:
        self.state.place(instance, *nodes)
        cluster = self.state.cluster
        index = cluster.group_index[cluster.nodes[nodes[0]].group]
        names = tuple(self.names[node] for node in nodes if node >= 0)
        return Evacuated(
            cluster.instances[instance].name, cluster.groups[index].name, names, opcodes
        )

    def change_group(self, instances: Sequence[int], targets: Sequence[Group]) -> list[Evacuated]:
        """To the best of the target groups; none given: of all others."""
        return [self._change_group_of(instance, targets) for instance in instances]

    def _change_group_of(self, instance: int, targets: Sequence[Group]) -> Evacuated:
        state, cluster = self.state, self.state.cluster
        record = cluster.instances[instance]
        old = int(state.primary[instance]), int(state.secondary[instance])
        own = cluster.nodes[old[0]].group
        groups = [group for group in targets or cluster.groups if group.uuid != own]
        if not TEMPLATES[record.template].mirrored:
            reason = f"Instances of type {record.template.value} cannot be relocated"
            return Evacuated(record.name, reason=reason)
        if not groups:
            return Evacuated(record.name, reason="There is no other group to move to")
        count = 2 if old[1] >= 0 else 1
        state.place(instance, -1, -1)
        newcomer = Newcomer(self._field(), instance)
        search = GroupSearch(newcomer, record, count, AllocationOptions(capacity_checks=False))
        answers = [search.answer(group) for group in groups]
        allocable = [a for a in answers if a.group.alloc_policy is not AllocPolicy.UNALLOCABLE]
        best = best_answer(allocable)
        state.place(instance, *old)
        if best is None:
            texts = [answer.text(self.names.__getitem__) for answer in answers]
            return Evacuated(record.name, reason=", ".join(texts))
        if count == 1:
            opcode = migrate(record.name, self.names[best.nodes[0]])
            return self._placed(instance, (best.nodes[0], -1), (opcode,))
        pair = (best.nodes[0], best.nodes[1])
        opcodes = both_replaced(record.name, *(self.names[node] for node in pair))
        return self._placed(instance, pair, opcodes)


def lowest(scores: Floats, nodes: Ints) -> int | None:
    """The node with the lowest score."""
    if not len(nodes):
        return None
    best = int(nodes[scores[nodes].argmin()])
    return best if np.isfinite(scores[best]) else None


def migrate(name: str, target: str = "") -> dict[str, object]:
    """The opcode that runs an instance elsewhere."""
    head: dict[str, object] = {"OP_ID": "OP_INSTANCE_MIGRATE", "instance_name": name}
    if target:
        head["target_node"] = target
    return head | {
        "allow_runtime_changes": False,
        "ignore_ipolicy": False,
        "cleanup": False,
        "allow_failover": True,
        "ignore_hvversions": True,
    }


def replace_secondary(name: str, target: str) -> dict[str, object]:
    """The opcode that gives an instance another secondary node."""
    return {
        "OP_ID": "OP_INSTANCE_REPLACE_DISKS",
        "instance_name": name,
        "early_release": False,
        "ignore_ipolicy": False,
        "mode": "replace_new_secondary",
        "disks": [],
        "remote_node": target,
    }


def both_replaced(name: str, primary: str, secondary: str) -> tuple[dict[str, object], ...]:
    """The opcodes that give an instance two other nodes."""
    return (
        replace_secondary(name, primary),
        migrate(name),
        replace_secondary(name, secondary),
    )
