"""Where an instance that is moved could go: what refuses it there, and the score with it there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from ganeti.htools.failures import Failure
from ganeti.htools.field import Field
from ganeti.htools.newcomer import Code, Codes, Newcomer
from ganeti.htools.places import EQUAL, FAILURES
from ganeti.htools.state import State
from ganeti.htools.tables import Floats, Ints

# By which an instance moves to a pair of nodes.
STEPS = (
    "Failing over to the secondary",
    "Changing secondary to new primary",
    "Failing over to new primary",
    "Changing secondary to final secondary",
)


@dataclass(frozen=True, eq=False, slots=True)
class Openings:
    """By node that was looked at; with two nodes by pair of them, row by row."""

    nodes: Ints
    codes: Codes
    scores: Floats
    steps: tuple[int, ...] = ()
    """For pairs: which of L{STEPS} is refused."""

    def best(self) -> int | None:
        """The place with the lowest score; of equal ones the last."""
        scores = np.where(self.codes == Code.FITS, self.scores, np.inf)
        if not len(scores) or not np.isfinite(scores.min()):
            return None
        return int(np.flatnonzero(scores <= scores.min() + EQUAL)[-1])

    def failures(self) -> Counter[Failure]:
        """How many places are refused for what."""
        return Counter(FAILURES[Code(code)] for code in self.codes if code in FAILURES)

    def refusals(self, names: list[str]) -> str:
        """All of them, as hail tells it."""
        told = [
            f" Node {names[node]} failed: {FAILURES[Code(code)].value};"
            for node, code in zip(self.nodes.tolist(), self.codes.tolist(), strict=True)
            if code not in (Code.FITS, Code.OFFLINE)
        ]
        return "Can't find any good node: " + "".join(told)

    def refusal(self) -> str:
        """What refuses the last pair; empty: there is none."""
        refused = np.flatnonzero(self.codes != Code.OFFLINE)
        if not len(refused):
            return ""
        last = int(refused[-1])
        failure = FAILURES[Code(self.codes[last])].value
        return f"Allocation failed: {STEPS[self.steps[last]]}: {failure}"


@contextmanager
def lifted(state: State, instance: int, *, strict: bool) -> Iterator[Newcomer]:
    """The instance as if it were new: it is on no node inside."""
    old = int(state.primary[instance]), int(state.secondary[instance])
    state.place(instance, -1, -1)
    try:
        yield Newcomer(Field(state, strict=strict), instance)
    finally:
        state.place(instance, *old)


def single_openings(state: State, instance: int, nodes: Ints, *, strict: bool) -> Openings:
    """The nodes that could run it instead of its own one."""
    old = int(state.primary[instance])
    with lifted(state, instance, strict=strict) as newcomer:
        codes = migratable(state, old, newcomer.primary_codes())
        return Openings(nodes, codes[nodes], newcomer.scores()[nodes])


def secondary_openings(state: State, instance: int, nodes: Ints, *, strict: bool) -> Openings:
    """The nodes that could be its secondary one; none, when its primary one has no memory."""
    primary, old = np.array([int(state.primary[instance])]), int(state.secondary[instance])
    forced = old >= 0 and not state.nodes.online[old]
    with lifted(state, instance, strict=strict) as newcomer:
        codes = copies(newcomer, primary, forced=forced)[nodes]
        if not forced and newcomer.memory >= newcomer.limits.memory[primary[0]]:
            codes[codes == Code.FITS] = Code.MEMORY
        return Openings(nodes, codes, newcomer.pair_scores(primary, nodes))


def failover_code(state: State, instance: int, *, strict: bool) -> Code:
    """What refuses it on its secondary node when the two change places."""
    old, target = int(state.primary[instance]), int(state.secondary[instance])
    with lifted(state, instance, strict=strict) as newcomer:
        code = int(migratable(state, old, newcomer.primary_codes())[target])
        if code == Code.OFFLINE:
            # It may only be drained: then it has memory.
            full = newcomer.memory >= newcomer.limits.memory[target]
            return Code.MEMORY if full else Code.FITS
        if code == Code.FITS and state.nodes.online[old]:
            code = int(copies(newcomer, np.array([target]))[old])
        return Code(code)


def pair_openings(state: State, instance: int, nodes: Ints, *, strict: bool) -> Openings:
    """The pairs it could move to; from an offline primary node it goes to its secondary first."""
    own, copy = int(state.primary[instance]), int(state.secondary[instance])
    start, count = own if state.nodes.online[own] else copy, len(nodes)
    with lifted(state, instance, strict=strict) as newcomer:
        refused = [copies(newcomer, np.array([start])), newcomer.primary_codes()]
        refused[1] = migratable(state, start, refused[1])
        if start != own:
            away = migratable(state, own, np.zeros_like(refused[1]))[start]
            refused.insert(0, np.full_like(refused[1], away))
        last = np.broadcast_to(newcomer.secondary_codes()[nodes], (count, count)).copy()
        if newcomer.counted:
            last[(last == Code.FITS) & newcomer.pair_n1(nodes[:, None], nodes)] = Code.N1
        scores = newcomer.pair_scores(nodes[:, None], nodes)
    first = np.stack(refused)[:, nodes]
    step = (first != Code.FITS).argmax(axis=0)
    met = (first == Code.FITS).all(axis=0)
    codes = np.where(met[:, None], last, first[step, np.arange(count)][:, None])
    codes[np.arange(count), np.arange(count)] = Code.OFFLINE
    steps = np.where(met, len(STEPS) - 1, step + len(STEPS) - 1 - len(refused))
    return Openings(
        np.repeat(nodes, count), codes.ravel(), scores.ravel(), tuple(np.repeat(steps, count))
    )


def copies(newcomer: Newcomer, primary: Ints, *, forced: bool = False) -> Codes:
    """By node: what refuses the copy of an instance that is on C{primary}."""
    codes = newcomer.secondary_codes(forced=forced)
    if newcomer.counted and not forced:
        everywhere = np.arange(len(codes))
        codes[(codes == Code.FITS) & newcomer.pair_n1(primary, everywhere)] = Code.N1
    codes[primary] = Code.OFFLINE
    return codes


def migratable(state: State, old: int, codes: Codes) -> Codes:
    """The codes, but for nodes that it cannot be migrated to."""
    allowed = state.tags.migration
    return codes if allowed is None else np.where(allowed[old], codes, np.int8(Code.MIGRATION))
