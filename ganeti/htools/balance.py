"""Balancing: the series of moves that lowers the score fastest (hbal(1), Algorithm)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ganeti.htools.cluster import Cluster
from ganeti.htools.defaults import MIN_GAIN, MIN_GAIN_LIMIT, MIN_SCORE
from ganeti.htools.field import Field
from ganeti.htools.moves import Move, Step, actions, placed
from ganeti.htools.score import state_optimum
from ganeti.htools.search import Found, Search
from ganeti.htools.state import State
from ganeti.htools.tables import Ints

# Two placements of the same score differ by rounding; moves between them would never end.
NOISE = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceOptions:
    """What hbal's options change in the search."""

    max_steps: int = -1
    """-1: no limit (-l)."""
    min_score: float = MIN_SCORE
    min_gain: float = MIN_GAIN
    min_gain_limit: float = MIN_GAIN_LIMIT
    disk_moves: bool = True
    instance_moves: bool = True
    evacuate: bool = False
    """Only instances on offline nodes are moved (--evac-mode)."""
    restricted_migration: bool = False
    ignore_soft_errors: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Where balancing leads."""

    initial_score: float
    steps: tuple[Step, ...]
    final_score: float
    cluster: Cluster
    """After all steps."""


def balance(cluster: Cluster, options: BalanceOptions = BalanceOptions()) -> Plan:
    """All steps to the end. C{cluster} is one group: see L{Cluster.select}."""
    state = State(cluster)
    field = Field(state, strict=not options.ignore_soft_errors)
    initial = field.score
    steps = tuple(search_steps(state, field, options))
    final = steps[-1].score if steps else initial
    return Plan(initial, steps, final, state.result())


def balance_steps(cluster: Cluster, options: BalanceOptions) -> Iterator[Step]:
    """The steps one by one, as they are found."""
    state = State(cluster)
    return search_steps(state, Field(state, strict=not options.ignore_soft_errors), options)


def search_steps(state: State, field: Field, options: BalanceOptions) -> Iterator[Step]:
    """Make the best move, as long as there is one; the state follows."""
    if not state.cluster.instances:
        return
    optimum = state_optimum(state)
    search = Search(
        field,
        disk_moves=options.disk_moves,
        instance_moves=options.instance_moves,
        evacuate=options.evacuate,
        restricted=options.restricted_migration,
    )
    number = 0
    while number != options.max_steps and field.score - optimum > options.min_score:
        found = search.best()
        if found is None or not worth_it(field.score, found.score, options):
            return
        number += 1
        step = make_step(state, number, found)
        touched = make_move(state, found.move)
        field.refresh(touched)
        search.moved(found.move.instance, touched)
        yield step._replace(score=field.score)


def make_move(state: State, move: Move) -> Ints:
    """Make a move; the nodes it touches."""
    before = (int(state.primary[move.instance]), int(state.secondary[move.instance]))
    after = placed(move.kind, *before, move.target)
    state.place(move.instance, *after)
    return np.array(sorted({node for node in (*before, *after) if node >= 0}))


def worth_it(before: float, after: float, options: BalanceOptions) -> bool:
    """Whether a step is made."""
    return before - after > NOISE and (
        before > options.min_gain_limit or before - after >= options.min_gain
    )


def make_step(state: State, number: int, found: Found) -> Step:
    """What is told of a move before it is made."""
    nodes, move = state.cluster.nodes, found.move
    before = (int(state.primary[move.instance]), int(state.secondary[move.instance]))
    places = (*before, *placed(move.kind, *before, move.target), move.target)
    names = [nodes[place].name if place >= 0 else "" for place in places]
    return Step(
        number=number,
        move=move,
        instance=state.cluster.instances[move.instance].name,
        old_primary=names[0],
        old_secondary=names[1],
        new_primary=names[2],
        new_secondary=names[3],
        score=found.score,
        actions=actions(move.kind, names[4]),
    )


def apply_steps(cluster: Cluster, steps: tuple[Step, ...]) -> Cluster:
    """C{cluster} after these steps."""
    state = State(cluster)
    index = {**cluster.node_index, "": -1}
    for step in steps:
        instance = cluster.instance_index[step.instance]
        state.place(instance, index[step.new_primary], index[step.new_secondary])
    return state.result()
