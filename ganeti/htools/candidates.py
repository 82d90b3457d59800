"""All places that were looked at for an instance, the best or nearest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np

from ganeti.htools.allocation import AllocationOptions
from ganeti.htools.changes import BringBack, Change, Enlarge, Free, MoveOff
from ganeti.htools.cluster import Cluster, find_group
from ganeti.htools.deficit import Deficit
from ganeti.htools.field import Field
from ganeti.htools.globaln1 import failing_nodes
from ganeti.htools.groupchanges import RaiseRatio
from ganeti.htools.grouprefusal import Refusal, group_refusals
from ganeti.htools.lost import loses_space
from ganeti.htools.measures import WEIGHTS, measure
from ganeti.htools.newcomer import Newcomer
from ganeti.htools.records import Instance
from ganeti.htools.score import Metric
from ganeti.htools.shortage import words
from ganeti.htools.state import State
from ganeti.htools.survey import Places, Survey
from ganeti.htools.tables import DISK, MEM, Flags, Floats, Ints
from ganeti.model.group import AllocPolicy

# A node that told no numbers may not be large enough either.
UNKNOWN_COST = 50.0
# A node that is too small can only be replaced.
SMALL_COST = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A node, or a pair of nodes, that was looked at."""

    nodes: tuple[str, ...]
    """Short names."""
    group: str
    score: float | None
    """None: it does not fit."""
    terms: tuple[Metric, ...] = ()
    """What makes the score."""
    constraint: str = ""
    """The first constraint that fails, in words, with the numbers; empty: none."""
    remedy: str = ""
    """What would make it fit."""

    def alike(self) -> object:
        """The same for those that can be told in one line."""
        return self.nodes if self.score is not None else (self.constraint, self.remedy)


