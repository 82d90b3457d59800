"""The sizes of instances as rows, for a first look at what fits on a node."""

from __future__ import annotations

import numpy as np

from ganeti.htools.field import Field
from ganeti.htools.state import State
from ganeti.htools.tables import MEM, Flags, Floats, Ints

# Disk, spindles and their use matter for copies, too; then come memory and processors.
COPIED = 3


def sizes(state: State, instances: Ints) -> Floats:
    """[size, instance]: what has to fit on a node; -infinite: it does not matter."""
    table = state.instances
    used = -table.as_primary[MEM, instances]
    own = [table.disk, table.spindles, table.spindle_use]
    copied = np.where(table.disk > 0, own, -np.inf)[:, instances]
    rows = [*copied, np.where(used > 0, used, -np.inf), table.cpus[instances]]
    return np.where(table.counted[instances] > 0, rows, -np.inf)


def fits(field: Field, rows: Floats, node: int, *, runs: bool, soft: bool) -> Flags:
    """
    By instance: whether it may fit; what does not is refused (L{ganeti.htools.refusals}).

    @param rows: from L{sizes}.
    @param runs: it runs on the node, and is no copy.
    @param soft: soft limits hold for all.
    """
    most = room(field, node, soft and field.strict)[: len(rows) if runs else COPIED]
    fitting: Flags = np.all(rows[: len(most)] <= most[:, None], axis=0)
    return fitting


def room(field: Field, node: int, soft: bool) -> Floats:
    """By size: what a node does not refuse for it alone, at most."""
    limits = (float(limit[node]) for limit in field.limits)
    memory, disk, spindles, _memory, soft_disk, soft_spindles, cpus, use = limits
    if not soft:
        return np.array([below(disk), spindles, np.inf, below(memory), np.inf])
    disk, spindles = min(disk, soft_disk), min(spindles, soft_spindles)
    memory = min(memory, float(field.margin[node]))
    return np.array([below(disk), spindles, use, below(memory), cpus])


def below(limit: float) -> float:
    """The next number that is less."""
    return float(np.nextafter(limit, -np.inf))
