"""Tables in plain text: each column as wide as its widest cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal

# Any number with a point has fewer digits.
_EXACT = Context(prec=400, rounding=ROUND_HALF_EVEN)


def format_table(rows: Sequence[Sequence[str]], numeric: Sequence[bool]) -> list[str]:
    """
    Lines of cells with a space between them.

    @param rows: the titles are the first.
    @param numeric: of each column: whether it is set to the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        " ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        )
        for row in rows
    ]


def join_lists(default: Sequence[str], wanted: str) -> list[str]:
    """
    The fields that --print-nodes asks for: its list, or with a plus sign the usual ones and these;
    the usual ones when it is empty.
    """
    if not wanted:
        return list(default)
    if wanted.startswith("+"):
        return [*default, *wanted[1:].split(",")]
    return wanted.split(",")


def decimal(value: float, places: int, width: int = 0) -> str:
    """
    A number, rounded as Ganeti's tools do: half a digit to the even one.

    What is no number, or has no end, is told as they do, too.
    """
    if math.isfinite(value):
        exact = Decimal(repr(float(value)))
        return f"{exact.quantize(Decimal(1).scaleb(-places), context=_EXACT):{width}f}"
    text = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return text.rjust(width)
