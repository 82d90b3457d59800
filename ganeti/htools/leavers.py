"""An instance that has to leave a node: the places it could have instead."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ganeti.htools.allocation import AllocationOptions
from ganeti.htools.candidates import Candidates, possible_places
from ganeti.htools.cluster import Cluster
from ganeti.htools.records import Instance
from ganeti.htools.state import State
from ganeti.htools.survey import Places
from ganeti.model.templates import TEMPLATES


def moving(strict: bool) -> AllocationOptions:
    """How moves are looked at: what happens when a node fails does not matter."""
    return AllocationOptions(capacity_checks=False, ignore_soft_errors=not strict)


@dataclass(frozen=True, slots=True)
class Leaving:
    """What an instance leaves."""

    mode: str
    """primary-only, secondary-only or all."""
    left: frozenset[str]
    """Nodes that nobody may go to (full names)."""


def new_places(cluster: Cluster, index: int, leaving: Leaving, strict: bool) -> Candidates:
    """The places in its group that an instance could go to."""
    state = State(cluster)
    record = cluster.instances[index]
    primary, secondary = int(state.primary[index]), int(state.secondary[index])
    state.place(index, -1, -1)
    left = {cluster.node_index[name] for name in leaving.left}
    places = places_of(state, record, primary, secondary, leaving.mode, left)
    forced = secondary >= 0 and not state.nodes.online[secondary] and places.primary_stays
    return Candidates(state, index, replace(places, old=primary, forced=forced), moving(strict))


def places_of(
    state: State, record: Instance, primary: int, secondary: int, mode: str, left: set[int]
) -> Places:
    """The places that the kind of move allows."""
    group = state.nodes.group == state.nodes.group[primary]
    group[sorted(left)] = False
    if not TEMPLATES[record.template].mirrored_internal or secondary < 0:
        group[primary] = False
        nodes = np.flatnonzero(group)
        return Places(nodes, nodes[:0])
    if mode == "primary-only":
        return Places(np.array([secondary]), np.array([primary]))
    group[[primary, secondary]] = False
    if mode == "secondary-only":
        nodes = np.flatnonzero(group)
        return Places(np.full(len(nodes), primary), nodes, primary_stays=True)
    names = tuple(state.cluster.nodes[node].name for node in np.flatnonzero(group))
    return possible_places(state, 2, names)


def secondary_places(cluster: Cluster, index: int, strict: bool) -> Candidates:
    """Nodes that could become the secondary of an instance that has none; it is mirrored now."""
    state = State(cluster)
    primary = int(state.primary[index])
    state.place(index, -1, -1)
    group = state.nodes.group == state.nodes.group[primary]
    group[primary] = False
    nodes = np.flatnonzero(group)
    places = Places(np.full(len(nodes), primary), nodes, primary_stays=True)
    return Candidates(state, index, places, moving(strict))


def other_groups(cluster: Cluster, index: int, groups: list[int], strict: bool) -> Candidates:
    """
    The places in other groups.

    @param groups: which; none: all others.
    """
    state = State(cluster)
    own = int(state.nodes.group[state.primary[index]])
    count = 2 if state.secondary[index] >= 0 else 1
    wanted = (set(groups) or set(range(len(cluster.groups)))) - {own}
    names = [
        node.name
        for node, group in zip(cluster.nodes, state.nodes.group.tolist(), strict=True)
        if group in wanted
    ]
    state.place(index, -1, -1)
    places = possible_places(state, count, tuple(names))
    return Candidates(state, index, places, moving(strict))
