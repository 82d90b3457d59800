"""How far nodes are from taking an instance: each rule with what is needed and what is there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ganeti.htools.newcomer import Code, Newcomer
from ganeti.htools.tables import MEM, Floats


class Shortage(NamedTuple):
    """What one rule finds wrong on one node."""

    code: Code
    node: int
    needed: float
    there: float
    """What is there for it."""
    short_by: float
    """How much more would do."""

    @property
    def cost(self) -> float:
        """How much that is, compared with what is asked; what cannot be bought is dear."""
        if self.code in (Code.OFFLINE, Code.TAGS):
            return 100.0
        return self.short_by / max(self.needed, 1.0)


UNITS = {
    Code.MEMORY: "MiB of memory",
    Code.N1: "MiB of memory",
    Code.SOON: "MiB of memory",
    Code.DISK: "MiB of disk",
    Code.DISK_SOFT: "MiB of disk",
    Code.SPINDLES: "spindles",
    Code.SPINDLE_USE: "units of spindle use",
    Code.CPU: "virtual CPUs",
}


def primary_shortages(newcomer: Newcomer, node: int) -> list[Shortage]:
    """What keeps a node from running the instance, in the order of the rules."""
    limits, state = newcomer.limits, newcomer.state
    if not state.nodes.online[node]:
        return [Shortage(Code.OFFLINE, node, 0.0, 0.0, 0.0)]
    found = [less_than(Code.MEMORY, node, newcomer.memory, limits.memory)]
    found += disk_shortages(newcomer, node)
    if newcomer.field.strict:
        if newcomer.counted:
            found.append(less_than(Code.N1, node, newcomer.used, newcomer.field.margin))
        found.append(at_most(Code.CPU, node, newcomer.cpus, limits.cpus))
        if newcomer.conflicts()[node]:
            found.append(Shortage(Code.TAGS, node, 0.0, 0.0, 0.0))
        found.append(less_than(Code.SOON, node, newcomer.memory, limits.soft_memory))
    return [one for one in found if one is not None]


def secondary_shortages(newcomer: Newcomer, primary: int, node: int) -> list[Shortage]:
    """What keeps a node from holding the copy."""
    state = newcomer.state
    if not state.nodes.online[node]:
        return [Shortage(Code.OFFLINE, node, 0.0, 0.0, 0.0)]
    found = disk_shortages(newcomer, node)
    if newcomer.field.strict and newcomer.counted:
        free = state.resources[MEM, node]
        reserved = newcomer.reserved_pairs(np.array([primary]), np.array([node]))[0]
        if free <= reserved and not newcomer.field.failing[node]:
            found.append(Shortage(Code.N1, node, reserved, free, reserved - free + 1))
        elif newcomer.needed >= free:
            needed = newcomer.needed
            found.append(Shortage(Code.MEMORY, node, needed, free, needed - free + 1))
    return [one for one in found if one is not None]


def disk_shortages(newcomer: Newcomer, node: int) -> list[Shortage | None]:
    """Disk and spindles."""
    if not newcomer.disk:
        return []
    limits = newcomer.limits
    found = [
        less_than(Code.DISK, node, newcomer.disk, limits.disk),
        at_most(Code.SPINDLES, node, newcomer.spindles, limits.free_spindles),
    ]
    if newcomer.field.strict:
        if found[0] is None:
            found.append(less_than(Code.DISK_SOFT, node, newcomer.disk, limits.soft_disk))
        found.append(at_most(Code.SPINDLE_USE, node, newcomer.spindle_use, limits.spindles))
    return found


def less_than(code: Code, node: int, needed: float, limits: Floats) -> Shortage | None:
    """A rule that leaves something over."""
    limit = float(limits[node])
    if needed < limit:
        return None
    return Shortage(code, node, needed, limit, needed - limit + 1)


def at_most(code: Code, node: int, needed: float, limits: Floats) -> Shortage | None:
    """A rule that may use up everything."""
    limit = float(limits[node])
    return None if needed <= limit else Shortage(code, node, needed, limit, needed - limit)


def words(shortage: Shortage, name: str) -> str:
    """The rule that fails, for an admin."""
    needed, there = f"{shortage.needed:.0f}", f"{max(shortage.there, 0):.0f}"
    match shortage.code:
        case Code.OFFLINE:
            return f"{name} is offline or drained"
        case Code.TAGS:
            return f"{name} has an instance with the same exclusion tag"
        case Code.N1:
            return (
                f"{name} would fail N+1: it needs more than {needed} MiB of memory besides what "
                f"it has to keep free for other nodes' instances, and has {there}"
            )
        case Code.CPU:
            return f"{name}: needs {needed} virtual CPUs, the policy's ratio leaves {there}"
        case Code.SPINDLE_USE:
            return f"{name}: needs {needed} of spindle use, the policy's ratio leaves {there}"
        case Code.SOON:
            return (
                f"{name}: needs {needed} MiB of memory, forthcoming and stopped instances "
                f"leave {there}"
            )
        case code:
            return f"{name}: needs {needed} {UNITS[code]}, has {there}"
