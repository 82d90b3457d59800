"""Why an instance goes where it goes, or nowhere (--explain)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from ganeti.htools.allocation import (
    FAILURES,
    AllocationOptions,
    Failure,
    allocate,
    group_nodes,
    redundant_with,
)
from ganeti.htools.balance import BalanceOptions, apply_steps, balance
from ganeti.htools.cluster import Cluster, find_group
from ganeti.htools.field import Field
from ganeti.htools.measures import WEIGHTS, measure
from ganeti.htools.moves import Step
from ganeti.htools.newcomer import Newcomer
from ganeti.htools.records import Group, Instance, Policy
from ganeti.htools.score import Metric
from ganeti.htools.shortage import (
    UNITS,
    Shortage,
    primary_shortages,
    secondary_shortages,
    words,
)
from ganeti.htools.specs import policy_failure
from ganeti.htools.state import State
from ganeti.htools.tables import Floats

USUAL = AllocationOptions()
# The terms of the score are told of so many of the best.
DETAILED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A node, or a pair of nodes, that was looked at."""

    nodes: tuple[str, ...]
    group: str
    score: float | None
    """None: it does not fit."""
    terms: tuple[Metric, ...] = ()
    """What makes the score; of the best that fit."""
    failure: Failure | None = None
    constraint: str = ""
    """The first constraint that fails, in words, with the numbers; empty: none."""
    short_by: float = 0.0
    """How far it is from fitting, in the constraint's own unit."""
    cost: float = 0.0
    """How far in all, in parts of what is asked."""
    remedy: str = ""
    """What would make it fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All candidates, best first, and what to do when none fits."""

    summary: str
    """A sentence an admin can act on."""
    candidates: tuple[Candidate, ...]
    cheapest: str
    """The cheapest change that would make it fit; empty: it fits."""


def explain_allocation(
    cluster: Cluster,
    instance: Instance,
    node_count: int,
    options: AllocationOptions = USUAL,
) -> Explanation:
    """Look at every candidate, and say what becomes of it."""
    chosen = allocate(cluster, instance, node_count, options)
    if options.group is not None:
        cluster = cluster.select(cluster.groups[find_group(cluster, options.group)])
    looking = Looking(cluster, instance, node_count, options)
    candidates = sorted(looking.candidates(), key=rank)
    if chosen.nodes:
        summary = (
            f"{instance.name} goes to {', '.join(chosen.nodes)} in the group {chosen.group}: the "
            f"lowest score ({chosen.score:.8f}) of {chosen.successes} places that would do."
        )
        return Explanation(summary=summary, candidates=tuple(candidates), cheapest="")
    near = min(candidates, key=lambda one: one.cost, default=None)
    cheapest = near.remedy if near is not None else "There is no node to look at."
    why = f" Nearest is {'/'.join(near.nodes)}: {near.constraint}." if near is not None else ""
    summary = f"{instance.name} fits nowhere.{why} {cheapest}"
    return Explanation(summary=summary, candidates=tuple(candidates), cheapest=cheapest)


def rank(candidate: Candidate) -> tuple[bool, float]:
    """Those that fit by their score, then the others by how far they are from it."""
    fits = candidate.score is not None
    return (not fits, candidate.score if candidate.score is not None else candidate.cost)


