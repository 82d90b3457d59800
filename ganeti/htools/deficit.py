"""What has to be freed on nodes before they take an instance: all rules together, exactly."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ganeti.htools.newcomer import Code, Newcomer
from ganeti.htools.shortage import Rule, missing
from ganeti.htools.tables import MEM, Floats, Ints

# What cannot be bought is dear.
OFFLINE_COST = 100.0
CONFLICT_COST = 50.0


class Deficit(NamedTuple):
    """
    By node: the amounts without which it takes the instance; memory and disk in MiB.

    C{spindle_use} and C{cpus} are in what the policy's ratios leave.
    """

    memory: Floats
    disk: Floats
    spindles: Floats
    cpus: Floats
    spindle_use: Floats
    offline: Floats
    conflicts: Floats

    def cost(self, newcomer: Newcomer) -> Floats:
        """How much that is, compared with what is asked."""
        asked = (
            (self.memory, newcomer.memory),
            (self.disk, newcomer.disk),
            (self.spindles, newcomer.spindles),
            (self.cpus, newcomer.cpus),
            (self.spindle_use, newcomer.spindle_use),
        )
        cost = OFFLINE_COST * self.offline + CONFLICT_COST * self.conflicts
        for amount, whole in asked:
            cost = cost + amount / max(whole, 1.0)
        return cost


def deficit_of(rules: list[Rule], memory: Floats) -> Deficit:
    """What the rules ask for besides memory."""

    def largest(*codes: Code) -> Floats:
        found = np.zeros(len(memory))
        for rule in rules:
            if rule.code in codes:
                found = np.maximum(found, rule.short)
        return found

    return Deficit(
        memory=memory,
        disk=np.ceil(largest(Code.DISK, Code.DISK_SOFT)),
        spindles=np.ceil(largest(Code.SPINDLES)),
        cpus=np.ceil(largest(Code.CPU)),
        spindle_use=largest(Code.SPINDLE_USE),
        offline=largest(Code.OFFLINE),
        conflicts=largest(Code.TAGS),
    )


def primary_memory(newcomer: Newcomer) -> Floats:
    """By node: the memory to free so that it can run the instance."""
    state, limits = newcomer.state, newcomer.limits
    more = missing(newcomer.memory, limits.memory)
    if not newcomer.field.strict:
        return more
    more = np.maximum(more, missing(newcomer.memory, limits.soft_memory))
    if newcomer.counted:
        free, reserved = state.resources[MEM], state.reserved
        # A node that fails N+1 anyway may take it.
        failing = free + more + state.slack <= reserved
        unsafe = (newcomer.used >= free + more - reserved) & ~failing
        more = np.where(unsafe, missing(newcomer.used, free - reserved), more)
    return more


def secondary_memory(newcomer: Newcomer, primary: Ints, secondary: Ints) -> Floats:
    """By pair: the memory to free on the secondary, for when the primary fails."""
    state = newcomer.state
    more = missing(newcomer.memory, newcomer.limits.soft_memory[secondary])
    if not newcomer.counted:
        return more
    free, needed = state.resources[MEM, secondary], newcomer.reserved_pairs(primary, secondary)
    more = np.maximum(more, missing(newcomer.needed, free))
    failing = free + more + state.slack[secondary] <= state.reserved[secondary]
    unsafe = (free + more <= needed) & ~failing
    return np.where(unsafe, missing(needed, free), more)


class Room(NamedTuple):
    """By place: the largest instance that would fit as things are; memory and disk in MiB."""

    memory: Floats
    disk: Floats
    cpus: Floats


def primary_room(newcomer: Newcomer) -> Room:
    """By node: what of it could run there."""
    limits, field = newcomer.limits, newcomer.field
    memory, cpus = limits.memory, np.full(len(limits.cpus), np.inf)
    if field.strict:
        memory, cpus = np.minimum(memory, limits.soft_memory), np.floor(limits.cpus)
        if newcomer.counted and newcomer.used > 0:
            memory = np.minimum(memory, field.margin)
        elif newcomer.counted:
            memory = np.where(field.margin > 0, memory, 0.0)
    return Room(below(memory), disk_room(newcomer, field.strict), cpus)


def disk_room(newcomer: Newcomer, strict: bool = True) -> Floats:
    """By node: how large its disks may be; without bounds when the node has none of them."""
    limits = newcomer.limits
    if newcomer.disk <= 0:
        return np.full(len(limits.disk), np.inf)
    return below(np.minimum(limits.disk, limits.soft_disk) if strict else limits.disk)


def secondary_room(newcomer: Newcomer, primary: Ints, secondary: Ints) -> Floats:
    """By pair: how much memory the instance may have, for the secondary's sake."""
    state, field = newcomer.state, newcomer.field
    soon = newcomer.limits.soft_memory[secondary]
    if not newcomer.counted:
        return below(soon)
    free, failing = state.resources[MEM, secondary], field.failing[secondary]
    good = failing | (free > state.reserved[secondary])
    if newcomer.needed <= 0:
        return np.where(good & (free > 0), below(soon), 0.0)
    left = np.where(failing, np.inf, free - state.peers_of[primary, secondary])
    return np.where(good, below(np.minimum(np.minimum(free, soon), left)), 0.0)


def below(limit: Floats) -> Floats:
    """The largest whole number less than it."""
    return np.maximum(np.ceil(limit) - 1.0, 0.0)
