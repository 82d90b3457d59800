"""The cheapest change with which an instance fits; what is told has been tried."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec
import numpy as np

from ganeti.htools.allocation import AllocationOptions, allocate
from ganeti.htools.ask import Ask
from ganeti.htools.asking import Offer, nearest_offer
from ganeti.htools.candidates import Candidates
from ganeti.htools.changes import Change, Enlarge, MoveOff, merged
from ganeti.htools.cluster import Cluster, find_node
from ganeti.htools.globaln1 import redundant
from ganeti.htools.groupchanges import AddNodes
from ganeti.htools.nodefailure import redundancy_changes
from ganeti.htools.records import Instance
from ganeti.htools.state import State
from ganeti.htools.survey import Places
from ganeti.model.group import AllocPolicy

# One change may show the next thing that is missing.
ROUNDS = 8
# Rather than that many changes, a node is added.
MANY = 3
MOST_NEW_NODES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What makes an instance fit."""

    nodes: tuple[str, ...] = ()
    """Where it fits after the changes, full names; empty: where there are new nodes."""
    changes: tuple[Change, ...] = ()
    """All of them are needed; empty: none are known."""
    ask: Ask | None = None
    """With this instead it fits, too."""
    ask_first: bool = False
    """That is the cheaper one."""

    def words(self, cluster: Cluster, instance: Instance) -> str:
        """What to do, as a sentence, the cheaper first; empty: nothing is known."""
        told = list(dict.fromkeys(change.words(cluster) for change in self.changes))
        parts = [listed(told)] if told else []
        if self.ask is not None:
            parts.insert(0 if self.ask_first else 1, self.ask.words(instance))
        text = ", or ".join(parts)
        return f"{text[0].upper()}{text[1:]}." if text else ""


def listed(words: list[str]) -> str:
    """One, or two of them, or all with commas."""
    return " and ".join(each for each in (", ".join(words[:-1]), words[-1]) if each)


def advise(found: Candidates, place: int | None, node_count: int) -> Advice:
    """
    What to do for an instance that fits nowhere.

    @param place: the nearest place; None: there is none at all.
    @param node_count: 0: it is somewhere already, so that other nodes or sizes are no help.
    """
    cluster = without_it(found)
    nodes: tuple[str, ...] = ()
    changes: list[Change] = []
    if place is not None:
        nodes = tuple(found.cluster.nodes[index].name for index in found.places.nodes(place))
        changes = changes_until_it_fits(cluster, found, nodes)
    if not node_count:
        return Advice(nodes=nodes, changes=tuple(changes))
    small = any(isinstance(one, Enlarge) for one in changes)
    if not changes or small or len(changes) > MANY:
        added = new_nodes(cluster, found, node_count)
        if added is not None:
            nodes, changes, small = (), [added], False
    offer = other_size(cluster, found, node_count)
    if offer is not None and small:
        return Advice(ask=offer.ask)
    if offer is None:
        return Advice(nodes=nodes, changes=tuple(changes))
    first = place is None or offer.cost <= float(found.cost[place])
    return Advice(nodes=nodes, changes=tuple(changes), ask=offer.ask, ask_first=first)


def without_it(found: Candidates) -> Cluster:
    """The cluster without the instance, and with what it leaves free."""
    cluster = found.state.result()
    others = [one for index, one in enumerate(cluster.instances) if index != found.row]
    return cluster.with_instances(others)


def changes_until_it_fits(
    cluster: Cluster, found: Candidates, nodes: tuple[str, ...]
) -> list[Change]:
    """What makes it fit there; empty: nothing that is known."""
    made: list[Change] = []
    for _round in range(ROUNDS):
        more = missing_changes(cluster, found.instance, nodes, found)
        if more is None:
            return []
        if not more:
            return merged(made)
        made += more
        for change in more:
            cluster = change.apply(cluster)
    return []


def missing_changes(
    cluster: Cluster, instance: Instance, nodes: tuple[str, ...], found: Candidates
) -> list[Change] | None:
    """What is wrong with one place, as changes; empty: it fits; None: nothing is known to help."""
    placeless = msgspec.structs.replace(instance, primary="", secondary="")
    state = State(cluster.with_instances([*cluster.instances, placeless]))
    places = one_place(cluster, nodes, found.places)
    here = Candidates(state, len(cluster.instances), places, found.options)
    changes = here.changes(0)
    if not changes and not here.fits[0]:
        return None
    if changes or not here.redundancy:
        # Instances that are moved leave room, too.
        return [one for one in changes if isinstance(one, MoveOff)] or changes
    indexes = places.nodes(0)
    state.place(here.row, indexes[0], indexes[1] if len(indexes) > 1 else -1)
    return redundancy_changes(state)


def one_place(cluster: Cluster, nodes: tuple[str, ...], like: Places) -> Places:
    """A place by the names of its nodes, for the same kind of move."""
    indexes = np.array([find_node(cluster, name) for name in nodes], dtype=np.intp)
    return replace(like, primary=indexes[:1], secondary=indexes[1:])


def new_nodes(cluster: Cluster, found: Candidates, node_count: int) -> AddNodes | None:
    """The fewest nodes to add: just large enough, or as large as the largest."""
    instance = found.instance
    small = (instance.memory + 1, instance.disk + 1, instance.vcpus)
    large = tuple(
        max([size, *(getattr(node, name) for node in cluster.nodes)])
        for size, name in zip(small, ("total_memory", "total_disk", "cpus"), strict=True)
    )
    usable = [one for one in cluster.groups if one.alloc_policy is not AllocPolicy.UNALLOCABLE]
    for count in range(1, MOST_NEW_NODES + 1):
        for sizes in (small, large):
            for group in usable:
                change = AddNodes(group.name, count, *sizes)
                if fits(change.apply(cluster), instance, node_count, without_list(found.options)):
                    return change
    return None


def other_size(cluster: Cluster, found: Candidates, node_count: int) -> Offer | None:
    """Another size that fits as things are."""
    offer = nearest_offer(found)
    if offer is None:
        return None
    if fits(cluster, offer.ask.changed(found.instance), node_count, found.options):
        return None if offer.ask.changed(found.instance) == found.instance else offer
    return less_memory(cluster, found, offer, node_count)


def less_memory(cluster: Cluster, found: Candidates, offer: Offer, node_count: int) -> Offer | None:
    """The same place with so little memory that any node may fail then."""
    options = replace(found.options, restrict_to=offer.nodes)
    low, high = offer.least, offer.ask.memory or 0
    while low < high:
        middle = (low + high + 1) // 2
        smaller = offer.ask._replace(memory=middle).changed(found.instance)
        if fits(cluster, smaller, node_count, options):
            low = middle
        else:
            high = middle - 1
    ask = offer.ask._replace(memory=low)
    if not fits(cluster, ask.changed(found.instance), node_count, options):
        return None
    cost = abs(found.instance.memory - low) / max(found.instance.memory, 1)
    return Offer(cost, ask, offer.nodes, offer.least)


def without_list(options: AllocationOptions) -> AllocationOptions:
    """The options for nodes that nobody could name yet."""
    return AllocationOptions(
        ignore_soft_errors=options.ignore_soft_errors,
        capacity_checks=options.capacity_checks,
        group=options.group,
    )


def fits(cluster: Cluster, instance: Instance, node_count: int, options: AllocationOptions) -> bool:
    """Whether there is a place for it."""
    if options.capacity_checks and not redundant(State(cluster)):
        return False
    return bool(allocate(cluster, instance, node_count, options).nodes)
