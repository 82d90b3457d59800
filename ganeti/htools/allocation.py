"""Where a new instance goes (hail(1))."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from ganeti.htools.cluster import Cluster, find_group
from ganeti.htools.failures import Failure
from ganeti.htools.field import Field
from ganeti.htools.groupsearch import AllocationOptions, GroupAnswer, GroupSearch, best_answer
from ganeti.htools.lost import loses_space
from ganeti.htools.newcomer import Newcomer
from ganeti.htools.records import Instance
from ganeti.htools.state import State
from ganeti.model.group import AllocPolicy

__all__ = ["Allocation", "AllocationOptions", "Failure", "allocate"]


USUAL = AllocationOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """The answer for one new instance."""

    nodes: tuple[str, ...]
    """Full names, primary first; empty: it fits nowhere."""
    score: float
    """Of the whole cluster, or of the only group, after it."""
    group: str
    """The group's name; empty: none."""
    successes: int
    failures: Mapping[Failure, int]
    info: str
    """As hail answers it."""
    cluster: Cluster
    """With the instance in its place."""


def allocate(
    cluster: Cluster,
    instance: Instance,
    node_count: int,
    options: AllocationOptions = USUAL,
) -> Allocation:
    """
    The best place for C{instance} (its nodes are not looked at).

    @param node_count: 1, or 2 for DRBD.
    @raise UnknownName: there is no such group.
    """
    whole, named = cluster, options.group is not None
    if options.group is not None:
        cluster = cluster.select(cluster.groups[find_group(cluster, options.group)])
    placeless = msgspec.structs.replace(instance, primary="", secondary="")
    state = State(cluster.with_instances([*cluster.instances, placeless]))
    newcomer = Newcomer(Field(state, strict=not options.ignore_soft_errors), len(cluster.instances))
    by_losses = loses_space(cluster, named)
    search = GroupSearch(newcomer, placeless, node_count, options, by_losses)
    return conclude(whole, search, [search.answer(group) for group in cluster.groups])


def conclude(whole: Cluster, search: GroupSearch, answers: list[GroupAnswer]) -> Allocation:
    """The best of the groups' answers."""
    state, named = search.newcomer.state, search.options.group is not None
    names = [node.name for node in state.cluster.nodes]
    texts = [answer.text(names.__getitem__) for answer in in_order(search, answers)]
    unallocable = AllocPolicy.UNALLOCABLE
    best = best_answer(
        [each for each in answers if named or each.group.alloc_policy is not unallocable]
    )
    if best is None:
        return Allocation(
            nodes=(),
            score=0.0,
            group="",
            successes=0,
            failures=sum((Counter(answer.failures) for answer in answers), Counter()),
            info=", ".join(texts),
            cluster=whole,
        )
    if not named:
        texts.insert(0, f"Selected group: {best.group.name}")
    nodes = tuple(names[node] for node in best.nodes)
    return Allocation(
        nodes=nodes,
        score=best.score,
        group=best.group.name,
        successes=best.successes,
        failures=best.failures,
        info=", ".join(texts),
        cluster=with_new(whole if named else state, search.instance, nodes),
    )


def in_order(search: GroupSearch, answers: list[GroupAnswer]) -> list[GroupAnswer]:
    """As the original tells them: those with networks that are missing first."""
    if search.by_losses:
        return answers
    return sorted(answers, key=lambda answer: "not connected" not in answer.error)


def with_new(before: Cluster | State, instance: Instance, nodes: tuple[str, ...]) -> Cluster:
    """
    The cluster with one more instance, and what it takes taken.

    @param before: as a state it has the instance as its last one, on no node.
    """
    if isinstance(before, Cluster):
        before = State(before.with_instances([*before.instances, instance]))
    index = [before.cluster.node_index[name] for name in nodes]
    last = len(before.cluster.instances) - 1
    before.place(last, index[0], index[1] if len(index) > 1 else -1)
    return before.result()
