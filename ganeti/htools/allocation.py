"""Where a new instance goes (hail(1), Algorithm)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec
import numpy as np

from ganeti.htools.cluster import Cluster, find_group
from ganeti.htools.failures import Failure
from ganeti.htools.field import Field
from ganeti.htools.globaln1 import redundant
from ganeti.htools.newcomer import Code, Codes, Newcomer
from ganeti.htools.records import Group, Instance
from ganeti.htools.specs import policy_failure
from ganeti.htools.state import State
from ganeti.htools.tables import Floats, Ints
from ganeti.model.group import AllocPolicy

__all__ = ["Allocation", "AllocationOptions", "Failure", "GroupAnswer", "allocate"]

# So many pairs are scored at once.
BATCH = 1 << 16
EQUAL = 1e-11

FAILURES: Mapping[Code, Failure] = {
    Code.MEMORY: Failure.MEMORY,
    Code.DISK: Failure.DISK,
    Code.DISK_SOFT: Failure.DISK,
    Code.SPINDLES: Failure.SPINDLES,
    Code.SPINDLE_USE: Failure.DISK,
    Code.N1: Failure.MEMORY,
    Code.CPU: Failure.CPU,
    Code.TAGS: Failure.TAGS,
    Code.SOON: Failure.FORTHCOMING,
}


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


@dataclass(frozen=True, slots=True)
class GroupAnswer:
    """What was found in one group."""

    group: Group
    error: str
    """Why it was not looked at; empty: it was."""
    nodes: tuple[int, ...] = ()
    score: float = 0.0
    successes: int = 0
    failures: Mapping[Failure, int] = field(default_factory=Counter)

    def ordered(self) -> list[tuple[Failure, int]]:
        """The failures in the order of their kinds."""
        return [(each, self.failures[each]) for each in Failure if self.failures.get(each)]

    def text(self, names: Callable[[int], str]) -> str:
        """As hail tells it."""
        if self.error:
            return self.error
        head = f"Group {self.group.name} ({self.group.alloc_policy.value}): "
        failed = ", ".join(f"{failure.value}: {n}" for failure, n in self.ordered())
        if not self.nodes:
            return f"{head}No valid allocation solutions, failure reasons: {failed}"
        chosen = "/".join(names(node) for node in self.nodes)
        return (
            f"{head}score: {self.score:.8f}, successes {self.successes}, "
            f"failures {sum(self.failures.values())} ({failed}) for node(s) {chosen}"
        )


def allocate(
    cluster: Cluster,
    instance: Instance,
    node_count: int,
    options: AllocationOptions = AllocationOptions(),
) -> Allocation:
    """
    The best place for C{instance} (its nodes are not looked at).

    @param node_count: 1, or 2 for DRBD.
    @raise UnknownName: there is no such group.
    """
    whole = cluster
    if options.group is not None:
        cluster = cluster.select(cluster.groups[find_group(cluster, options.group)])
    placeless = msgspec.structs.replace(instance, primary="", secondary="")
    state = State(cluster.with_instances([*cluster.instances, placeless]))
    newcomer = Newcomer(Field(state, strict=not options.ignore_soft_errors), len(cluster.instances))
    answers = [
        answer_of_group(newcomer, group, placeless, node_count, options) for group in cluster.groups
    ]
    return conclude(whole, state, placeless, answers, options)


def conclude(
    whole: Cluster,
    state: State,
    instance: Instance,
    answers: list[GroupAnswer],
    options: AllocationOptions,
) -> Allocation:
    """The best of the groups' answers."""
    names = [node.name for node in state.cluster.nodes]
    texts = [answer.text(names.__getitem__) for answer in connected_last(answers)]
    usable = [
        answer
        for answer in answers
        if answer.nodes
        and (options.group or answer.group.alloc_policy is not AllocPolicy.UNALLOCABLE)
    ]
    failures: Counter[Failure] = Counter()
    for answer in answers:
        failures.update(answer.failures)
    if not usable:
        return Allocation(
            nodes=(),
            score=0.0,
            group="",
            successes=0,
            failures=failures,
            info=", ".join(texts),
            cluster=whole,
        )
    best = min(usable, key=lambda answer: (ORDER[answer.group.alloc_policy], answer.score))
    if not options.group:
        texts.insert(0, f"Selected group: {best.group.name}")
    nodes = tuple(names[node] for node in best.nodes)
    return Allocation(
        nodes=nodes,
        score=best.score,
        group=best.group.name,
        successes=best.successes,
        failures=best.failures,
        info=", ".join(texts),
        cluster=with_new(whole if options.group else state, instance, nodes),
    )


ORDER = {AllocPolicy.PREFERRED: 0, AllocPolicy.LAST_RESORT: 1, AllocPolicy.UNALLOCABLE: 2}


def connected_last(answers: list[GroupAnswer]) -> list[GroupAnswer]:
    """Those with networks that are missing come first, as the original tells them."""
    return sorted(answers, key=lambda answer: "not connected" not in answer.error)


def with_new(before: Cluster | State, instance: Instance, nodes: tuple[str, ...]) -> Cluster:
    """
    The cluster with one more instance, and what it takes taken.

    @param before: as a state it has the instance as its last one, on no node.
    """
    if isinstance(before, Cluster):
        placeless = msgspec.structs.replace(instance, primary="", secondary="")
        before = State(before.with_instances([*before.instances, placeless]))
    index = [before.cluster.node_index[name] for name in nodes]
    last = len(before.cluster.instances) - 1
    before.place(last, index[0], index[1] if len(index) > 1 else -1)
    return before.result()


