"""Instances put on a cluster one after the other, each in the best place."""

from __future__ import annotations

from collections import Counter

import msgspec
import numpy as np

from ganeti.htools.alike import Pair, best_pair, kinds_of
from ganeti.htools.allocation import (
    by_score,
    count_failures,
    pair_at,
    pair_codes,
    pair_scores,
    single_scores,
)
from ganeti.htools.cluster import Cluster
from ganeti.htools.errors import InputError
from ganeti.htools.failures import Failure
from ganeti.htools.field import Field
from ganeti.htools.globaln1 import redundant
from ganeti.htools.newcomer import Code, Newcomer
from ganeti.htools.records import Instance
from ganeti.htools.specs import policy_failure
from ganeti.htools.state import State
from ganeti.htools.tables import InstanceTable, Ints, instance_table
from ganeti.model.group import AllocPolicy

# So many sizes find room in the tables before they are made new.
ROWS = 1024
ROW_FIELDS = tuple(name for name in InstanceTable.__slots__ if name != "count")


class Filler:
    """A cluster that is being filled."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        node_count: int,
        capacity_checks: bool,
        independent_groups: bool,
        accept_existing_errors: bool,
    ) -> None:
        self.cluster, self.node_count = cluster, node_count
        self.capacity_checks = capacity_checks
        self.tried: dict[Instance, Counter[Failure] | None] = {}
        self.sizes: list[Instance] = []
        self.where: list[tuple[int, int, int]] = []
        """By new instance: its size's index, its nodes."""
        self._start()
        failing = self.state.nodes.online & self.state.failing()
        self.stopped = bool(failing.any()) and not (independent_groups or accept_existing_errors)
        self.nodes = self._allowed(failing, accept_existing_errors)

    def _start(self) -> None:
        """Tables with room for new sizes."""
        blank = Instance(name="", memory=0, disk=0, vcpus=0)
        self.base = len(self.cluster.instances)
        self.state = State(self.cluster.with_instances([*self.cluster.instances, *[blank] * ROWS]))
        self.field = Field(self.state)

    def _allowed(self, failing: np.ndarray, accept_errors: bool) -> list[Ints]:
        """By group: the nodes that instances may come to."""
        state, found = self.state, []
        for index, group in enumerate(self.cluster.groups):
            mine = state.nodes.online & (state.nodes.group == index)
            if accept_errors:
                mine &= ~failing
            elif (failing & mine).any():
                continue
            if group.alloc_policy is not AllocPolicy.UNALLOCABLE and mine.sum() >= self.node_count:
                found.append(np.flatnonzero(mine))
        return found

    def full(self, limit: int) -> bool:
        """Whether no more are wanted."""
        return 0 <= limit <= len(self.where)

    def allows(self, instance: Instance) -> bool:
        """Whether some group's policy allows such instances."""
        return any(not self._policy_refuses(instance, nodes, Counter()) for nodes in self.nodes)

    def fill(self, instance: Instance, limit: int) -> Counter[Failure]:
        """Put in as many as fit; why the last one did not."""
        newcomer = self._newcomer(instance)
        while not self.full(limit):
            failures = self._put(newcomer, instance)
            if failures is not None:
                return failures
            self.field.refresh_for_newcomers()
        return Counter()

    def failures_of(self, instance: Instance) -> Counter[Failure] | None:
        """Why one would not fit; None: it would."""
        if instance not in self.tried:
            self.tried[instance] = self._try(instance)
        return self.tried[instance]

    def _try(self, instance: Instance) -> Counter[Failure] | None:
        failures: Counter[Failure] = Counter()
        newcomer = Newcomer(self.field, self._enter(instance))
        if not any(self._some_fit(newcomer, instance, nodes, failures) for nodes in self.nodes):
            return failures
        nodes, failures = self._choose(self._newcomer(instance), instance)
        return None if nodes else failures

    def _some_fit(
        self, newcomer: Newcomer, instance: Instance, nodes: Ints, failures: Counter[Failure]
    ) -> bool:
        """Whether there is a place in a group, as far as rules tell without scores."""
        if self._policy_refuses(instance, nodes, failures):
            return False
        if self.node_count == 1:
            codes = newcomer.primary_codes()[nodes]
            failures.update(count_failures(codes, 1))
            return bool((codes == Code.FITS).any())
        found = [(codes == Code.FITS).any() for _, codes in pair_codes(newcomer, nodes, failures)]
        return any(found)

    def _policy_refuses(self, instance: Instance, nodes: Ints, failures: Counter[Failure]) -> bool:
        """Whether the group's policy does not allow such instances."""
        group = self.cluster.groups[int(self.state.nodes.group[nodes[0]])]
        exclusive = bool(self.state.nodes.exclusive[nodes].all())
        failure = policy_failure(instance, self.cluster.group_policy(group), exclusive)
        if failure is not None:
            places = len(nodes) * (len(nodes) - 1) if self.node_count == 2 else len(nodes)
            failures[failure] += places
        return failure is not None

    def _enter(self, instance: Instance) -> int:
        """The instance in the tables, in a row that no other size uses."""
        row = self.base + len(self.sizes)
        if row >= self.state.instances.count:
            raise InputError(f"More than {ROWS} sizes of instances")
        fresh, table = instance_table([instance]), self.state.instances
        for name in ROW_FIELDS:
            getattr(table, name)[..., row] = getattr(fresh, name)[..., 0]
        return row

    def _newcomer(self, instance: Instance) -> Newcomer:
        """The instance, ready to be given a place."""
        row = self._enter(instance)
        self.field.renew_spreads()
        return Newcomer(self.field, row)

    def _put(self, newcomer: Newcomer, instance: Instance) -> Counter[Failure] | None:
        """Put in one; why it does not fit, or None."""
        nodes, failures = self._choose(newcomer, instance)
        if not nodes:
            return failures
        if not self.sizes or self.sizes[-1] != instance:
            self.sizes.append(instance)
        self.tried.clear()
        secondary = nodes[1] if len(nodes) > 1 else -1
        self.where.append((len(self.sizes) - 1, nodes[0], secondary))
        self.state.add_copy(newcomer.instance, nodes[0], secondary)
        return None

    def _choose(
        self, newcomer: Newcomer, instance: Instance
    ) -> tuple[tuple[int, ...], Counter[Failure]]:
        """The best place in any group."""
        failures: Counter[Failure] = Counter()
        best: tuple[float, tuple[int, ...]] | None = None
        for nodes in self.nodes:
            found = self._choose_in(newcomer, instance, nodes, failures)
            if found is not None and (best is None or found[0] <= best[0]):
                best = found
        return (() if best is None else best[1]), failures

    def _choose_in(
        self, newcomer: Newcomer, instance: Instance, nodes: Ints, failures: Counter[Failure]
    ) -> tuple[float, tuple[int, ...]] | None:
        """The best place in one group, that passes the capacity check."""
        if self._policy_refuses(instance, nodes, failures):
            return None
        if self.node_count == 2:
            quick = self._quick_pair(newcomer, nodes)
            if quick is not None and self._passes(newcomer, quick[1:]):
                return quick.score, quick[1:]
            scores, why = pair_scores(newcomer, nodes)
        else:
            scores, why = single_scores(newcomer, nodes)
        failures.update(why)
        for score, where in by_score(scores):
            chosen = (int(nodes[where]),) if self.node_count == 1 else pair_at(nodes, where)
            if self._passes(newcomer, chosen):
                return score, chosen
            failures[Failure.N1] += 1
        return None

    def _quick_pair(self, newcomer: Newcomer, nodes: Ints) -> Pair | None:
        """The best pair when enough nodes are alike to find it quickly; None: look at all."""
        outside = np.ones(self.state.nodes.count, dtype=bool)
        outside[nodes] = False
        first, second = newcomer.primary_codes(), newcomer.secondary_codes()
        first[outside] = second[outside] = Code.OFFLINE
        kinds = kinds_of(newcomer, first, second)
        if len(kinds.size) * 2 > len(nodes):
            return None
        return best_pair(newcomer, kinds, first, second)

    def _passes(self, newcomer: Newcomer, nodes: tuple[int, ...]) -> bool:
        """Whether any node may fail with the instance on these."""
        if not self.capacity_checks:
            return True
        state, row = self.state, newcomer.instance
        state.place(row, nodes[0], nodes[1] if len(nodes) > 1 else -1)
        good = redundant(state)
        state.place(row, -1, -1)
        return good

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
