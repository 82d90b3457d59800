"""
The room that is left on nodes, while instances are put there in thought.

What a node takes: memory of its primary instances, disks of all, and a reserve of memory for the
instances that would be started here if another node failed. Processors are shared for a while.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ganeti.htools.cluster import Cluster, uses_memory
from ganeti.htools.records import Instance
from ganeti.htools.status import node_status


class Room(NamedTuple):
    """
    What is left on one node.

    @ivar disk: above what has to stay free.
    @ivar peers: memory of the instances that would be started here, by their primary node.
    @ivar reserved: the largest of those.
    """

    memory: int
    disk: int
    peers: Mapping[str, int]
    reserved: int

    def with_primary(self, instance: Instance, *, disk: bool) -> Room | None:
        """
        With the instance running here, if there is room; C{disk}: its disks come along.

        What is reserved may be used: so does hroller of Ganeti 3.0.2.
        """
        memory = self.memory - (instance.memory if uses_memory(instance) else 0)
        left = self.disk - instance.disk if disk else self.disk
        if memory <= 0 or (disk and left < 0):
            return None
        return self._replace(memory=memory, disk=left)

    def with_secondary(self, instance: Instance, primary: str) -> Room | None:
        """With a copy of its disks here, for the time when C{primary} fails, if there is room."""
        disk = self.disk - instance.disk
        memory = self.peers.get(primary, 0) + (instance.memory if instance.auto_balance else 0)
        if disk < 0 or self.memory <= memory:
            return None
        return self._with_peer(primary, memory)._replace(disk=disk)

    def without_secondary(self, instance: Instance) -> Room:
        """Without the reserve for it; its disks stay."""
        memory = self.peers.get(instance.primary, 0)
        less = memory - (instance.memory if instance.auto_balance else 0)
        return self._with_peer(instance.primary, less)

    def _with_peer(self, primary: str, memory: int) -> Room:
        peers = {**self.peers, primary: memory}
        return self._replace(peers=peers, reserved=max(peers.values()))


def rooms(cluster: Cluster) -> dict[str, Room]:
    """The room on each online node, by name."""
    peers: dict[str, dict[str, int]] = {node.name: {} for node in cluster.nodes}
    for instance in cluster.instances:
        if instance.secondary and instance.auto_balance:
            here = peers[instance.secondary]
            here[instance.primary] = here.get(instance.primary, 0) + instance.memory
    found: dict[str, Room] = {}
    for node in node_status(cluster):
        if node.offline:
            continue
        found[node.name] = Room(
            memory=node.u_mem,
            disk=node.f_dsk - int(cluster.settings.min_disk * node.t_dsk),
            peers=peers[node.name],
            reserved=max(peers[node.name].values(), default=0),
        )
    return found
