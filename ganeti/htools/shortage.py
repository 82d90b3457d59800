"""How far nodes are from taking an instance: each rule with what is needed and what is there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ganeti.htools.newcomer import Code, Newcomer
from ganeti.htools.tables import CPU, DISK, MEM, SPIN, Flags, Floats, Ints


class Rule(NamedTuple):
    """One rule, looked at for all nodes, or for all pairs of a list."""

    code: Code
    needed: Floats
    there: Floats
    short: Floats
    """How much more has to be there; 0: the rule is kept."""


class Shortage(NamedTuple):
    """What one rule finds wrong on one node."""

    code: Code
    node: int
    needed: float
    there: float
    short_by: float
    second: bool
    """The node would hold the copy."""


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


def primary_rules(newcomer: Newcomer) -> list[Rule]:
    """By node: what it needs to run the instance, in the order of L{Newcomer.primary_codes}."""
    field, limits, state = newcomer.field, newcomer.limits, newcomer.state
    rules = [offline_rule(newcomer), less_than(Code.MEMORY, newcomer.memory, limits.memory)]
    rules += disk_rules(newcomer)
    if field.strict and newcomer.counted:
        rules += disk_rules_now(newcomer)
        rules.append(less_than(Code.N1, newcomer.used, field.margin))
        left = state.nodes.max_cpus - state.resources[CPU]
        rules.append(at_most(Code.CPU, newcomer.cpus, left))
        rules.append(flag(Code.TAGS, newcomer.conflicts()))
    if field.strict:
        rules.append(less_than(Code.SOON, newcomer.memory, limits.soft_memory))
        rules += disk_rules_soon(newcomer)
        rules.append(at_most(Code.CPU, newcomer.cpus, limits.cpus))
    return rules


def secondary_rules(newcomer: Newcomer) -> list[Rule]:
    """By node: what it needs to hold the copy, in the order of L{Newcomer.secondary_codes}."""
    rules = [offline_rule(newcomer), *disk_rules(newcomer)]
    if newcomer.counted:
        rules += disk_rules_now(newcomer)
        free = newcomer.state.resources[MEM]
        rules.append(less_than(Code.MEMORY, newcomer.needed, free))
    rules += disk_rules_soon(newcomer)
    rules.append(less_than(Code.SOON, newcomer.memory, newcomer.limits.soft_memory))
    return rules


def reserve_rule(newcomer: Newcomer, primary: Ints, secondary: Ints) -> Rule:
    """By pair: the memory that the secondary has to keep free for when the primary fails."""
    needed = newcomer.reserved_pairs(primary, secondary)
    free = newcomer.state.resources[MEM, secondary]
    if not newcomer.counted:
        return Rule(Code.N1, needed, free, np.zeros(len(free)))
    refused = newcomer.pair_n1(primary, secondary)
    return Rule(Code.N1, needed, free, np.where(refused, missing(needed, free), 0.0))


def migration_rules(newcomer: Newcomer, old: int) -> list[Rule]:
    """By node: whether what runs on C{old} can be migrated there; -1: it runs nowhere."""
    allowed = newcomer.state.tags.migration
    return [] if old < 0 or allowed is None else [flag(Code.MIGRATION, ~allowed[old])]


def offline_rule(newcomer: Newcomer) -> Rule:
    """Nodes that are not there."""
    return flag(Code.OFFLINE, ~newcomer.state.nodes.online)


def disk_rules(newcomer: Newcomer) -> list[Rule]:
    """Disk and spindles that are there."""
    limits, local = newcomer.limits, newcomer.disk > 0
    return [
        less_than(Code.DISK, newcomer.disk, limits.disk, local),
        at_most(Code.SPINDLES, newcomer.spindles, limits.free_spindles, local),
    ]


def disk_rules_now(newcomer: Newcomer) -> list[Rule]:
    """What has to be left of what there is now."""
    state, local = newcomer.state, newcomer.disk > 0
    nodes = state.nodes
    disk = state.resources[DISK] - nodes.min_disk
    spindles = np.where(nodes.exclusive, np.inf, nodes.max_spindles - state.resources[SPIN])
    return [
        at_most(Code.DISK_SOFT, newcomer.disk, disk, local),
        at_most(Code.SPINDLE_USE, newcomer.spindle_use, spindles, local),
    ]


def disk_rules_soon(newcomer: Newcomer) -> list[Rule]:
    """The same when all that is to come is there."""
    limits, local = newcomer.limits, newcomer.disk > 0
    return [
        less_than(Code.DISK_SOFT, newcomer.disk, limits.soft_disk, local),
        at_most(Code.SPINDLES, newcomer.spindles, limits.soft_free_spindles, local),
        at_most(Code.SPINDLE_USE, newcomer.spindle_use, limits.spindles, local),
    ]


def less_than(code: Code, needed: float, there: Floats, holds: bool = True) -> Rule:
    """A rule that leaves something over."""
    asked = np.full(len(there), needed)
    return Rule(code, asked, there, missing(asked, there) * holds)


def at_most(code: Code, needed: float, there: Floats, holds: bool = True) -> Rule:
    """A rule that may use up everything."""
    asked = np.full(len(there), needed)
    return Rule(code, asked, there, np.maximum(asked - there, 0.0) * holds)


def flag(code: Code, refused: Flags) -> Rule:
    """A rule without amounts."""
    none = np.zeros(len(refused))
    return Rule(code, none, none, refused.astype(np.float64))


def missing(needed: Floats | float, there: Floats) -> Floats:
    """The whole MiB that have to come so that more is there than is needed."""
    return np.maximum(np.floor(needed - there) + 1.0, 0.0)


def at_node(rules: list[Rule], index: int, node: int, second: bool) -> list[Shortage]:
    """What the rules find wrong on a node; C{index} is where they tell of it."""
    return [
        Shortage(
            rule.code,
            node,
            float(rule.needed[index]),
            float(rule.there[index]),
            float(rule.short[index]),
            second,
        )
        for rule in rules
        if rule.short[index] > 0
    ]


def words(shortage: Shortage, name: str) -> str:
    """The rule that fails, for an admin, with the numbers."""
    needed, there = number(shortage.needed), number(shortage.there)
    short = f"{number(shortage.short_by)} short"
    match shortage.code:
        case Code.OFFLINE:
            return f"{name} is offline, drained or cannot have instances"
        case Code.MIGRATION:
            return f"{name} takes no instances from the node it is on (migration tags)"
        case Code.TAGS:
            return f"{name} runs an instance with the same exclusion tag"
        case Code.N1 if shortage.second:
            return (
                f"{name} would have to keep {needed} MiB of memory free for the case that a node "
                f"fails (N+1), and has {there} MiB ({short})"
            )
        case Code.N1:
            return (
                f"{name} needs {needed} MiB of memory besides what it keeps free for the case "
                f"that another node fails (N+1), and has {there} MiB ({short})"
            )
        case Code.CPU:
            left = f"the policy's ratio leaves {there} ({short})"
            return f"{name} needs {needed} virtual CPUs, {left}"
        case Code.SPINDLE_USE:
            left = f"the policy's ratio leaves {there} ({short})"
            return f"{name} needs {needed} of spindle use, {left}"
        case Code.SOON:
            return (
                f"{name} needs {needed} MiB of memory, stopped and forthcoming instances leave "
                f"{there} MiB ({short})"
            )
        case Code.DISK_SOFT:
            return (
                f"{name} needs {needed} MiB of disk, what has to be left (--min-disk, forthcoming "
                f"instances) leaves {there} MiB ({short})"
            )
        case code:
            copy = " for the copy" if shortage.second else ""
            return f"{name} needs {needed} {UNITS[code]}{copy} and has {there} ({short})"


def number(value: float) -> str:
    """A number as people write it; fractions of large ones do not matter."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2f}".rstrip("0").rstrip(".")