class Candidates:
    """An instance, and the places that are looked at."""

    def __init__(self, state: State, row: int, places: Places, options: AllocationOptions) -> None:
        """
        @param row: the instance's in the state; it has no place.
        """
        self.state, self.row, self.places, self.options = state, row, places, options
        self.cluster, self.instance = state.cluster, state.cluster.instances[row]
        field = Field(state, strict=not options.ignore_soft_errors)
        self.newcomer = Newcomer(field, row)
        self.survey = Survey(self.newcomer, places)
        self.names = [self.cluster.short(node.name) for node in self.cluster.nodes]
        self.refusals = [self._refusals(index) for index in range(len(self.cluster.groups))]
        self.groups: Ints = state.nodes.group[places.primary]
        """By place: its group."""
        refused = np.array([bool(each) for each in self.refusals], dtype=bool)
        self.fits = self.survey.fits & ~refused[self.groups]
        self.scores = np.where(self.fits, self.survey.scores(), np.inf)
        self.small = self._small()
        """By place: whether a node is too small, even if it were empty."""
        self.cost = self.survey.cost + self._group_costs()[self.groups] + self._unknown()
        self.cost = self.cost + SMALL_COST * self.small
        named = options.group is not None
        self.redundancy = options.capacity_checks and not loses_space(self.cluster, named)
        """Whether it counts what happens when a node fails."""

    def _refusals(self, index: int) -> list[Refusal]:
        if self.places.primary_stays:
            return []
        return group_refusals(
            self.cluster,
            self.cluster.groups[index],
            self.instance,
            exclusive=self.exclusive(index),
            named=self.options.group is not None,
        )

    def exclusive(self, index: int) -> bool:
        """Whether all online nodes of a group give whole spindles to instances."""
        nodes = self.state.nodes
        mine = (nodes.group == index) & nodes.online
        return bool(mine.any()) and bool(nodes.exclusive[mine].all())

    def _group_costs(self) -> Floats:
        return np.array([sum(one.cost for one in each) for each in self.refusals])

    def _small(self) -> Flags:
        survey, places, memory = self.survey, self.places, self.survey.pair_memory
        small: Flags = self._too_small(survey.first, survey.first.memory)[places.primary]
        if len(places.secondary):
            used = self._used()[0][places.secondary]
            small = small | self._too_small(survey.second, survey.second.memory)[places.secondary]
            small = small | (memory > used)
        known: Flags = self._unknown() == 0
        return small & known

    def _used(self) -> tuple[Floats, Floats]:
        """By node: the memory and the disk that could be freed."""
        cluster, state = self.cluster, self.state
        own = np.array([node.node_memory for node in cluster.nodes], dtype=np.float64)
        memory = state.nodes.memory - own - state.resources[MEM]
        return np.maximum(memory, 0.0), np.maximum(state.nodes.disk - state.resources[DISK], 0.0)

    def _too_small(self, deficit: Deficit, memory: Floats) -> Flags:
        used_memory, used_disk = self._used()
        small: Flags = (memory > used_memory) | (deficit.disk > used_disk)
        return small

    def _unknown(self) -> Floats:
        unknown: Floats = np.where(self.state.nodes.memory <= 0, UNKNOWN_COST, 0.0)
        cost: Floats = unknown[self.places.primary]
        if len(self.places.secondary):
            cost = cost + unknown[self.places.secondary]
        return cost

    def place_of(self, nodes: tuple[str, ...]) -> Ints:
        """Where the place with these nodes (full names) is; empty: it is none of them."""
        found = np.full(self.places.count, bool(nodes))
        for name, where in zip(nodes, (self.places.primary, self.places.secondary), strict=False):
            found &= where == self.cluster.node_index[name]
        return np.flatnonzero(found)

    def ranked(self) -> Ints:
        """The places: those that fit by group policy and score, then those that are nearest."""
        order = list(AllocPolicy)
        policies = [order.index(group.alloc_policy) for group in self.cluster.groups]
        policy = np.where(self.fits, np.array(policies, dtype=np.intp)[self.groups], len(order))
        key = np.where(self.fits, self.scores, self.cost)
        return np.lexsort((key, policy))

    def each(self, places: Ints, detailed: int) -> Iterator[Candidate]:
        """These; so many of those that fit with their terms and the check of their redundancy."""
        for position, place in enumerate(places.tolist()):
            yield self.one(place, detailed=position < detailed)

    def one(self, place: int, *, detailed: bool) -> Candidate:
        """One of them."""
        names = self.place_names(place)
        group = self.cluster.groups[self.groups[place]].name
        if not self.fits[place]:
            return Candidate(
                nodes=names,
                group=group,
                score=None,
                constraint=self.constraint(place),
                remedy=self._remedy(place),
            )
        score = float(self.scores[place])
        if not detailed:
            return Candidate(nodes=names, group=group, score=score)
        terms, failing = self.placed(place)
        if failing and self.redundancy:
            return Candidate(
                nodes=names, group=group, score=None, terms=terms, constraint=self.doomed(failing)
            )
        return Candidate(nodes=names, group=group, score=score, terms=terms)

    def place_names(self, place: int) -> tuple[str, ...]:
        """The new nodes of a place, short."""
        nodes = self.places.nodes(place)[int(self.places.primary_stays) :]
        return tuple(self.names[node] for node in nodes)

    def constraint(self, place: int) -> str:
        """The first constraint that fails there."""
        for refusal in self.refusals[int(self.groups[place])]:
            return refusal.text
        found = self.survey.shortages(place)
        return words(found[0], self.names[found[0].node]) if found else ""

    def placed(self, place: int) -> tuple[tuple[Metric, ...], list[int]]:
        """The score's terms with the instance there, and which nodes could not fail then."""
        nodes = self.places.nodes(place)
        self.state.place(self.row, nodes[0], nodes[1] if len(nodes) > 1 else -1)
        values = measure(self.state)
        failing = failing_nodes(self.state) if self.redundancy else []
        self.state.place(self.row, -1, -1)
        terms = tuple(Metric(name, weight, values[name]) for name, weight in WEIGHTS.items())
        return terms, failing

    def doomed(self, failing: list[int]) -> str:
        """What it means that these nodes cannot fail."""
        names = " or ".join(self.names[node] for node in failing[:3])
        more = f" or {len(failing) - 3} others" if len(failing) > 3 else ""
        return f"if {names}{more} failed, not all its instances could be started elsewhere"

    def _remedy(self, place: int) -> str:
        changes = self.changes(place)
        return "; ".join(dict.fromkeys(change.words(self.cluster) for change in changes))

    def changes(self, place: int) -> list[Change]:
        """What would make it fit there."""
        found: list[Change] = [one.change for one in self.refusals[self.groups[place]]]
        for node, deficit in self.survey.deficits(place):
            found += self._changes_at(node, deficit)
        ratios = [one for one in found if isinstance(one, RaiseRatio)]
        enough = max(ratios, key=lambda one: one.ratio, default=None)
        return [one for one in found if not isinstance(one, RaiseRatio) or one == enough]

    def _changes_at(self, index: int, deficit: Deficit) -> list[Change]:
        node = self.cluster.nodes[index]
        free = Free(
            node.name,
            memory=int(deficit.memory),
            disk=int(deficit.disk),
            spindles=int(deficit.spindles),
            cpus=int(deficit.cpus),
        )
        needs_room = any(free[1:5])
        found: list[Change] = []
        if deficit.conflicts:
            found.append(MoveOff(node.name, self._conflicting(index)))
        if deficit.spindle_use:
            found.append(self._ratio(index, float(deficit.spindle_use)))
        if deficit.offline and node.total_memory <= 0:
            return [BringBack(node.name, free if needs_room else None), *found]
        memory, disk = (used[index] for used in self._used())
        if deficit.memory > memory or deficit.disk > disk:
            own = node.total_memory - node.node_memory
            found.append(Enlarge(free, own, node.total_disk))
        elif needs_room:
            found.append(free)
        return [BringBack(node.name), *found] if deficit.offline else found

    def _conflicting(self, node: int) -> tuple[str, ...]:
        """The instances that run there and share an exclusion tag."""
        state, exclusion = self.state, self.state.tags.exclusion
        assert exclusion is not None
        mine = set(exclusion[self.row].tolist()) - {state.tags.exclusion_count}
        there = np.flatnonzero(state.primary == node)
        instances = self.cluster.instances
        return tuple(instances[i].name for i in there if mine & set(exclusion[i].tolist()))

    def _ratio(self, node: int, short: float) -> RaiseRatio:
        """The ratio with which there is so much more spindle use."""
        record = self.cluster.nodes[node]
        group = self.cluster.groups[self.state.nodes.group[node]]
        ratio = self.cluster.group_policy(group).spindle_ratio + short / max(record.spindles, 1)
        return RaiseRatio(group.name, float(np.ceil(ratio * 100.0) / 100.0))


