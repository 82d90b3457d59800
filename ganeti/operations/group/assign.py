"""Put nodes into another group."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from msgspec.structs import replace

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.compliance import new_violations
from ganeti.model.config import Configuration
from ganeti.model.delta import Delta, put
from ganeti.model.locks import Level, exclusive
from ganeti.model.node import Node
from ganeti.model.state import State
from ganeti.opcodes.group import OpGroupAssignNodes
from ganeti.operations.describing import NOTHING, node_name
from ganeti.operations.group.settings import check_exclusive_storage
from ganeti.operations.unit import LockRequest, Unit
from ganeti.utils.text import nice_sort_key


@dataclass(frozen=True, kw_only=True)
class AssignPlan:
    """Uuids of the nodes that move, and of the group they go to."""

    nodes: tuple[str, ...]
    group: str


class GroupAssignNodes(Unit[OpGroupAssignNodes, AssignPlan]):
    """Move nodes; instances go with them, and should not be split between groups by it."""

    OP = OpGroupAssignNodes

    def locks(self, state: State) -> LockRequest:
        config = state.config
        group = config.find_group(self.op.group_name)
        nodes = self._nodes(config)
        return (
            *exclusive(Level.NODEGROUP, *sorted({group.uuid, *(node.group for node in nodes)})),
            *exclusive(Level.NODE, *sorted({node.uuid for node in nodes})),
        )

    def _nodes(self, config: Configuration) -> list[Node]:
        given = self.op.nodes if self.op.node_uuids is None else self.op.node_uuids
        found = {node.uuid: node for node in map(config.find_node, given)}
        return list(found.values())

    async def plan(self) -> AssignPlan:
        config = self.job.snapshot().config
        group = config.find_group(self.op.group_name)
        moving = [node.uuid for node in self._nodes(config) if node.group != group.uuid]
        after = config
        for uuid in moving:
            after = after.with_node(replace(config.nodes[uuid], group=group.uuid))
        self._check_splits(config, after, moving)
        check_exclusive_storage(config, after)
        self._warn_of_violations(config, after, moving)
        return AssignPlan(nodes=tuple(moving), group=group.uuid)

    def _check_splits(self, before: Configuration, after: Configuration, moving: list[str]) -> None:
        instances = {uuid for node in moving for uuid in after.instances_on(node)}
        split = {after.instances[uuid].name: uuid for uuid in instances if _is_split(after, uuid)}
        already = [name for name, uuid in split.items() if _is_split(before, uuid)]
        new = _listed(name for name in split if name not in already)
        if new and not self.op.force:
            raise OpPrereqError(
                "The following instances get split by this change and --force was not given:"
                f" {new}",
                ErrorCode.WRONG_STATE,
            )
        if new:
            self.job.warn(f"This operation splits the following instances: {new}")
        if already:
            self.job.warn(
                "The following instances were split between groups before, and still are:"
                f" {_listed(already)}"
            )

    def _warn_of_violations(
        self, before: Configuration, after: Configuration, moving: list[str]
    ) -> None:
        instances = {uuid for node in moving for uuid in after.primary_instances(node)}
        found = new_violations(before, after, instances)
        if found:
            self.job.warn(
                "In their new group the following instances violate the instance policy:"
                f" {', '.join(found)}"
            )

    def describe(self, plan: AssignPlan) -> tuple[str, ...]:
        config = self.job.snapshot().config
        group = config.groups[plan.group].name
        names = (node_name(config, uuid) for uuid in plan.nodes)
        return tuple(f"move node {name} to node group {group}" for name in names) or NOTHING

    async def execute(self, plan: AssignPlan) -> None:
        def change(state: State) -> Delta:
            group = state.config.find_group(plan.group)
            nodes = [state.config.find_node(uuid) for uuid in plan.nodes]
            return tuple(
                put(replace(node, group=group.uuid)) for node in nodes if node.group != group.uuid
            )

        await self.job.conclude(change)


def _is_split(config: Configuration, instance_uuid: str) -> bool:
    """The instance has disks in several groups."""
    nodes = config.instance_nodes(config.instances[instance_uuid])
    return len({config.nodes[uuid].group for uuid in nodes}) > 1


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names, key=nice_sort_key))
