"""Make a node group."""

from __future__ import annotations

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.config import Configuration
from ganeti.model.delta import Delta, put
from ganeti.model.group import NodeGroup
from ganeti.model.locks import Level, exclusive
from ganeti.model.names import check_object_name
from ganeti.model.state import State
from ganeti.opcodes.group import OpGroupAdd
from ganeti.operations.describing import describe_changes
from ganeti.operations.group.hooks import group_hooks
from ganeti.operations.group.settings import changed_group
from ganeti.operations.unit import HookPlan, LockRequest, Unit


class GroupAdd(Unit[OpGroupAdd, NodeGroup]):
    """The plan is the new group, which has no nodes."""

    OP = OpGroupAdd

    def locks(self, state: State) -> LockRequest:
        return exclusive(Level.NODEGROUP, self.op.group_name)

    async def plan(self) -> NodeGroup:
        config = self.job.snapshot().config
        name = self.op.group_name
        _check_free(config, name)
        check_object_name("node group", name)
        group = NodeGroup(uuid=self.job.random.uuid(), name=name)
        return changed_group(config, group, self.op)

    def hooks(self, plan: NodeGroup) -> HookPlan:
        return group_hooks("group-add", self.job.snapshot().config, {"GROUP_NAME": plan.name})

    def describe(self, plan: NodeGroup) -> tuple[str, ...]:
        what = f"node group {plan.name}"
        empty = NodeGroup(uuid=plan.uuid, name=plan.name)
        return (f"add {what}", *describe_changes(what, empty, plan))

    async def execute(self, plan: NodeGroup) -> None:
        def change(state: State) -> Delta:
            _check_free(state.config, plan.name)
            return (put(plan),)

        await self.job.conclude(change)


def _check_free(config: Configuration, name: str) -> None:
    known = config.lookup_group(name)
    if known is not None:
        raise OpPrereqError(
            f"Desired group name '{name}' already exists as a node group (UUID: {known.uuid})",
            ErrorCode.EXISTS,
        )
