"""
Where the least is lost: how instances are placed on nodes with exclusive storage (hail(1)).

For each range of the policy, the one with the largest disks first: how many of its smallest
instances a node has room for, and how many fewer after an instance came. Of equal losses the
place with the least disk left is the best, so that large rooms stay whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ganeti.htools.cluster import Cluster
from ganeti.htools.newcomer import Newcomer
from ganeti.htools.records import Policy, Spec
from ganeti.htools.tables import (
    CPU_FORTH,
    DISK,
    DISK_FORTH,
    FREE_SPIN_FORTH,
    MEM,
    MEM_FORTH,
    Flags,
    Floats,
    Ints,
)
from ganeti.model.group import AllocPolicy

Losses = Floats
"""[what is compared, place]: the losses by range, and the disk that is left."""


def loses_space(cluster: Cluster, named: bool) -> bool:
    """
    Whether places are compared by what they lose, and not by their scores.

    @param named: the only group was asked for.
    """
    asked = {
        group.uuid
        for group in cluster.groups
        if named or group.alloc_policy is not AllocPolicy.UNALLOCABLE
    }
    return all(node.exclusive_storage for node in cluster.nodes if node.group in asked)


def single_losses(newcomer: Newcomer, nodes: Ints, policy: Policy) -> Losses:
    """By node what is lost when it runs the instance."""
    lost, left = _on_primary(newcomer, nodes, policy)
    return np.vstack([lost, left])


def pair_losses(newcomer: Newcomer, nodes: Ints, policy: Policy) -> Losses:
    """By pair, as they are in L{places.pair_scores}."""
    state, count = newcomer.state, len(nodes)
    own, own_left = _on_primary(newcomer, nodes, policy)
    before = _rooms(newcomer, nodes, state.reserved[nodes])
    after = before.without_disks(newcomer)
    if newcomer.counted:
        reserved = newcomer.reserved_pairs(nodes[:, None], nodes)
        after = after._replace(memory=_memory(newcomer, nodes, reserved))
    lost = [
        own[index][:, None] + before.fits(spec) - after.fits(spec)
        for index, spec in enumerate(_smallest(policy))
    ]
    left = own_left[:, None] + _disk_left(newcomer, nodes)
    return np.stack([*lost, left]).reshape(-1, count * count)


def by_loss(losses: Losses, fits: Flags) -> Iterator[int]:
    """The places that fit, those with the least loss first; of equal ones the last first."""
    usable = np.flatnonzero(fits.ravel())[::-1]
    order = np.lexsort(losses[::-1, usable])
    yield from usable[order].tolist()


def loss_rank(losses: Losses, place: int) -> tuple[tuple[float, ...], ...]:
    """For comparing groups, whose policies may have different numbers of ranges."""
    *lost, left = losses[:, place].tolist()
    return tuple(lost), (left,)


def loss_text(losses: Losses, place: int) -> str:
    """As hail tells it in place of a score."""
    *lost, left = losses[:, place].tolist()
    return f"([{','.join(str(int(each)) for each in lost)}],{int(left)})"


class _Rooms(NamedTuple):
    """What nodes have left when all that is forthcoming is there."""

    memory: Floats
    disk: Floats
    cpus: Floats
    spindles: Floats

    def without_disks(self, newcomer: Newcomer) -> _Rooms:
        """With the instance's disks there, spindles also when no node of the cluster has them."""
        record = newcomer.state.cluster.instances[newcomer.instance]
        spindles = sum(disk.spindles or 0 for disk in record.disks)
        return self._replace(disk=self.disk - newcomer.disk, spindles=self.spindles - spindles)

    def fits(self, spec: Spec) -> Floats:
        """How many of this size there is room for; one MiB always stays free."""
        found = np.full(self.memory.shape, np.inf)
        amounts = (self.memory - 1, spec.memory), (self.disk - 1, spec.disk), (self.cpus, spec.cpus)
        for there, size in amounts:
            if size > 0:
                found = np.minimum(found, np.floor(there / size))
        some = np.isfinite(found) & (self.spindles >= 0)
        return np.where(some, np.maximum(found, 0.0), 0.0)


def _on_primary(newcomer: Newcomer, nodes: Ints, policy: Policy) -> tuple[Floats, Floats]:
    """[range, node] what is lost on the primary node, and the disk it has left."""
    reserved = newcomer.state.reserved[nodes]
    before = _rooms(newcomer, nodes, reserved)
    after = before.without_disks(newcomer)._replace(
        memory=_memory(newcomer, nodes, reserved, newcomer.used, newcomer.memory),
        cpus=before.cpus - newcomer.cpus,
    )
    lost = [before.fits(spec) - after.fits(spec) for spec in _smallest(policy)]
    return np.array(lost).reshape(-1, len(nodes)), _disk_left(newcomer, nodes)


def _smallest(policy: Policy) -> list[Spec]:
    """The smallest instances of each range, those with the largest disks first."""
    return sorted((each.least for each in policy.ranges), key=lambda spec: -spec.disk)


def _rooms(newcomer: Newcomer, nodes: Ints, reserved: Floats) -> _Rooms:
    state = newcomer.state
    disk, cpus, spindles = state.resources[[DISK_FORTH, CPU_FORTH, FREE_SPIN_FORTH]][:, nodes]
    left = state.nodes.max_cpus[nodes] - cpus
    counted = np.where(state.nodes.exclusive[nodes], spindles, np.inf)
    return _Rooms(_memory(newcomer, nodes, reserved), disk, left, counted)


def _memory(
    newcomer: Newcomer, nodes: Ints, reserved: Floats, used: float = 0.0, all_of_it: float = 0.0
) -> Floats:
    """What there is for more; where too much is reserved already that is not asked for."""
    resources = newcomer.state.resources
    free = resources[MEM, nodes] - used
    now = np.where(free < reserved, free, free - reserved)
    memory: Floats = np.minimum(now, resources[MEM_FORTH, nodes] - all_of_it)
    return memory


def _disk_left(newcomer: Newcomer, nodes: Ints) -> Floats:
    left: Floats = newcomer.state.resources[DISK, nodes] - newcomer.disk * newcomer.counted
    return left
