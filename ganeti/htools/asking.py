"""What could be asked for instead, so that it fits as things are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ganeti.htools.ask import Ask, cut
from ganeti.htools.candidates import Candidates
from ganeti.htools.deficit import Deficit
from ganeti.htools.groupchanges import Widen
from ganeti.htools.grouprefusal import spindles_of
from ganeti.htools.records import Range, Spec
from ganeti.htools.tables import Flags, Floats
from ganeti.model.templates import DiskTemplate

NOTHING = Spec(memory=1, cpus=1, disk=1, disk_count=0, nic_count=0, spindle_use=0)
ANYTHING = Spec(memory=1 << 53, cpus=1 << 53, disk=1 << 53, disk_count=1 << 53, spindle_use=1 << 53)
UNBOUNDED = (Range(least=NOTHING, most=ANYTHING),)


class Offer(NamedTuple):
    """Another size, and how far it is from what is asked."""

    cost: float
    ask: Ask
    nodes: tuple[str, ...]
    """Where it would fit; full names."""
    least: int
    """How little memory may be asked for."""


def nearest_offer(found: Candidates) -> Offer | None:
    """The size nearest to what is asked that no rule forbids somewhere; None: there is none."""
    offers = [
        offer
        for index, group in enumerate(found.cluster.groups)
        if all(isinstance(one.change, Widen) for one in found.refusals[index])
        for bounds in found.cluster.group_policy(group).ranges or UNBOUNDED
        for offer in (offer_in(found, index, bounds),)
        if offer is not None
    ]
    return min(offers, key=lambda offer: offer.cost, default=None)


def offer_in(found: Candidates, group: int, bounds: Range) -> Offer | None:
    """The nearest size within one range of a group's policy."""
    instance, survey = found.instance, found.survey
    least, most = bounds.least, bounds.most
    spindle_use = min(max(instance.spindle_use, least.spindle_use), most.spindle_use)
    counts = instance.template is not DiskTemplate.DISKLESS
    if counts and not least.disk_count <= len(instance.disks) <= most.disk_count:
        return None
    if found.exclusive(group) and spindles_of(instance, True) != spindle_use:
        return None
    sizes = [min(max(disk.size, least.disk), most.disk) for disk in instance.disks]
    extra = instance.disk - sum(disk.size for disk in instance.disks)
    room = survey.room()
    memory = np.minimum(room.memory, most.memory)
    cpus = np.minimum(room.cpus, most.cpus)
    good = (found.groups == group) & only_small(found)
    good &= (memory >= least.memory) & (cpus >= least.cpus)
    good &= room.disk >= extra + least.disk * len(sizes)
    if not good.any():
        return None
    memory = np.maximum(np.minimum(memory, instance.memory), least.memory)
    cpus = np.maximum(np.minimum(cpus, instance.vcpus), least.cpus)
    disk = np.minimum(room.disk, extra + sum(sizes))
    cost = (
        distance(memory, instance.memory)
        + distance(cpus, instance.vcpus)
        + distance(disk, instance.disk)
    )
    place = int(np.where(good, cost, np.inf).argmin())
    disks = cut(sizes, int(disk[place]) - extra, least.disk)
    if disks is None:
        return None
    return Offer(
        float(cost[place]),
        Ask(
            memory=int(memory[place]),
            disks=disks,
            cpus=int(cpus[place]),
            spindle_use=spindle_use,
        ),
        tuple(found.cluster.nodes[node].name for node in found.places.nodes(place)),
        least.memory,
    )


def distance(amount: Floats, asked: int) -> Floats:
    """How far it is from what is asked, in parts of it."""
    return np.abs(amount - asked) / max(asked, 1)


def only_small(found: Candidates) -> Flags:
    """By place: whether nothing is wrong that another size would not help."""
    survey, places = found.survey, found.places

    wrong = not_small(survey.first)[places.primary]
    if len(places.secondary):
        wrong = wrong + not_small(survey.second)[places.secondary]
    good: Flags = wrong == 0
    return good


def not_small(deficit: Deficit) -> Floats:
    """By node: what is wrong that has nothing to do with memory, disk or processors."""
    return deficit.offline + deficit.conflicts + deficit.spindles + deficit.spindle_use
