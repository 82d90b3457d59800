"""What a verification of a group knows: the configuration, and what its nodes answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ganeti.errors import GanetiError
from ganeti.model.config import Configuration
from ganeti.model.findings import DiskFinding, NodeFindings
from ganeti.model.group import NodeGroup
from ganeti.model.instance import Instance
from ganeti.model.live import RunState
from ganeti.model.node import Node
from ganeti.utils.text import nice_sort_key


@dataclass(frozen=True, kw_only=True)
class GroupView:
    """
    One group, looked at.

    @ivar nodes: of the group, in natural order; C{online} those in service.
    @ivar answers: what each of these answered, by uuid.
    @ivar latest: the configuration when all had answered: guests made meanwhile are in it.
    @ivar began: when they were asked, in seconds since the epoch; C{ended} when all had answered.
    """

    config: Configuration
    group: NodeGroup
    nodes: tuple[Node, ...]
    answers: Mapping[str, NodeFindings | GanetiError] = field(default_factory=dict)
    latest: Configuration
    began: float = 0.0
    ended: float = 0.0

    @property
    def online(self) -> list[Node]:
        return [node for node in self.nodes if not node.offline]

    def findings(self, node_uuid: str) -> NodeFindings | None:
        """What a node found; None when it is out of service, or did not answer."""
        answer = self.answers.get(node_uuid)
        return answer if isinstance(answer, NodeFindings) else None

    def all_findings(self) -> dict[str, NodeFindings]:
        """Of the nodes that answered, by uuid."""
        return {u: answer for u, answer in self.answers.items() if isinstance(answer, NodeFindings)}

    @cached_property
    def run_states(self) -> dict[tuple[str, str], list[RunState]]:
        """Of the guests that nodes named, by the node's uuid and the instance's name."""
        states: dict[tuple[str, str], list[RunState]] = {}
        for uuid, found in self.all_findings().items():
            for guest in found.guests:
                states.setdefault((uuid, guest.name), []).append(guest.state)
        return states

    @cached_property
    def disks(self) -> dict[tuple[str, str], DiskFinding]:
        """What nodes said of disks, by the node's uuid and the disk's."""
        return {
            (uuid, disk.uuid): disk
            for uuid, found in self.all_findings().items()
            for disk in found.disks
        }

    @cached_property
    def owners(self) -> dict[str, list[Node]]:
        """The nodes that have each certificate, by its digest."""
        owners: dict[str, list[Node]] = {}
        for node in self.nodes:
            found = self.findings(node.uuid)
            if found is not None and found.digest:
                owners.setdefault(found.digest, []).append(node)
        return owners

    def owner_of(self, guest: str) -> Instance | None:
        """The instance that a guest is, by its name."""
        for config in (self.latest, self.config):
            uuid = config.instance_by_name.get(guest)
            if uuid is not None:
                return config.instances[uuid]
        return None

    def instances(self) -> list[Instance]:
        """Those whose primary node is in the group, in natural order."""
        found = [
            instance
            for node in self.nodes
            for instance in self.config.node_instances(node.uuid)
            if not instance.forthcoming
        ]
        return sorted(found, key=lambda instance: nice_sort_key(instance.name))
