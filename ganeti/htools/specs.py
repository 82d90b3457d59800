"""Whether an instance is of a size that a policy allows."""

from __future__ import annotations

from ganeti.htools.failures import Failure
from ganeti.htools.records import Instance, Policy, Range


def policy_failure(instance: Instance, policy: Policy, exclusive: bool) -> Failure | None:
    """
    What is not allowed; None: it is within one of the ranges.

    @param exclusive: the node gives whole spindles to instances.
    """
    found = [range_failure(instance, one, exclusive) for one in policy.ranges]
    if None in found:
        return None
    return found[0] if found else None


def range_failure(instance: Instance, bounds: Range, exclusive: bool) -> Failure | None:
    """The first amount that is out of bounds."""
    least, most = bounds.least, bounds.most
    if not least.memory <= instance.memory <= most.memory:
        return Failure.MEMORY
    if any(not least.disk <= disk.size <= most.disk for disk in instance.disks):
        return Failure.DISK
    if not least.cpus <= instance.vcpus <= most.cpus:
        return Failure.CPU
    if exclusive:
        spindles = sum(disk.spindles or 0 for disk in instance.disks)
    else:
        spindles = instance.spindle_use
    if not least.spindle_use <= spindles <= most.spindle_use:
        return Failure.SPINDLES
    if not least.disk_count <= len(instance.disks) <= most.disk_count:
        return Failure.DISK_COUNT
    return None
