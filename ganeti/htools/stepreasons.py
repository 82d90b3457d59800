"""Why each step of a balancing plan is made (hbal --explain)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from ganeti.htools.balance import BalanceOptions
from ganeti.htools.candidatelines import TELLING, joined, wrapped
from ganeti.htools.cluster import Cluster
from ganeti.htools.field import Field
from ganeti.htools.measures import WEIGHTS, measure, total
from ganeti.htools.moves import Kind, Move, Step, placed
from ganeti.htools.search import Found, Search
from ganeti.htools.state import State

HOW = {
    Kind.FAILOVER: "migration to its secondary node",
    Kind.FAILOVER_TO: "migration",
    Kind.REPLACE_SECONDARY: "new secondary node",
    Kind.REPLACE_AND_FAILOVER: "new secondary node, migration to it",
    Kind.REPLACE_PRIMARY: "migration, new secondary node, migration to it",
    Kind.FAILOVER_AND_REPLACE: "migration, new secondary node",
}


def step_lines(
    cluster: Cluster, steps: Iterable[Step], options: BalanceOptions, *, runner_up: bool = False
) -> Iterator[str]:
    """
    What each step changes in the score.

    @param runner_up: also the best move of another instance; each takes a search of its own.
    """
    state = State(cluster)
    before = measure(state)
    index = {**cluster.node_index, "": -1}
    for step in steps:
        other = next_best(state, step, options) if runner_up else None
        instance = cluster.instance_index[step.instance]
        state.place(instance, index[step.new_primary], index[step.new_secondary])
        after = measure(state)
        gain = total(before) - total(after)
        old = node_names(cluster, step.old_primary, step.old_secondary)
        new = node_names(cluster, step.new_primary, step.new_secondary)
        yield (
            f"Step {step.number}: {cluster.short(step.instance)} from {old} to {new} "
            f"({HOW[step.move.kind]}): the best of all moves, {gain:.8f} gained:"
        )
        yield from wrapped(term_changes(before, after))
        if runner_up:
            yield f"    next best: {move_words(state.cluster, other, step)}"
        before = after


def node_names(cluster: Cluster, primary: str, secondary: str) -> str:
    """Short, with a slash."""
    return "/".join(cluster.short(name) for name in (primary, secondary) if name)


def term_changes(before: dict[str, float], after: dict[str, float]) -> Iterator[str]:
    """The terms that change, before and after, the best first."""
    old = joined({name: weight * before[name] for name, weight in WEIGHTS.items()})
    new = joined({name: weight * after[name] for name, weight in WEIGHTS.items()})
    for name in sorted(new, key=lambda name: new[name] - old[name]):
        if abs(new[name] - old[name]) >= TELLING:
            yield f"{name} {old[name]:.4f} -> {new[name]:.4f} ({new[name] - old[name]:+.4f})"


def next_best(state: State, step: Step, options: BalanceOptions) -> Found | None:
    """The best move of any other instance."""
    cluster = state.result()
    others = [
        msgspec.structs.replace(one, movable=False) if one.name == step.instance else one
        for one in cluster.instances
    ]
    return best_move(cluster.with_instances(others), options)


def best_move(cluster: Cluster, options: BalanceOptions) -> Found | None:
    """The best move there is, whether it makes anything better or not; None: none is allowed."""
    field = Field(State(cluster), strict=not options.ignore_soft_errors)
    return Search(
        field,
        disk_moves=options.disk_moves,
        instance_moves=options.instance_moves,
        evacuate=options.evacuate,
        restricted=options.restricted_migration,
    ).best()


def move_words(cluster: Cluster, found: Found | None, step: Step) -> str:
    """Another move, compared with the step that is made."""
    if found is None:
        return "no other instance may be moved"
    return f"{described(cluster, found.move)}, {found.score - step.score:.8f} worse"


def described(cluster: Cluster, move: Move) -> str:
    """Which instance goes where."""
    record = cluster.instances[move.instance]
    names = [node.name for node in cluster.nodes] + [""]
    index = {**cluster.node_index, "": -1}
    old = index[record.primary], index[record.secondary]
    new = placed(move.kind, *old, move.target)
    before, after = (node_names(cluster, *(names[node] for node in pair)) for pair in (old, new))
    return f"{cluster.short(record.name)} from {before} to {after}"
