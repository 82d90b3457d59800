"""One move of an instance, and the commands that make it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What is done; the value is how hbal writes it, with the target's name put in."""

    FAILOVER = "f"
    FAILOVER_TO = "fto"
    REPLACE_SECONDARY = "r"
    REPLACE_AND_FAILOVER = "rf"
    REPLACE_PRIMARY = "frf"
    FAILOVER_AND_REPLACE = "fr"


class Move(NamedTuple):
    """An instance's move; indexes of the cluster. C{target} is -1 for a failover."""

    instance: int
    kind: Kind
    target: int


class Step(NamedTuple):
    """A move that was chosen, with what it changes. Names are full."""

    number: int
    move: Move
    instance: str
    old_primary: str
    old_secondary: str
    """Empty: none."""
    new_primary: str
    new_secondary: str
    score: float
    """Of the cluster after it."""
    actions: tuple[str, ...]
    """("f", "r:node9", "f"), names full."""


def commands(step: Step) -> tuple[str, ...]:
    """The gnt-instance command lines, names as they are in the step."""


def jobs(step: Step) -> tuple[dict[str, object], ...]:
    """The opcodes of the step's job (without reason and priority)."""


def jobsets(steps: tuple[Step, ...]) -> tuple[tuple[Step, ...], ...]:
    """Steps that may run at the same time, in order: none touches another's nodes."""
