"""Why a whole node group does not take an instance."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from ganeti.htools.changes import Change
from ganeti.htools.cluster import Cluster
from ganeti.htools.failures import Failure
from ganeti.htools.groupchanges import Allow, AllowTemplate, Connect, Widen
from ganeti.htools.records import Group, Instance, Policy, Range
from ganeti.htools.specs import policy_failure
from ganeti.model.group import AllocPolicy
from ganeti.model.templates import DiskTemplate


class Refusal(NamedTuple):
    """One reason, what would take it away, and how dear that is."""

    text: str
    change: Change
    cost: float


# What is forbidden by somebody's decision is dearer than what is a little too small.
DECISION = 10.0


def group_refusals(
    cluster: Cluster, group: Group, instance: Instance, *, exclusive: bool, named: bool
) -> list[Refusal]:
    """
    What the group has against the instance, in the order in which it is looked at.

    @param exclusive: all its nodes give whole spindles to instances.
    @param named: the group was asked for by its name.
    """
    found = []
    networks = tuple(
        dict.fromkeys(net for net in instance.nics if net and net not in group.networks)
    )
    if networks:
        text = f"the group {group.name} is not connected to the network {', '.join(networks)}"
        found.append(Refusal(text, Connect(group.name, networks), DECISION))
    policy = cluster.group_policy(group)
    sizes_only = msgspec.structs.replace(policy, templates=(instance.template,))
    failure = policy_failure(instance, sizes_only, exclusive)
    if failure is not None:
        what, allowed = size_words(instance, failure, policy, exclusive)
        text = f"the policy of the group {group.name} forbids {what}: it allows {allowed}"
        wider = widened(policy, instance, exclusive)
        found.append(Refusal(text, Widen(group.name, wider, what), DECISION))
    if instance.template not in policy.templates:
        what = f"the disk template {instance.template.value}"
        allowed = ", ".join(one.value for one in policy.templates) or "none"
        text = f"the policy of the group {group.name} forbids {what}: it allows {allowed}"
        found.append(Refusal(text, AllowTemplate(group.name, instance.template), DECISION))
    if group.alloc_policy is AllocPolicy.UNALLOCABLE and not named:
        text = f"the group {group.name} is unallocable"
        found.append(Refusal(text, Allow(group.name), DECISION))
    return found


def spindles_of(instance: Instance, exclusive: bool) -> int:
    """What a policy compares with its spindle use."""
    if exclusive:
        return sum(disk.spindles or 0 for disk in instance.disks)
    return instance.spindle_use


def widened(policy: Policy, instance: Instance, exclusive: bool) -> Policy:
    """The policy with the nearest range just so much wider that it allows the instance."""
    nearest = nearest_range(policy, instance, exclusive)
    least, most = {}, {}
    for name, low, high in amounts(instance, exclusive):
        least[name] = min(low, getattr(nearest.least, name))
        most[name] = max(high, getattr(nearest.most, name))
    replaced = msgspec.structs.replace
    wider = Range(least=replaced(nearest.least, **least), most=replaced(nearest.most, **most))
    ranges = tuple(wider if one is nearest else one for one in policy.ranges)
    return replaced(policy, ranges=ranges)


def nearest_range(policy: Policy, instance: Instance, exclusive: bool) -> Range:
    """The range that the instance is least far from."""

    def distance(one: Range) -> float:
        far = 0.0
        for name, low, high in amounts(instance, exclusive):
            outside = max(getattr(one.least, name) - low, high - getattr(one.most, name), 0)
            far += outside / max(high, 1)
        return far

    return min(policy.ranges, key=distance)


def amounts(instance: Instance, exclusive: bool) -> list[tuple[str, int, int]]:
    """What policies bound: the field, the smallest and the largest of it."""
    sizes = [disk.size for disk in instance.disks]
    found = [
        ("memory", instance.memory),
        ("cpus", instance.vcpus),
        ("spindle_use", spindles_of(instance, exclusive)),
    ]
    if instance.template is not DiskTemplate.DISKLESS:
        found.append(("disk_count", len(instance.disks)))
    bounds = [(name, amount, amount) for name, amount in found]
    return bounds + ([("disk", min(sizes), max(sizes))] if sizes else [])


def size_words(
    instance: Instance, failure: Failure, policy: Policy, exclusive: bool
) -> tuple[str, str]:
    """What of an instance's size a policy does not allow, and what it does."""
    sizes = [disk.size for disk in instance.disks]
    what, asked, field = {
        Failure.MEMORY: ("MiB of memory", [instance.memory], "memory"),
        Failure.DISK: ("MiB in a disk", sizes, "disk"),
        Failure.CPU: ("virtual CPUs", [instance.vcpus], "cpus"),
        Failure.DISK_COUNT: ("disks", [len(sizes)], "disk_count"),
        Failure.SPINDLES: ("of spindle use", [spindles_of(instance, exclusive)], "spindle_use"),
    }[failure]
    bounds = [(getattr(one.least, field), getattr(one.most, field)) for one in policy.ranges]
    wrong = [
        size for size in asked if not all(low <= size <= high for low, high in bounds)
    ] or asked
    allowed = " or ".join(dict.fromkeys(f"{low} to {high}" for low, high in bounds))
    return f"{wrong[0]} {what}", allowed