class Looking:
    """An instance, and the places that are looked at."""

    def __init__(
        self,
        cluster: Cluster,
        instance: Instance,
        node_count: int,
        options: AllocationOptions,
    ) -> None:
        placeless = msgspec.structs.replace(instance, primary="", secondary="")
        self.instance, self.options, self.node_count = placeless, options, node_count
        self.state = State(cluster.with_instances([*cluster.instances, placeless]))
        field = Field(self.state, strict=not options.ignore_soft_errors)
        self.newcomer = Newcomer(field, len(cluster.instances))
        self.names = [cluster.short(node.name) for node in cluster.nodes]
        self.running: dict[int, list[Shortage]] = {}
        self.scores = self._all_scores()

    def candidates(self) -> Iterator[Candidate]:
        """All of them; scores and terms of those that fit."""
        fitting: list[tuple[float, tuple[int, ...], Group]] = []
        for group in self.state.cluster.groups:
            refusal = self._group_refuses(group)
            for nodes in self._places(group):
                wrong = self._wrong(nodes)
                if refusal or wrong:
                    yield self._refused(nodes, group, wrong, refusal)
                else:
                    fitting.append((self._score(nodes), nodes, group))
        fitting.sort(key=lambda each: each[0])
        for position, (score, nodes, group) in enumerate(fitting):
            if position < DETAILED:
                yield self._detailed(nodes, group, score)
            else:
                yield Candidate(nodes=self._named(nodes), group=group.name, score=score)

    def _all_scores(self) -> Floats:
        """By node, or [primary, secondary]; whether it fits or not."""
        if self.node_count == 1:
            return self.newcomer.scores()
        every = np.arange(self.state.nodes.count)
        return self.newcomer.pair_scores(every[:, None], every)

    def _places(self, group: Group) -> Iterator[tuple[int, ...]]:
        wanted = self.options.restrict_to
        nodes = [
            index
            for index, node in enumerate(self.state.cluster.nodes)
            if node.group == group.uuid and (wanted is None or node.name in wanted)
        ]
        if self.node_count == 1:
            yield from ((node,) for node in nodes)
        else:
            yield from ((one, two) for one in nodes for two in nodes if one != two)

    def _group_refuses(self, group: Group) -> str:
        """Why nothing in the group does; empty: it may."""
        instance, cluster = self.instance, self.state.cluster
        for network in instance.nics:
            if network and network not in group.networks:
                return f"the group {group.name} is not connected to the network {network}"
        nodes = group_nodes(self.state, group, None)
        exclusive = bool(nodes) and all(self.state.nodes.exclusive[node] for node in nodes)
        failure = policy_failure(instance, cluster.group_policy(group), exclusive)
        if failure is not None:
            return (
                f"the instance policy of the group {group.name} does not allow it: "
                f"{size_words(instance, failure, cluster.group_policy(group))}"
            )
        if group.alloc_policy.value == "unallocable" and not self.options.group:
            return f"the group {group.name} is not to be allocated in"
        return ""

    def _wrong(self, nodes: tuple[int, ...]) -> list[Shortage]:
        if nodes[0] not in self.running:
            self.running[nodes[0]] = primary_shortages(self.newcomer, nodes[0])
        found = self.running[nodes[0]]
        if len(nodes) > 1:
            found = found + secondary_shortages(self.newcomer, *nodes)
        return found

    def _score(self, nodes: tuple[int, ...]) -> float:
        return float(self.scores[nodes])

    def _terms(self, nodes: tuple[int, ...]) -> tuple[Metric, ...]:
        state, row = self.state, self.newcomer.instance
        state.place(row, nodes[0], nodes[1] if len(nodes) > 1 else -1)
        values = measure(state)
        state.place(row, -1, -1)
        return tuple(Metric(name, weight, values[name]) for name, weight in WEIGHTS.items())

    def _named(self, nodes: tuple[int, ...]) -> tuple[str, ...]:
        return tuple(self.names[node] for node in nodes)

    def _detailed(self, nodes: tuple[int, ...], group: Group, score: float) -> Candidate:
        """One of the best, with its terms, and checked for what happens when a node fails."""
        terms, names = self._terms(nodes), self._named(nodes)
        if self.options.capacity_checks and not redundant_with(self.newcomer, nodes):
            reason = "a node could fail whose instances could not all be started elsewhere then"
            return Candidate(
                nodes=names,
                group=group.name,
                score=None,
                terms=terms,
                failure=Failure.N1,
                constraint=reason,
                cost=1.0,
                remedy=f"Add a node to {group.name}, or use --no-capacity-checks.",
            )
        return Candidate(nodes=names, group=group.name, score=score, terms=terms)

    def _refused(
        self, nodes: tuple[int, ...], group: Group, wrong: list[Shortage], refusal: str
    ) -> Candidate:
        names = self._named(nodes)
        cost = sum(each.cost for each in wrong) + (1000.0 if refusal else 0.0)
        first = wrong[0] if wrong else None
        if refusal or first is None:
            remedy = f"Ask for another size or place, or change the group {group.name}."
            return Candidate(
                nodes=names,
                group=group.name,
                score=None,
                constraint=refusal,
                cost=cost,
                remedy=remedy,
            )
        return Candidate(
            nodes=names,
            group=group.name,
            score=None,
            failure=FAILURES.get(first.code),
            constraint=words(first, self.names[first.node]),
            short_by=first.short_by,
            cost=cost,
            remedy=self._remedy(wrong),
        )

    def _remedy(self, wrong: list[Shortage]) -> str:
        parts = [self._advice(each) for each in wrong]
        return f"It would fit there after this: {'; '.join(dict.fromkeys(parts))}."

    def _advice(self, shortage: Shortage) -> str:
        name = self.names[shortage.node]
        unit = UNITS.get(shortage.code)
        if unit is None:
            known = {"OFFLINE": f"bring {name} back", "TAGS": f"move the like instance off {name}"}
            return known[shortage.code.name]
        less = shortage.needed - shortage.short_by
        advice = f"free {shortage.short_by:.0f} more {unit} on {name}"
        return advice + (f" (or ask for {less:.0f})" if less > 0 else "")


