"""Candidates as lines for people to read."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from itertools import groupby

from ganeti.htools.candidates import Candidate
from ganeti.htools.score import Metric

# Terms that differ by less look the same.
TELLING = 5e-5
WIDTH = 100
NAMES = 3


def candidate_lines(candidates: Iterable[Candidate], *, together: bool) -> list[str]:
    """
    The scores with their terms, or what is wrong and what would help.

    @param together: those with the same thing wrong have one line.
    """
    lines: list[str] = []
    best: tuple[Metric, ...] = ()
    for _key, same in groupby(candidates, key=(lambda one: one.alike()) if together else id):
        several = list(same)
        first = several[0]
        names = ["/".join(one.nodes) for one in several]
        more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
        told = f"{', '.join(names[:NAMES])}{more}"
        if first.score is None:
            lines.append(f"  {told}: no, {first.constraint}")
            lines += [f"    to fit: {first.remedy}"] if first.remedy else []
        else:
            lines.append(f"  {told}: score {first.score:.8f}")
            lines += wrapped(term_words(first.terms, best))
        best = best or first.terms
    return lines


def wrapped(words: Iterator[str]) -> list[str]:
    """Many words as lines below another one."""
    text = ", ".join(word.replace(" ", "\0") for word in words)
    found = textwrap.wrap(text, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return [line.replace("\0", " ") for line in found]


def term_words(terms: tuple[Metric, ...], best: tuple[Metric, ...]) -> Iterator[str]:
    """The terms of the best; of all others, what is different from it."""
    amounts = {one.name: one.weight * one.value for one in terms}
    for other in best if terms else ():
        amounts[other.name] -= other.weight * other.value
    for name, amount in joined(amounts).items():
        if abs(amount) >= TELLING:
            yield f"{name} {amount:+.4f}" if best else f"{name} {amount:.4f}"


def joined(amounts: dict[str, float]) -> dict[str, float]:
    """Metrics together with those that count forthcoming instances, too."""
    return {
        f"{name}(+forth)" if f"{name}_forth" in amounts else name: amount
        + amounts.get(f"{name}_forth", 0.0)
        for name, amount in amounts.items()
        if not name.endswith("_forth")
    }
