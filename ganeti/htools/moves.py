"""One move of an instance, and the commands that make it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What is done: failover or migration (f, fa) and replacement of a disk (r), in this order."""

    FAILOVER = "f"
    FAILOVER_TO = "fa:"
    REPLACE_SECONDARY = "r:"
    REPLACE_AND_FAILOVER = "r: f"
    REPLACE_PRIMARY = "f r: f"
    FAILOVER_AND_REPLACE = "f r:"


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


def placed(kind: Kind, primary: int, secondary: int, target: int) -> tuple[int, int]:
    """The nodes after a move."""
    match kind:
        case Kind.FAILOVER:
            return secondary, primary
        case Kind.FAILOVER_TO:
            return target, secondary
        case Kind.REPLACE_SECONDARY:
            return primary, target
        case Kind.REPLACE_AND_FAILOVER:
            return target, primary
        case Kind.REPLACE_PRIMARY:
            return target, secondary
        case Kind.FAILOVER_AND_REPLACE:
            return secondary, target


def actions(kind: Kind, target: str) -> tuple[str, ...]:
    """How a step shows the move."""
    return tuple(part + target if part.endswith(":") else part for part in kind.split())


def touched(step: Step) -> frozenset[str]:
    """The nodes that a step works on."""
    names = (step.old_primary, step.old_secondary, step.new_primary, step.new_secondary)
    return frozenset(name for name in names if name)


def commands(step: Step, *, runs: bool = True) -> tuple[str, ...]:
    """
    The gnt-instance command lines, names as they are in the step.

    @param runs: whether the instance runs; one that does not cannot be migrated.
    """
    verb = "migrate" if runs else "failover"
    return tuple(command(action, step.instance, verb) for action in step.actions)


def command(action: str, instance: str, verb: str) -> str:
    """One action as a command line; C{verb} is the sub-command that changes the primary node."""
    kind, _colon, target = action.partition(":")
    if kind == "r":
        return f"gnt-instance replace-disks -n {target} {instance}"
    if target:
        return f"gnt-instance {verb} -f -n {target} {instance}"
    return f"gnt-instance {verb} -f {instance}"


def jobs(step: Step) -> tuple[dict[str, object], ...]:
    """The opcodes of the step's job (without reason and priority)."""
    return tuple(opcode(action, step.instance) for action in step.actions)


def opcode(action: str, instance: str) -> dict[str, object]:
    """One action as an opcode."""
    verb, _colon, target = action.partition(":")
    if verb == "r":
        return {
            "OP_ID": "OP_INSTANCE_REPLACE_DISKS",
            "instance_name": instance,
            "early_release": False,
            "ignore_ipolicy": False,
            "mode": "replace_new_secondary",
            "disks": [],
            "remote_node": target,
        }
    migrate: dict[str, object] = {
        "OP_ID": "OP_INSTANCE_MIGRATE",
        "instance_name": instance,
        "allow_runtime_changes": False,
        "ignore_ipolicy": False,
        "cleanup": False,
        "allow_failover": True,
        "ignore_hvversions": True,
    }
    return migrate | ({"target_node": target} if target else {})


def jobsets(steps: tuple[Step, ...]) -> tuple[tuple[Step, ...], ...]:
    """
    Steps that may run at the same time, in order: none touches another's nodes.

    Put together from the last step on, as the original does.
    """
    sets: list[list[Step]] = []
    busy: set[str] = set()
    for step in reversed(steps):
        if not sets or busy & touched(step):
            sets.append([])
            busy = set()
        sets[-1].append(step)
        busy |= touched(step)
    return tuple(tuple(reversed(each)) for each in reversed(sets))