def size_words(instance: Instance, failure: Failure, policy: Policy) -> str:
    """What of an instance's size a policy does not allow, and what it does."""
    match failure:
        case Failure.MEMORY:
            what, asked, field = "MiB of memory", instance.memory, "memory"
        case Failure.DISK:
            sizes = [disk.size for disk in instance.disks]
            what, asked, field = "MiB a disk", max(sizes, default=0), "disk"
        case Failure.CPU:
            what, asked, field = "virtual CPUs", instance.vcpus, "cpus"
        case Failure.DISK_COUNT:
            what, asked, field = "disks", len(instance.disks), "disk_count"
        case _:
            what, asked, field = "of spindle use", instance.spindle_use, "spindle_use"
    allowed = " or ".join(
        f"{getattr(one.least, field)} to {getattr(one.most, field)}" for one in policy.ranges
    )
    return f"{asked} {what} asked, {allowed} allowed"


def explanation_lines(explanation: Explanation, limit: int | None = None) -> list[str]:
    """For people to read."""
    lines = [explanation.summary]
    for candidate in explanation.candidates[:limit]:
        nodes = "/".join(candidate.nodes)
        if candidate.score is None:
            lines.append(f"  {nodes}: no: {candidate.constraint}")
            continue
        terms = ", ".join(
            f"{each.name} {each.weight * each.value:.4f}" for each in candidate.terms if each.value
        )
        lines.append(f"  {nodes}: score {candidate.score:.8f}" + (f" ({terms})" if terms else ""))
    left = len(explanation.candidates) - len(lines) + 1
    return lines + ([f"  and {left} more"] if left > 0 else [])


def step_lines(before: Cluster, step: Step) -> list[str]:
    """Why a step of a balancing plan is made: what it changes in the score's terms."""
    old = measure(State(before))
    new = measure(State(apply_steps(before, (step,))))
    changes = [(weight * (new[name] - old[name]), name) for name, weight in WEIGHTS.items()]
    told = [f"{name} {change:+.4f}" for change, name in sorted(changes) if abs(change) >= 5e-5]
    return [f"  {step.instance}: {', '.join(told)}"]


def stuck_lines(cluster: Cluster, options: BalanceOptions) -> list[str]:
    """Why balancing ends: the best move that is left, and why it is not made."""
    free = replace(options, min_gain=0.0, min_gain_limit=0.0, max_steps=1)
    left = balance(cluster, free)
    if not left.steps:
        return ["  No allowed move makes the score lower."]
    step, gain = left.steps[0], left.initial_score - left.final_score
    return [
        f"  The best move left, {step.instance} to {step.new_primary}"
        + (f":{step.new_secondary}" if step.new_secondary else "")
        + f", gains {gain:.6f}: less than --min-gain asks, or --max-length is reached."
    ]
