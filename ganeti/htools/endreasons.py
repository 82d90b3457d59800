"""Why balancing ends, and what holds the instances that are not moved (hbal --explain)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ganeti.htools.balance import NOISE, BalanceOptions
from ganeti.htools.cluster import Cluster
from ganeti.htools.explanation import failure
from ganeti.htools.field import Field
from ganeti.htools.leavers import Leaving, new_places
from ganeti.htools.moves import Kind
from ganeti.htools.score import optimum, score
from ganeti.htools.state import State
from ganeti.htools.stepreasons import best_move, described
from ganeti.htools.tables import Flags, Ints
from ganeti.htools.trial import Trial

# So many are told by name.
NAMES = 3
TOLD = 3
# So many pairs of instance and target are tried at once.
BATCH = 1 << 14
ALL_KINDS = tuple(kind for kind in Kind if kind is not Kind.FAILOVER_TO)


def end_lines(
    cluster: Cluster, made: int, options: BalanceOptions, *, verbose: bool = False
) -> Iterator[str]:
    """
    What is left to do, and what keeps it.

    @param cluster: after all steps.
    @param made: how many these were.
    @param verbose: all instances that no node takes.
    """
    yield why_no_more(cluster, made, options)
    yield from held_lines(cluster, options)
    yield from stuck_lines(cluster, options, verbose)


def why_no_more(cluster: Cluster, made: int, options: BalanceOptions) -> str:
    """The limit that ends it."""
    now, least = score(cluster), optimum(cluster)
    if now - least < options.min_score:
        return (
            f"No more steps: the score {now:.8f} is within --min-score={options.min_score:g} of "
            f"the lowest there can be ({least:.8f})."
        )
    best = best_move(cluster, options)
    if best is None:
        return "No more steps: no move is allowed at all."
    gain, told = now - best.score, described(cluster, best.move)
    if gain <= NOISE:
        worse = f"raise it by {-gain:.8f}" if gain < -NOISE else "leave it as it is"
        return f"No more steps: none lowers the score; the best one left, {told}, would {worse}."
    if made == options.max_steps:
        return (
            f"No more steps: --max-length={made} is reached; the best one left, {told}, would "
            f"gain {gain:.8f}."
        )
    return (
        f"No more steps: the best one left, {told}, would gain {gain:.8f}, and once the score is "
        f"not above --min-gain-limit={options.min_gain_limit:g} a step has to gain "
        f"--min-gain={options.min_gain:g}."
    )


def held_lines(cluster: Cluster, options: BalanceOptions) -> Iterator[str]:
    """Instances that are not looked at, by reason."""
    held: dict[str, list[str]] = {}
    table = State(cluster).instances
    offline = {node.name for node in cluster.nodes if node.offline}
    for index, one in enumerate(cluster.instances):
        reason = ""
        if not one.primary:
            continue
        if not (table.mirrored[index] or table.external[index]):
            reason = f"the disk template {one.template.value} has no copy elsewhere"
        elif not one.movable:
            reason = "left out by the options"
        elif not one.auto_balance:
            reason = "auto_balance is off"
        elif options.evacuate and not {one.primary, one.secondary} & offline:
            reason = "on no offline node (--evac-mode)"
        if reason:
            held.setdefault(reason, []).append(cluster.short(one.name))
    for reason, names in held.items():
        count = f"{len(names)} instance{'' if len(names) == 1 else 's'}"
        yield f"Not moved: {count} ({shortened(names)}): {reason}."


def shortened(names: list[str]) -> str:
    """The first few, and how many more."""
    more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
    return ", ".join(names[:NAMES]) + more


def stuck_lines(cluster: Cluster, options: BalanceOptions, verbose: bool) -> Iterator[str]:
    """Instances that may be moved, and that no node takes."""
    state = State(cluster)
    stuck = stuck_instances(state, options)
    if not len(stuck):
        return
    yield f"{len(stuck)} instance{'' if len(stuck) == 1 else 's'} may be moved, but nothing takes:"
    for index in stuck[: None if verbose else TOLD].tolist():
        record = cluster.instances[index]
        left = frozenset((record.primary, record.secondary)) - {""}
        leaving = Leaving("secondary-only", left)
        found = new_places(cluster, index, leaving, strict=not options.ignore_soft_errors)
        if found.fits.any():
            name = cluster.short(record.name)
            yield f"  {name}: its own nodes refuse to run it, or to hold its copy, on the way."
        else:
            yield f"  {failure(found, 0)[0]}"
    if len(stuck) > TOLD and not verbose:
        yield f"  and {len(stuck) - TOLD} more"


def stuck_instances(state: State, options: BalanceOptions) -> Ints:
    """Those that are tried, without any move that is not refused."""
    table, count = state.instances, state.instances.count
    balanced = np.array([one.auto_balance for one in state.cluster.instances], dtype=bool)
    wanted: Flags = table.movable & balanced & (state.primary >= 0)
    if options.evacuate:
        off = ~state.nodes.online
        wanted &= off[state.primary] | ((state.secondary >= 0) & off[state.secondary])
    field = Field(state, strict=not options.ignore_soft_errors)
    moves = np.zeros(count, dtype=bool)
    mirrored = wanted & table.mirrored & (state.secondary >= 0)
    for kind in ALL_KINDS:
        mark_movable(field, kind, np.flatnonzero(mirrored & ~moves), moves)
    external = wanted & table.external & (state.secondary < 0)
    mark_movable(field, Kind.FAILOVER_TO, np.flatnonzero(external), moves)
    return np.flatnonzero((mirrored | external) & ~moves)


def mark_movable(field: Field, kind: Kind, instances: Ints, moves: Flags) -> None:
    """Mark those that have a move of the kind."""
    if not len(instances):
        return
    trial = Trial(field, kind, instances)
    if kind is Kind.FAILOVER:
        moves[instances] |= np.isfinite(trial.scores_here())
        return
    height = max(1, BATCH // len(trial.targets))
    for start in range(0, len(instances), height):
        part = slice(start, start + height)
        moves[instances[part]] |= np.isfinite(trial.scores(part)).any(axis=1)
