"""
The places a new instance may have: nodes, or pairs of them, and what speaks against each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

from ganeti.htools.failures import Failure
from ganeti.htools.newcomer import Code, Codes, Newcomer
from ganeti.htools.tables import Floats, Ints

# So many pairs are scored at once.
BATCH = 1 << 16
EQUAL = 1e-11

FAILURES: Mapping[Code, Failure] = {
    Code.MEMORY: Failure.MEMORY,
    Code.DISK: Failure.DISK,
    Code.DISK_SOFT: Failure.DISK,
    Code.SPINDLES: Failure.SPINDLES,
    Code.SPINDLE_USE: Failure.DISK,
    Code.N1: Failure.MEMORY,
    Code.CPU: Failure.CPU,
    Code.TAGS: Failure.TAGS,
    Code.SOON: Failure.MEMORY,
    Code.MIGRATION: Failure.MIGRATION,
}


def pair_at(nodes: Ints, where: int) -> tuple[int, int]:
    first, second = divmod(where, len(nodes))
    return int(nodes[first]), int(nodes[second])


def by_score(scores: Floats) -> Iterator[tuple[float, int]]:
    """The finite scores, lowest first, with their places; of equal ones the last first."""
    flat = scores.ravel()
    order: list[int] = []
    best = int(flat.argmin()) if flat.size else 0
    if not flat.size or not np.isfinite(flat[best]):
        return
    equal = np.flatnonzero(flat <= flat[best] + EQUAL)
    yield float(flat[best]), int(equal[-1])
    order = [int(i) for i in np.argsort(flat, kind="stable") if np.isfinite(flat[i])]
    for where in order:
        if where != int(equal[-1]):
            yield float(flat[where]), where


def single_scores(newcomer: Newcomer, nodes: Ints) -> tuple[Floats, Counter[Failure]]:
    """By node its score, infinite where it does not do; and why not."""
    codes = newcomer.primary_codes()[nodes]
    scores = np.where(codes == Code.FITS, newcomer.scores()[nodes], np.inf)
    return scores, count_failures(codes, 1)


def pair_scores(newcomer: Newcomer, nodes: Ints) -> tuple[Floats, Counter[Failure]]:
    """[primary, secondary] the same for pairs."""
    scores = np.full((len(nodes), len(nodes)), np.inf)
    failures: Counter[Failure] = Counter()
    for part, codes in pair_codes(newcomer, nodes, failures):
        here = newcomer.pair_scores(nodes[part, None], nodes)
        scores[part] = np.where(codes == Code.FITS, here, np.inf)
    return scores, failures


def pair_codes(
    newcomer: Newcomer, nodes: Ints, failures: Counter[Failure]
) -> Iterator[tuple[slice, Codes]]:
    """[primary, secondary] why a pair does not do, some rows at a time; failures are counted."""
    first, second = newcomer.primary_codes()[nodes], newcomer.secondary_codes()[nodes]
    failures.update(count_failures(first, len(nodes) - 1))
    height = max(1, BATCH // len(nodes))
    for start in range(0, len(nodes), height):
        part = slice(start, start + height)
        good = first[part] == Code.FITS
        codes = np.where(good[:, None], second, np.int8(Code.OFFLINE))
        if newcomer.counted:
            failing = newcomer.pair_n1(nodes[part, None], nodes)
            codes = np.where((codes == Code.FITS) & failing, np.int8(Code.N1), codes)
        own = np.arange(codes.shape[0])
        codes[own, own + start] = Code.OFFLINE
        failures.update(count_failures(codes[good], 1))
        yield part, codes


def count_failures(codes: Codes, times: int) -> Counter[Failure]:
    """How often each failure is there."""
    counts: Counter[Failure] = Counter()
    found = np.bincount(codes.ravel(), minlength=len(Code))
    for code, failure in FAILURES.items():
        if found[code]:
            counts[failure] += int(found[code]) * times
    return counts
