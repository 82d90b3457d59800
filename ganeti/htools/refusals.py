"""What makes a node refuse an instance, for many instances and many nodes at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ganeti.htools.field import Field, Limits
from ganeti.htools.tables import MEM, MEM_FORTH, Flags, Floats, Ints

Columns = slice | Ints


class Refused(NamedTuple):
    """[instance, node]: hard refusals always hold, soft ones not on the way off offline nodes."""

    hard: Flags
    soft: Flags


def limits_at(field: Field, instances: Ints, at: Columns) -> Limits:
    """[instance or 1, node]: what holds for these instances."""
    soon = field.state.instances.counted[instances] == 0
    if not soon.any():
        return Limits(*(limit[None, at] for limit in field.limits))
    return Limits(
        *(
            np.where(soon[:, None], later[at], limit[at])
            for limit, later in zip(field.limits, field.forthcoming, strict=True)
        )
    )


def refuse_size(field: Field, instances: Ints, at: Columns) -> Refused:
    """By disk and spindles, that count on both kinds of node, and by being offline."""
    table, online = field.state.instances, field.state.nodes.online[at]
    hard = np.repeat(~online[None], len(instances), axis=0)
    soft = np.zeros_like(hard)
    disk = table.disk[instances, None]
    if disk.any():
        limits, spindles = limits_at(field, instances, at), table.spindles[instances, None]
        hard |= ((disk >= limits.disk) | (spindles > limits.free_spindles)) & (disk > 0)
        if field.strict:
            soft |= (disk >= limits.soft_disk) | (spindles > limits.soft_free_spindles)
            soft |= table.spindle_use[instances, None] > limits.spindles
            soft &= disk > 0
    return Refused(hard, soft)


def refuse_running(field: Field, instances: Ints, at: Columns) -> Refused:
    """By memory, processors and exclusion tags, of a primary node."""
    state, table = field.state, field.state.instances
    limits, memory = limits_at(field, instances, at), table.memory[instances, None]
    used = -table.as_primary[MEM, instances][:, None]
    hard: Flags = (used >= limits.memory) & (used > 0)
    if not field.strict:
        return Refused(hard, np.zeros_like(hard))
    soon = table.counted[instances, None] == 0
    soft = (used >= field.margin[at]) & ~soon
    soft |= memory >= limits.soft_memory
    soft |= table.cpus[instances, None] > limits.cpus
    if state.tags.exclusion is not None:
        soft |= state.tags_there(instances, at).any(axis=1) & ~soon
    return Refused(hard, soft)


def refuse_copy(field: Field, instances: Ints, at: Columns, reserved: Floats) -> Flags:
    """
    By memory of a secondary node; all of it is soft.

    @param reserved: [instance, node]: what the node would have to keep free.
    """
    table, memory = field.state.instances, field.state.resources[MEM, at]
    if not field.strict:
        return np.zeros((len(instances), len(memory)), dtype=bool)
    soon = table.counted[instances, None] == 0
    room = np.minimum(memory, field.state.resources[MEM_FORTH, at])
    refused: Flags = (table.reserved[instances, None] >= room) & ~soon
    refused |= (memory <= reserved) & ~field.failing[at]
    return refused
