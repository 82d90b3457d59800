"""Remove an empty node group."""

from __future__ import annotations

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.config import Configuration
from ganeti.model.delta import Delete, Delta, Kind
from ganeti.model.group import NodeGroup
from ganeti.model.locks import Level, exclusive
from ganeti.model.state import State
from ganeti.opcodes.group import OpGroupRemove
from ganeti.operations.group.hooks import group_hooks
from ganeti.operations.unit import HookPlan, LockRequest, Unit
from ganeti.utils.text import nice_sort_key


class GroupRemove(Unit[OpGroupRemove, NodeGroup]):
    """The plan is the group."""

    OP = OpGroupRemove

    def locks(self, state: State) -> LockRequest:
        return exclusive(Level.NODEGROUP, state.config.find_group(self.op.group_name).uuid)

    async def plan(self) -> NodeGroup:
        config = self.job.snapshot().config
        group = config.find_group(self.op.group_name)
        _check_removable(config, group)
        return group

    def hooks(self, plan: NodeGroup) -> HookPlan:
        return group_hooks("group-remove", self.job.snapshot().config, {"GROUP_NAME": plan.name})

    def describe(self, plan: NodeGroup) -> tuple[str, ...]:
        return (f"remove node group {plan.name}",)

    async def execute(self, plan: NodeGroup) -> None:
        def change(state: State) -> Delta:
            _check_removable(state.config, state.config.find_group(plan.uuid))
            return (Delete(kind=Kind.GROUP, uuid=plan.uuid),)

        await self.job.conclude(change)


def _check_removable(config: Configuration, group: NodeGroup) -> None:
    nodes = [node.uuid for node in config.group_nodes(group.uuid)]
    if nodes:
        raise OpPrereqError(
            f"Group '{group.name}' not empty, has the following nodes:"
            f" {', '.join(sorted(nodes, key=nice_sort_key))}",
            ErrorCode.WRONG_STATE,
        )
    if len(config.groups) == 1:
        raise OpPrereqError(
            f"Group '{group.name}' is the only group, cannot be removed", ErrorCode.WRONG_STATE
        )
