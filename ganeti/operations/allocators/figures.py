"""What a node has, and how much of it is free, by the rules for instance allocators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from msgspec import Struct

from ganeti.model.live import InstanceRuntime, NodeResources, RunState, StorageSpace
from ganeti.model.templates import StorageType


class NodeFigures(Struct, frozen=True, kw_only=True):
    """The numbers of a node in an allocator's input (iallocator.json, dynamic). MiB."""

    total_memory: int
    reserved_memory: int
    """What the node uses itself."""
    free_memory: int
    total_disk: int
    free_disk: int
    total_spindles: int
    free_spindles: int
    total_cpus: int
    reserved_cpus: int
    i_pri_memory: int
    """maxmem of all instances it is the primary node of."""
    i_pri_up_memory: int
    """The same of those that are meant to run."""


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """An instance as its primary node counts it."""

    name: str
    memory: int
    """maxmem."""
    up: bool
    """Meant to run."""


def node_figures(
    resources: NodeResources,
    runtimes: Mapping[str, InstanceRuntime],
    tenants: Iterable[Tenant],
    *,
    reserved_memory: int = 0,
    reserved_disk: int = 0,
) -> NodeFigures | None:
    """
    The figures of one node; None: it does not say how much memory or how many processors it has.

    Memory that an instance which is meant to run may still take is not free: it
    may be stopped for a moment, or have less than it may have.

    @param runtimes: what runs there, by name.
    @param tenants: the instances it is the primary node of.
    @param reserved_memory: what open jobs keep there for others than C{tenants}.
    """
    known = (resources.memory_total, resources.memory_free, resources.cpus)
    if None in known:
        return None
    total, free, cpus = (int(number or 0) for number in known)
    counted = list(tenants)
    up = [one for one in counted if one.up]
    missing = sum(max(0, one.memory - _used(runtimes, one.name)) for one in up)
    space = _unit(resources.storage, spindles=False)
    spindles = _unit(resources.storage, spindles=True)
    return NodeFigures(
        total_memory=total,
        reserved_memory=resources.memory_dom0 or 0,
        free_memory=max(0, free - missing - reserved_memory),
        total_disk=space.size_mib or 0,
        free_disk=max(0, (space.free_mib or 0) - reserved_disk),
        total_spindles=spindles.spindles_total or 0,
        free_spindles=spindles.spindles_free or 0,
        total_cpus=cpus,
        reserved_cpus=resources.cpu_dom0 or 0,
        i_pri_memory=sum(one.memory for one in counted),
        i_pri_up_memory=sum(one.memory for one in up),
    )


def _used(runtimes: Mapping[str, InstanceRuntime], name: str) -> int:
    """What an instance has now: nothing when it has ended, even if its remains are there."""
    runtime = runtimes.get(name)
    if runtime is None or runtime.state not in (RunState.RUNNING, RunState.PAUSED):
        return 0
    return runtime.memory_mib


def _unit(storage: Iterable[StorageSpace], *, spindles: bool) -> StorageSpace:
    """The unit that tells of room, or the one that tells of spindles; without one an empty one."""
    for unit in storage:
        if (unit.kind == StorageType.LVM_PV) is spindles:
            return unit
    return StorageSpace(kind="", name="")
