"""The best place for a new instance in one node group (hail(1), Algorithm)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from ganeti.htools.decimals import eight
from ganeti.htools.failures import Failure
from ganeti.htools.globaln1 import redundant
from ganeti.htools.lost import by_loss, loss_rank, loss_text, pair_losses, single_losses
from ganeti.htools.measures import measure, total
from ganeti.htools.newcomer import Newcomer
from ganeti.htools.places import by_score, pair_at, pair_scores, single_scores
from ganeti.htools.records import Group, Instance
from ganeti.htools.specs import policy_failure
from ganeti.htools.tables import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationOptions:
    """How the search for a place is done."""

    ignore_soft_errors: bool = False
    capacity_checks: bool = True
    """Solutions after which a node's instances could not be restarted elsewhere are dropped."""
    restrict_to: tuple[str, ...] | None = None
    """Only these nodes (full names)."""
    group: str | None = None
    """Only this group (name or uuid)."""


@dataclass(frozen=True, slots=True)
class GroupAnswer:
    """What was found in one group."""

    group: Group
    error: str
    """Why it was not looked at; empty: it was."""
    nodes: tuple[int, ...] = ()
    score: float = 0.0
    """Of all nodes that were looked at, with the instance there."""
    successes: int = 0
    failures: Mapping[Failure, int] = field(default_factory=Counter)
    rank: tuple[tuple[float, ...], ...] = ()
    """What groups are compared by: the least is the best."""
    shown: str = ""
    """The score, or the rank, as it is told."""

    def ordered(self) -> list[tuple[Failure, int]]:
        """The failures in the order of their kinds."""
        return [(each, self.failures[each]) for each in Failure if self.failures.get(each)]

    def text(self, names: Callable[[int], str]) -> str:
        """As hail tells it."""
        if self.error:
            return self.error
        head = f"Group {self.group.name} ({self.group.alloc_policy.value}): {self.findings()}"
        if not self.nodes:
            return head
        return f"{head} for node(s) {'/'.join(names(node) for node in self.nodes)}"

    def findings(self) -> str:
        """How many places do, and why others do not."""
        failed = ", ".join(f"{failure.value}: {n}" for failure, n in self.ordered())
        if not self.nodes:
            return f"No valid allocation solutions, failure reasons: {failed}"
        whole = sum(self.failures.values())
        return f"score: {self.shown}, successes {self.successes}, failures {whole} ({failed})"


@dataclass(frozen=True, slots=True)
class GroupSearch:
    """
    Looks for a place in one group after the other.

    @ivar by_losses: places are compared by what space they lose, not by their scores.
    """

    newcomer: Newcomer
    instance: Instance
    node_count: int
    options: AllocationOptions
    by_losses: bool = False

    def answer(self, group: Group) -> GroupAnswer:
        """What one group has for the instance."""
        error = self._error(group)
        if error:
            return GroupAnswer(group, error)
        return self._search(group, np.array(self._allowed(group)))

    def _error(self, group: Group) -> str:
        """Why the group cannot be looked at; shorter when it was asked for."""
        named = self.options.group is not None
        start = "" if named else f"Group {group.name}: error "
        if any(network and network not in group.networks for network in self.instance.nics):
            name = self.instance.name
            text = f"group {group.name} is not connected to a network required by instance {name}"
            if self.by_losses and not named:
                return f"{start}The {text}"
            return f"The {text}" if named else text
        if self.node_count not in (1, 2):
            return f"{start}Unsupported number of nodes, only one or two  supported"
        if len(self._allowed(group)) < self.node_count:
            return f"{start}{'Not enough' if self.node_count == 2 else 'No'} online nodes"
        return ""

    def _allowed(self, group: Group) -> list[int]:
        """The online nodes of a group that may be looked at."""
        only = self.options.restrict_to
        wanted = None if only is None else set(only)
        return [
            index
            for index, node in enumerate(self.newcomer.state.cluster.nodes)
            if node.group == group.uuid
            and not node.offline
            and (wanted is None or node.name in wanted)
        ]

    def _search(self, group: Group, nodes: Ints) -> GroupAnswer:
        """Look at all nodes, or pairs; the best one that passes the capacity check."""
        state = self.newcomer.state
        exclusive = bool(state.nodes.exclusive[nodes].all())
        policy = state.cluster.group_policy(group)
        failure = policy_failure(self.instance, policy, exclusive)
        if failure is not None:
            places = len(nodes) if self.node_count == 1 else len(nodes) * (len(nodes) - 1)
            return GroupAnswer(group, "", failures=Counter({failure: places}))
        find_scores = single_scores if self.node_count == 1 else pair_scores
        scores, failures = find_scores(self.newcomer, nodes)
        successes = int(np.isfinite(scores).sum())
        for place, losses in self._ordered(group, nodes, scores):
            chosen = (int(nodes[place]),) if self.node_count == 1 else pair_at(nodes, place)
            score = self._score(chosen)
            if score is not None:
                rank = ((score,),) if losses is None else loss_rank(losses, place)
                shown = eight(score) if losses is None else loss_text(losses, place)
                return GroupAnswer(group, "", chosen, score, successes, failures, rank, shown)
            if not failures[Failure.N1] and not redundant(state):
                break
            failures[Failure.N1] += 1
            successes -= 1
        failures[Failure.N1] += successes
        return GroupAnswer(group, "", failures=failures)

    def _ordered(
        self, group: Group, nodes: Ints, scores: Floats
    ) -> Iterator[tuple[int, Floats | None]]:
        """The places that do, the best first, and what they lose if that counts."""
        if not self.by_losses:
            yield from ((place, None) for _score, place in by_score(scores))
            return
        find_losses = single_losses if self.node_count == 1 else pair_losses
        losses = find_losses(self.newcomer, nodes, self.newcomer.state.cluster.group_policy(group))
        yield from ((place, losses) for place in by_loss(losses, np.isfinite(scores)))

    def _score(self, nodes: tuple[int, ...]) -> float | None:
        """The score with the instance there, from scratch; None: some node may not fail then."""
        state, instance = self.newcomer.state, self.newcomer.instance
        state.place(instance, nodes[0], nodes[1] if len(nodes) > 1 else -1)
        good = self.by_losses or not self.options.capacity_checks or redundant(state)
        score = total(measure(state)) if good else None
        state.place(instance, -1, -1)
        return score


def best_answer(answers: list[GroupAnswer]) -> GroupAnswer | None:
    """The best of those with a place; of equal ones the last."""
    best: GroupAnswer | None = None
    for answer in answers:
        if answer.nodes and (best is None or preference(answer) <= preference(best)):
            best = answer
    return best


def preference(answer: GroupAnswer) -> tuple[int, tuple[tuple[float, ...], ...]]:
    """Less is better: groups that are a last resort come last."""
    return list(type(answer.group.alloc_policy)).index(answer.group.alloc_policy), answer.rank
