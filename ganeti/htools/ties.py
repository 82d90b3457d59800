"""
Which of the moves with equal scores is made: the one whose score rounding makes the lowest.

That is the one the original makes, as far as it was watched: it divides by what a node has, adds up
from the first node to the last, and takes the root of the mean square of the differences.
"""

from __future__ import annotations

import numpy as np

from ganeti.htools.field import Field
from ganeti.htools.measures import SPREADS, WEIGHTS
from ganeti.htools.moves import Move, placed
from ganeti.htools.state import State
from ganeti.htools.tables import MEM, Floats

# So many pairs of moves and nodes are computed; where there are more, the first move is made.
PAIRS = 1 << 11
MANY = 64


def lowest(field: Field, moves: list[Move]) -> Move:
    """Of moves with equal scores, in their order and L{computable}, the one that is made."""
    return moves[int(scores(field, moves).argmin())]


def computable(field: Field, count: int) -> bool:
    """Whether so many moves are compared: where neither tags nor nodes that may not fail count."""
    few, tags = count <= MANY and count * field.state.nodes.count <= PAIRS, field.state.tags
    plain = tags.exclusion is None and tags.shared is None and tags.desired is None
    return few and plain and field.strict and field.values["n1_cnt"] == 0.0


def scores(field: Field, moves: list[Move]) -> Floats:
    """By move: the score after it, added up as the original does."""
    state, terms = field.state, offline_counts(field, moves)
    now = ratios(state.resources, state.reserved, state.nodes.whole)
    values = np.repeat(now[None], len(moves), axis=0)
    for after, move in zip(values, moves, strict=True):
        change(state, after, move)
    sums, deviations = spread(values[:, :, state.nodes.online])
    terms.update(zip((*SPREADS, "reserved_mem_cv"), deviations.T, strict=True))
    terms["reserved_mem_rtotal"] = sums[:, -1]
    total = np.zeros(len(moves))
    for name, weight in WEIGHTS.items():
        if name in terms:
            total += weight * terms[name]
    return total


def offline_counts(field: Field, moves: list[Move]) -> dict[str, Floats]:
    """By move: the metrics that count instances on offline nodes, after it."""
    state, places = field.state, np.array([nodes_of(field.state, move) for move in moves])
    offline = np.append(~state.nodes.online, False).astype(np.float64)
    counted = state.instances.counted[[move.instance for move in moves]]
    first, second, new_first, new_second = offline[places].T * counted
    own, copies = new_first - first, new_second - second
    return {
        "offline_all_cnt": field.values["offline_all_cnt"] + own + copies,
        "offline_pri_cnt": field.values["offline_pri_cnt"] + own,
    }


def nodes_of(state: State, move: Move) -> tuple[int, int, int, int]:
    """Primary and secondary node, before and after it; -1: none."""
    before = int(state.primary[move.instance]), int(state.secondary[move.instance])
    return (*before, *placed(move.kind, *before, move.target))


def change(state: State, values: Floats, move: Move) -> None:
    """Make C{values}, [metric, node], those after a move."""
    table, instance = state.instances, move.instance
    places = nodes_of(state, move)
    nodes = np.array(sorted({node for node in places if node >= 0}))
    index = {int(node): place for place, node in enumerate(nodes)}
    resources, peers = state.resources[:, nodes], state.peers[nodes]
    for sign, (first, second) in ((-1.0, places[:2]), (1.0, places[2:])):
        resources[:, index[first]] += sign * table.as_primary[:, instance]
        if second >= 0:
            resources[:, index[second]] += sign * table.as_secondary[:, instance]
            peers[index[second], first] += sign * table.reserved[instance]
    reserved = peers.max(axis=1)
    values[:, nodes] = ratios(resources, reserved, state.nodes.whole[:, nodes])


def ratios(resources: Floats, reserved: Floats, whole: Floats) -> Floats:
    """[metric, node]: what is compared between nodes; at last reserved memory."""
    parts = resources / whole
    rows = [parts[list(rows)].sum(axis=0) for rows in SPREADS.values()]
    return np.stack([*rows, reserved / whole[MEM]])


def spread(values: Floats) -> tuple[Floats, Floats]:
    """[move, metric]: sums and standard deviations of C{values}, [move, metric, node]."""
    count = values.shape[2]
    sums = np.add.accumulate(values, axis=2)[:, :, -1]
    off = values - (sums / count)[:, :, None]
    squares = np.add.accumulate(off * off, axis=2)[:, :, -1]
    return sums, np.sqrt(squares / count)
