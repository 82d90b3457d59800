"""Instances put on a cluster one after the other, each in the best place."""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

import msgspec
import numpy as np

from ganeti.htools.alike import Pairs
from ganeti.htools.cluster import Cluster
from ganeti.htools.errors import InputError
from ganeti.htools.failures import Failure
from ganeti.htools.field import Field
from ganeti.htools.newcomer import Code, Newcomer
from ganeti.htools.places import by_score, count_failures, pair_codes
from ganeti.htools.records import Instance, Spec
from ganeti.htools.restarts import Restarts, unrestartable
from ganeti.htools.specs import policy_failure
from ganeti.htools.state import State
from ganeti.htools.tables import DISK, LOCAL, MEM, InstanceTable, Ints, instance_table
from ganeti.htools.vacancies import Vacancies
from ganeti.model.group import AllocPolicy
from ganeti.model.templates import TEMPLATES, DiskTemplate

# So many sizes find room in the tables.
ROWS = 1024
ROW_FIELDS = tuple(name for name in InstanceTable.__slots__ if name != "count")


class Place(NamedTuple):
    """Where an instance goes; a secondary of -1 is none."""

    score: float
    primary: int
    secondary: int


class Filler:
    """
    A cluster that is being filled.

    @ivar stopped: nothing is tried, as nodes fail N+1 already.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        template: DiskTemplate,
        capacity_checks: bool,
        independent_groups: bool,
        accept_existing_errors: bool,
    ) -> None:
        """
        @raise InputError: no node may take an instance.
        """
        self.cluster, self.template = cluster, template
        self.node_count = 2 if TEMPLATES[template].mirrored_internal else 1
        self.sizes: list[Instance] = []
        self.where: list[tuple[int, int, int]] = []
        """By new instance: its size's index, its nodes."""
        self._start()
        failing = self.state.nodes.online & self.state.failing()
        self.groups = self._usable(failing, independent_groups)
        careless = accept_existing_errors or independent_groups
        self.stopped = not self.groups or (bool(failing.any()) and not careless)
        self.restarts: Restarts | None = None
        if capacity_checks and self.node_count == 1 and not self.stopped:
            looked_at = self.groups if independent_groups else range(len(cluster.groups))
            self.restarts = Restarts(self.state, frozenset(looked_at))

    def _start(self) -> None:
        """Tables with room for new sizes."""
        blank = Instance(name="", memory=0, disk=0, vcpus=0, template=self.template)
        self.base = len(self.cluster.instances)
        self.state = State(self.cluster.with_instances([*self.cluster.instances, *[blank] * ROWS]))
        self.field = Field(self.state)

    def _usable(self, failing: np.ndarray, independent: bool) -> dict[int, Ints]:
        """
        By group: the nodes that instances may come to; none when all groups fail N+1.

        @param independent: groups with nodes that may not fail are left out.
        @raise InputError: there are too few.
        """
        state, found = self.state, {}
        bad = set(state.nodes.group[failing].tolist()) if independent else set()
        if bad and len(bad) == len(self.cluster.groups):
            return {}
        if independent:
            bad |= {int(state.nodes.group[node]) for node in unrestartable(state)}
        for index, group in enumerate(self.cluster.groups):
            mine = state.nodes.online & (state.nodes.group == index)
            if group.alloc_policy is AllocPolicy.UNALLOCABLE or mine.sum() < self.node_count:
                continue
            if index not in bad:
                found[index] = np.flatnonzero(mine)
        if not found:
            few = "No online nodes" if self.node_count == 1 else "Not enough online nodes"
            raise InputError(few)
        return found

    def full(self, limit: int) -> bool:
        """Whether no more are wanted."""
        return 0 <= limit <= len(self.where)

    def policy_failures(self, instance: Instance) -> set[Failure | None]:
        """What policies have against such an instance; None: some node's has nothing."""
        return {self.policy_failure(instance, node) for node in self._kinds_of_nodes()}

    def largest(self) -> Spec:
        """Amounts above which no node takes an instance, whatever its other amounts are."""
        state = self.state
        nodes = np.concatenate(list(self.groups.values()))
        bounds = [
            bound.most
            for group in self.groups
            for bound in self.cluster.group_policy(self.cluster.groups[group]).ranges
        ]
        disk = max((most.disk for most in bounds), default=0)
        if self.template in LOCAL:
            disk = min(disk, math.ceil(state.resources[DISK, nodes].max()))
        memory = math.ceil(state.resources[MEM, nodes].max())
        return Spec(
            memory=min(memory, max((most.memory for most in bounds), default=0)),
            cpus=max((most.cpus for most in bounds), default=0),
            disk=disk,
            spindle_use=max((most.spindle_use for most in bounds), default=0),
        )

    def _kinds_of_nodes(self) -> list[int]:
        """One node for each policy."""
        exclusive = self.state.nodes.exclusive
        return [
            int(nodes[exclusive[nodes] == kind][0])
            for nodes in self.groups.values()
            for kind in np.unique(exclusive[nodes])
        ]

    def policy_failure(self, instance: Instance, node: int) -> Failure | None:
        """What the node's policy has against such an instance."""
        nodes = self.state.nodes
        policy = self.cluster.group_policy(self.cluster.groups[int(nodes.group[node])])
        return policy_failure(instance, policy, bool(nodes.exclusive[node]))

    def fill(self, instance: Instance, limit: int) -> Counter[Failure]:
        """Put in as many as fit; why the last one did not."""
        search = Search(self, instance, self._enter(instance))
        while not self.full(limit):
            place = search.best()
            if place is None:
                return search.failures()
            self._put(search, instance, place)
        return Counter()

    def _enter(self, instance: Instance) -> int:
        """The instance in the tables, in a row that no other size uses."""
        row = self.base + len(self.sizes)
        if row >= self.state.instances.count:
            raise InputError(f"More than {ROWS} sizes of instances")
        fresh, table = instance_table([instance]), self.state.instances
        for name in ROW_FIELDS:
            getattr(table, name)[..., row] = getattr(fresh, name)[..., 0]
        return row

    def _put(self, search: Search, instance: Instance, place: Place) -> None:
        """Put in one more."""
        if not self.sizes or self.sizes[-1] is not instance:
            self.sizes.append(instance)
        self.where.append((len(self.sizes) - 1, place.primary, place.secondary))
        self.state.add_copy(search.row, place.primary, place.secondary)
        if self.restarts is not None:
            self.restarts.add(place.primary, search.row)
        self.field.refresh_for_newcomers()
        search.refresh([node for node in place[1:] if node >= 0])

    def placed(self) -> tuple[Instance, ...]:
        """The new instances, with names and nodes."""
        names = [node.name for node in self.cluster.nodes] + [""]
        return tuple(
            msgspec.structs.replace(
                self.sizes[size],
                name=f"new-{number}",
                primary=names[primary],
                secondary=names[secondary],
            )
            for number, (size, primary, secondary) in enumerate(self.where)
        )

    def cluster_with(self, instances: tuple[Instance, ...]) -> Cluster:
        """The cluster with the new instances on it."""
        placeless = [msgspec.structs.replace(one, primary="", secondary="") for one in instances]
        state = State(self.cluster.with_instances([*self.cluster.instances, *placeless]))
        for number, (_size, primary, secondary) in enumerate(self.where):
            state.place(self.base + number, primary, secondary)
        return state.result()


