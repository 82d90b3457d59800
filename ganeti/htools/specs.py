"""Whether an instance is of a size that a policy allows."""

from __future__ import annotations

from ganeti.htools.failures import Failure
from ganeti.htools.records import Instance, Policy, Range
from ganeti.model.templates import DiskTemplate


def policy_failure(instance: Instance, policy: Policy, exclusive: bool) -> Failure | None:
    """
    What is not allowed; None: it is within one of the ranges, and its disk template is allowed.

    @param exclusive: the node gives whole spindles to instances.
    """
    found = [range_failure(instance, one, exclusive) for one in policy.ranges]
    if found and None not in found:
        return found[0]
    return None if instance.template in policy.templates else Failure.DISK


def range_failure(instance: Instance, bounds: Range, exclusive: bool) -> Failure | None:
    """The first amount that is too small; when none is, the first that is too large."""
    least, most = bounds.least, bounds.most
    if exclusive:
        spindles = sum(disk.spindles or 0 for disk in instance.disks)
    else:
        spindles = instance.spindle_use
    sizes = [disk.size for disk in instance.disks]
    disks = [(Failure.DISK, size, least.disk, most.disk) for size in sizes]
    amounts = [
        (Failure.MEMORY, instance.memory, least.memory, most.memory),
        *disks,
        (Failure.CPU, instance.vcpus, least.cpus, most.cpus),
        (Failure.SPINDLES, spindles, least.spindle_use, most.spindle_use),
    ]
    if instance.template is not DiskTemplate.DISKLESS:
        amounts.append((Failure.DISK_COUNT, len(sizes), least.disk_count, most.disk_count))
    small = [failure for failure, amount, bound, _most in amounts if amount < bound]
    large = [failure for failure, amount, _least, bound in amounts if amount > bound]
    return next(iter([*small, *large]), None)