def allocation_candidates(
    cluster: Cluster, instance: Instance, node_count: int, options: AllocationOptions
) -> Candidates:
    """All nodes, or pairs of nodes in one group, for a new instance."""
    if options.group is not None:
        cluster = cluster.select(cluster.groups[find_group(cluster, options.group)])
    placeless = msgspec.structs.replace(instance, primary="", secondary="")
    state = State(cluster.with_instances([*cluster.instances, placeless]))
    places = possible_places(state, node_count, options.restrict_to)
    return Candidates(state, len(cluster.instances), places, options)


def possible_places(
    state: State, node_count: int, restrict_to: tuple[str, ...] | None = None
) -> Places:
    """All nodes, or pairs of nodes in one group."""
    wanted = None if restrict_to is None else set(restrict_to)
    usable = [wanted is None or node.name in wanted for node in state.cluster.nodes]
    nodes = np.flatnonzero(np.array(usable, dtype=bool))
    if node_count == 1:
        return Places(nodes, nodes[:0])
    if node_count != 2:
        return Places(nodes[:0], nodes[:0])
    group = state.nodes.group[nodes]
    pairs = (group[:, None] == group) & ~np.eye(len(nodes), dtype=bool)
    first, second = np.nonzero(pairs)
    return Places(nodes[first], nodes[second])
