"""The comparison with the recorded runs, summed up as the page doc/compatibility.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from support import outputs, recorded
from support.differences import BEYOND, DIFFERENT
from support.recorded import Record

PAGE = Path(__file__).resolve().parents[2] / "doc" / "compatibility.md"

_INTRODUCTION = """\
# What the commands print, and what Ganeti's print

This page is made by `.venv/bin/python test/compat/compatibility.py --write`; a test fails when
it is out of date.

Ganeti 3.0.2 was run {all} times on a virtual cluster, and what each command printed was kept
(`test/compat/interface/outputs/`). The tests run each command that exists here again, against a
master daemon that answers what the original's must have answered. It must print the same bytes on
standard output, on standard error and at the terminal, and end with the same status. Only the
release, the folder of the cluster and measured durations are put in for those of the record.
{cut} of the records that are the same were shortened when they were kept, and are compared as far
as they go. Those of refused requests, settings, tags, groups, lists and additions are run once
more with real daemons (`test/integration/test_recorded_runs.py`), where what the master daemon
answers is ours, too.

**{same} are the same, {different} differ** for the reasons below, {unbuilt} are of commands that
are not built yet.
"""


class Outcome(StrEnum):
    """What became of a record."""

    SAME = "same"
    DIFFERENT = "different"
    UNBUILT = "not built"


def expected(record: Record) -> Outcome:
    """What the comparison must find, as the table of differences says."""
    if not outputs.is_built(record):
        return Outcome.UNBUILT
    return Outcome.DIFFERENT if record.key in DIFFERENT else Outcome.SAME


def all_records() -> list[Record]:
    """Of all programs."""
    return [record for program in outputs.PROGRAMS for record in recorded.load(program)]


def page(found: Mapping[tuple[str, int], Outcome]) -> str:
    """The whole page."""
    records = all_records()
    counts = Counter(found[record.key] for record in records)
    cut = sum(outputs.is_cut(r) for r in records if found[r.key] is Outcome.SAME)
    parts = [
        _INTRODUCTION.format(
            all=len(records),
            cut=cut,
            same=counts[Outcome.SAME],
            different=counts[Outcome.DIFFERENT],
            unbuilt=counts[Outcome.UNBUILT],
        ),
        "## In figures\n",
        *_figures(records, found),
        "\n## Where they differ, and why\n",
        *_reasons(records, found),
        "\n## What no record shows\n",
        *(f"- {text}" for text in BEYOND),
    ]
    return "\n".join(parts) + "\n"


def _figures(records: Sequence[Record], found: Mapping[tuple[str, int], Outcome]) -> Iterable[str]:
    """A row for each program and each of its sub-commands."""
    yield "| command | records | same | different | not built |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    rows: dict[tuple[str, str], Counter[str]] = {}
    for record in records:
        for name in (None, outputs.subcommand(record)):
            title = "" if name is None else name or "*by itself*"
            row = rows.setdefault((record.program, title), Counter())
            row[found[record.key]] += 1
    for (program, title), row in sorted(rows.items()):
        shown = f"{program} {title}" if title else f"**{program}**"
        yield f"| {shown} | {row.total()} | " + " | ".join(_count(row[o]) for o in Outcome) + " |"


def _count(number: int) -> str:
    return str(number or "")


def _reasons(records: Sequence[Record], found: Mapping[tuple[str, int], Outcome]) -> Iterable[str]:
    """The command lines behind each reason."""
    yield "| why | command lines |"
    yield "| --- | --- |"
    reasons: dict[str, list[str]] = {}
    for record in records:
        if found[record.key] is Outcome.DIFFERENT:
            reason = DIFFERENT.get(record.key, "**not known**")
            reasons.setdefault(reason, []).append(f"`{_typed(record)}`")
    for reason, lines in sorted(reasons.items()):
        yield f"| {reason} | {', '.join(dict.fromkeys(lines))} |"


def _typed(record: Record) -> str:
    words = (word if word and " " not in word else f"'{word}'" for word in record.argv)
    return " ".join(words)
