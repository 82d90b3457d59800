"""
The best pair of nodes when many nodes are alike, as on a cluster that is being filled.

Nodes with the same numbers make the same scores, so one pair stands for all pairs of their
kinds, but for pairs that share memory reserved already: those are looked at one by one. The
answer is that of looking at all pairs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ganeti.htools.newcomer import Code, Codes, Newcomer
from ganeti.htools.tables import Floats, Ints

EQUAL = 1e-11


class Pair(NamedTuple):
    """Two nodes and the score with them."""

    score: float
    primary: int
    secondary: int


class Kinds(NamedTuple):
    """Which nodes are alike."""

    of: Ints
    """By node."""
    size: Ints
    """By kind."""
    example: Ints
    """By kind: one node."""


def kinds_of(newcomer: Newcomer, first: Codes, second: Codes) -> Kinds:
    """Put together the nodes with the same numbers."""
    state, field = newcomer.state, newcomer.field
    nodes = state.nodes
    numbers = np.vstack(
        [
            state.resources,
            state.reserved,
            state.primaries + state.secondaries,
            nodes.inverse[:: len(nodes.inverse) - 1],
            nodes.memory,
            nodes.disk,
            nodes.cpus,
            nodes.max_cpus,
            nodes.group,
            field.failing,
            first,
            second,
        ]
    )
    number = {column: index for index, column in enumerate(dict.fromkeys(columns(numbers)))}
    of = np.array([number[column] for column in columns(numbers)], dtype=np.intp)
    example = np.zeros(len(number), dtype=np.intp)
    example[of] = np.arange(len(of))
    return Kinds(of, np.bincount(of), example)


def columns(numbers: Floats) -> list[bytes]:
    """Each column's bytes."""
    packed = np.ascontiguousarray(numbers.T)
    width = packed.shape[1] * packed.itemsize
    whole = packed.tobytes()
    return [whole[at : at + width] for at in range(0, len(whole), width)]


def best_pair(newcomer: Newcomer, kinds: Kinds, first: Codes, second: Codes) -> Pair | None:
    """The pair with the lowest score; of equal ones the last."""
    state = newcomer.state
    one, two = np.nonzero(state.peers_of)
    related = (one, two)
    good = (first[related[0]] == Code.FITS) & (second[related[1]] == Code.FITS)
    one, two = related[0][good], related[1][good]
    singles = checked_scores(newcomer, one, two)
    by_kind = kind_scores(newcomer, kinds, first, second, related)
    lowest = min(singles.min(initial=np.inf), by_kind.min(initial=np.inf))
    if not np.isfinite(lowest):
        return None
    limit = lowest + EQUAL
    found = [(int(one[i]), int(two[i])) for i in np.flatnonzero(singles <= limit)]
    for a, b in zip(*np.nonzero(by_kind <= limit), strict=True):
        found.append(last_unrelated(newcomer, kinds, int(a), int(b)))
    return Pair(float(lowest), *max(found))


def checked_scores(newcomer: Newcomer, primary: Ints, secondary: Ints) -> Floats:
    """By pair of the lists: the score; infinite where the secondary would fail N+1."""
    scores = newcomer.pair_scores(primary, secondary)
    if newcomer.field.strict and newcomer.counted:
        scores[newcomer.pair_n1(primary, secondary)] = np.inf
    return scores


def kind_scores(
    newcomer: Newcomer, kinds: Kinds, first: Codes, second: Codes, related: tuple[Ints, Ints]
) -> Floats:
    """[kind, kind]: the score of a pair of them that shares nothing yet; infinite: none is."""
    count = len(kinds.size)
    free = np.outer(kinds.size, kinds.size) - np.diag(kinds.size)
    taken = np.bincount(kinds.of[related[0]] * count + kinds.of[related[1]], minlength=count**2)
    group = newcomer.state.nodes.group[kinds.example]
    usable = (free - taken.reshape(count, count) > 0) & (group[:, None] == group)
    usable &= (first[kinds.example] == Code.FITS)[:, None]
    usable &= second[kinds.example] == Code.FITS
    scores = np.full((count, count), np.inf)
    a, b = np.nonzero(usable)
    nodes = kinds.example
    scores[a, b] = unrelated_scores(newcomer, nodes[a], nodes[b])
    return scores


def unrelated_scores(newcomer: Newcomer, primary: Ints, secondary: Ints) -> Floats:
    """As L{checked_scores}, as if nothing were reserved between the two."""
    kept = newcomer.state.peers_of[primary, secondary]
    newcomer.state.peers_of[primary, secondary] = 0.0
    scores = checked_scores(newcomer, primary, secondary)
    newcomer.state.peers_of[primary, secondary] = kept
    return scores


def last_unrelated(newcomer: Newcomer, kinds: Kinds, a: int, b: int) -> tuple[int, int]:
    """The last pair of these kinds that shares nothing."""
    state = newcomer.state
    second = kinds.of == b
    for primary in np.flatnonzero(kinds.of == a)[::-1]:
        there = second & (state.peers_of[primary] == 0.0)
        there[primary] = False
        if there.any():
            return int(primary), int(np.flatnonzero(there)[-1])
    raise AssertionError("there is such a pair")