class Search:
    """The best place for one more instance of a size, and why there is none."""

    def __init__(self, filler: Filler, instance: Instance, row: int) -> None:
        self._filler, self.row = filler, row
        self._newcomer = Newcomer(filler.field, row)
        self._refused: Counter[Failure] = Counter()
        self._not_redundant = 0
        self._nodes = {
            group: self._allowed(instance, nodes) for group, nodes in filler.groups.items()
        }
        self._vacancies: Vacancies | None = None
        self._pairs: dict[int, Pairs] = {}

    def _allowed(self, instance: Instance, nodes: Ints) -> Ints:
        """The nodes whose policies allow the instance; the others are counted as failures."""
        filler, exclusive = self._filler, self._filler.state.nodes.exclusive[nodes]
        allowed = np.ones(len(nodes), dtype=bool)
        for kind in np.unique(exclusive):
            same = exclusive == kind
            failure = filler.policy_failure(instance, int(nodes[same][0]))
            if failure is not None:
                allowed[same] = False
                partners = len(nodes) - 1 if filler.node_count == 2 else 1
                self._refused[failure] += int(same.sum()) * partners
        return nodes[allowed]

    def best(self) -> Place | None:
        """The best place in any group; of equal ones that in the last."""
        self._not_redundant = 0
        newcomer = self._newcomer
        first = newcomer.primary_codes()
        second = newcomer.secondary_codes() if self._filler.node_count == 2 else first
        best: Place | None = None
        for group, nodes in self._nodes.items():
            if not (first[nodes] == Code.FITS).any():
                continue
            if self._filler.node_count == 2:
                found = self._pair(group, first, second)
            else:
                found = self._single(nodes, first)
            if found is not None and (best is None or found.score <= best.score):
                best = found
        return best

    @property
    def vacancies(self) -> Vacancies:
        """The scores; they are not needed where nothing fits."""
        if self._vacancies is None:
            self._vacancies = Vacancies(self._filler.field, self.row)
        return self._vacancies

    def _single(self, nodes: Ints, codes: np.ndarray) -> Place | None:
        """The best node of some that leaves all nodes free to fail."""
        restarts = self._filler.restarts
        scores = np.where(codes[nodes] == Code.FITS, self.vacancies.scores(nodes), np.inf)
        for score, where in by_score(scores):
            node = int(nodes[where])
            if restarts is None or restarts.passes_with(node, self.row):
                return Place(score, node, -1)
            self._not_redundant += 1
        return None

    def _pair(self, group: int, first: np.ndarray, second: np.ndarray) -> Place | None:
        """The best pair of a group."""
        if group not in self._pairs:
            self._pairs[group] = Pairs(self.vacancies, self._nodes[group])
        found = self._pairs[group].best(first, second)
        return None if found is None else Place(*found)

    def failures(self) -> Counter[Failure]:
        """Why it fits nowhere: how often each failure is in the way."""
        failures = Counter(self._refused)
        if self._not_redundant:
            failures[Failure.N1] += self._not_redundant
        for nodes in self._nodes.values():
            if not len(nodes):
                continue
            if self._filler.node_count == 1:
                failures.update(count_failures(self._newcomer.primary_codes()[nodes], 1))
            else:
                for _part in pair_codes(self._newcomer, nodes, failures):
                    pass
        return failures

    def refresh(self, nodes: list[int]) -> None:
        """Take over what changed on these nodes."""
        self.vacancies.refresh(np.array(nodes, dtype=np.intp))
        for pairs in self._pairs.values():
            pairs.refresh(nodes)