def answer_of_group(
    newcomer: Newcomer,
    group: Group,
    instance: Instance,
    node_count: int,
    options: AllocationOptions,
) -> GroupAnswer:
    """What one group has for the instance."""
    state = newcomer.state
    if any(network and network not in group.networks for network in instance.nics):
        return GroupAnswer(
            group,
            f"group {group.name} is not connected to a network required by instance "
            f"{instance.name}",
        )
    if node_count not in (1, 2):
        return GroupAnswer(
            group,
            f"Group {group.name}: error Unsupported number of nodes, only one or two  supported",
        )
    allowed = group_nodes(state, group, options.restrict_to)
    if len(allowed) < node_count:
        few = "Not enough online nodes" if node_count == 2 else "No online nodes"
        return GroupAnswer(group, f"Group {group.name}: error {few}")
    return search_group(newcomer, group, instance, node_count, allowed, options)


def group_nodes(state: State, group: Group, restrict_to: tuple[str, ...] | None) -> list[int]:
    """The online nodes of a group that may be looked at."""
    wanted = None if restrict_to is None else set(restrict_to)
    return [
        index
        for index, node in enumerate(state.cluster.nodes)
        if node.group == group.uuid and not node.offline and (wanted is None or node.name in wanted)
    ]


def search_group(
    newcomer: Newcomer,
    group: Group,
    instance: Instance,
    node_count: int,
    allowed: list[int],
    options: AllocationOptions,
) -> GroupAnswer:
    """Look at all nodes, or pairs, of a group; the best one that passes the capacity check."""
    state, nodes = newcomer.state, np.array(allowed)
    policy = state.cluster.group_policy(group)
    exclusive = bool(state.nodes.exclusive[nodes].all())
    failure = policy_failure(instance, policy, exclusive)
    total = len(nodes) if node_count == 1 else len(nodes) * (len(nodes) - 1)
    if failure is not None:
        return GroupAnswer(group, "", failures=Counter({failure: total}))
    scores, failures = (single_scores if node_count == 1 else pair_scores)(newcomer, nodes)
    successes = int(np.isfinite(scores).sum())
    for score, where in by_score(scores):
        chosen = (int(nodes[where]),) if node_count == 1 else pair_at(nodes, where)
        if not options.capacity_checks or redundant_with(newcomer, chosen):
            return GroupAnswer(group, "", chosen, score, successes, failures)
        failures[Failure.N1] += 1
        successes -= 1
    return GroupAnswer(group, "", failures=failures)


def pair_at(nodes: Ints, where: int) -> tuple[int, int]:
    first, second = divmod(where, len(nodes))
    return int(nodes[first]), int(nodes[second])


def by_score(scores: Floats) -> Iterator[tuple[float, int]]:
    """The finite scores, lowest first, with their places; of equal ones the last first."""
    flat = scores.ravel()
    order: list[int] = []
    best = int(flat.argmin()) if flat.size else 0
    if not flat.size or not np.isfinite(flat[best]):
        return
    equal = np.flatnonzero(flat <= flat[best] + EQUAL)
    yield float(flat[best]), int(equal[-1])
    order = [int(i) for i in np.argsort(flat, kind="stable") if np.isfinite(flat[i])]
    for where in order:
        if where != int(equal[-1]):
            yield float(flat[where]), where


def redundant_with(newcomer: Newcomer, nodes: tuple[int, ...]) -> bool:
    """Whether any node may fail when the instance is on these."""
    state, instance = newcomer.state, newcomer.instance
    state.place(instance, nodes[0], nodes[1] if len(nodes) > 1 else -1)
    good = redundant(state)
    state.place(instance, -1, -1)
    return good


def single_scores(newcomer: Newcomer, nodes: Ints) -> tuple[Floats, Counter[Failure]]:
    """By node its score, infinite where it does not do; and why not."""
    codes = newcomer.primary_codes()[nodes]
    scores = np.where(codes == Code.FITS, newcomer.scores()[nodes], np.inf)
    return scores, count_failures(codes, 1)


def pair_scores(newcomer: Newcomer, nodes: Ints) -> tuple[Floats, Counter[Failure]]:
    """[primary, secondary] the same for pairs."""
    scores = np.full((len(nodes), len(nodes)), np.inf)
    failures: Counter[Failure] = Counter()
    for part, codes in pair_codes(newcomer, nodes, failures):
        here = newcomer.pair_scores(nodes[part, None], nodes)
        scores[part] = np.where(codes == Code.FITS, here, np.inf)
    return scores, failures


def pair_codes(
    newcomer: Newcomer, nodes: Ints, failures: Counter[Failure]
) -> Iterator[tuple[slice, Codes]]:
    """[primary, secondary] why a pair does not do, some rows at a time; failures are counted."""
    first, second = newcomer.primary_codes()[nodes], newcomer.secondary_codes()[nodes]
    failures.update(count_failures(first, len(nodes) - 1))
    height = max(1, BATCH // len(nodes))
    for start in range(0, len(nodes), height):
        part = slice(start, start + height)
        good = first[part] == Code.FITS
        codes = np.where(good[:, None], second, np.int8(Code.OFFLINE))
        if newcomer.field.strict and newcomer.counted:
            failing = newcomer.pair_n1(nodes[part, None], nodes)
            codes = np.where((codes == Code.FITS) & failing, np.int8(Code.N1), codes)
        own = np.arange(codes.shape[0])
        codes[own, own + start] = Code.OFFLINE
        failures.update(count_failures(codes[good], 1))
        yield part, codes


def count_failures(codes: Codes, times: int) -> Counter[Failure]:
    """How often each failure is there."""
    counts: Counter[Failure] = Counter()
    found = np.bincount(codes.ravel(), minlength=len(Code))
    for code, failure in FAILURES.items():
        if found[code]:
            counts[failure] += int(found[code]) * times
    return counts
