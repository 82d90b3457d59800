"""Scores as they are printed, so that those of equal numbers are equal to the last digit."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

_EIGHT = Decimal("1.00000000")


def eight(value: float) -> str:
    """
    A number with eight decimals.

    Ganeti's tools round the shortest decimal number that stands for it, and 5 upwards; C{%.8f}
    rounds the binary one.
    """
    return f"{Decimal(repr(value)).quantize(_EIGHT, ROUND_HALF_UP):f}"
