"""Give a node group another name."""

from __future__ import annotations

from msgspec.structs import replace

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.config import Configuration
from ganeti.model.delta import Delta, put
from ganeti.model.group import NodeGroup
from ganeti.model.locks import Level, exclusive
from ganeti.model.names import check_object_name
from ganeti.model.state import State
from ganeti.opcodes.group import OpGroupRename
from ganeti.operations.group.hooks import group_hooks
from ganeti.operations.unit import HookPlan, LockRequest, Unit


class GroupRename(Unit[OpGroupRename, NodeGroup]):
    """The plan is the group under its old name."""

    OP = OpGroupRename

    def locks(self, state: State) -> LockRequest:
        group = state.config.find_group(self.op.group_name)
        return exclusive(Level.NODEGROUP, group.uuid, self.op.new_name)

    async def plan(self) -> NodeGroup:
        config = self.job.snapshot().config
        group = config.find_group(self.op.group_name)
        self._check_free(config)
        check_object_name("node group", self.op.new_name)
        return group

    def _check_free(self, config: Configuration) -> None:
        known = config.lookup_group(self.op.new_name)
        if known is not None:
            raise OpPrereqError(
                f"Desired new name '{self.op.new_name}' clashes with existing node group"
                f" (UUID: {known.uuid})",
                ErrorCode.EXISTS,
            )

    def hooks(self, plan: NodeGroup) -> HookPlan:
        config = self.job.snapshot().config
        env = {"OLD_NAME": plan.name, "NEW_NAME": self.op.new_name}
        return group_hooks("group-rename", config, env, config.group_nodes(plan.uuid))

    def describe(self, plan: NodeGroup) -> tuple[str, ...]:
        return (f"rename node group {plan.name} to {self.op.new_name}",)

    async def execute(self, plan: NodeGroup) -> str:
        new_name = self.op.new_name

        def change(state: State) -> Delta:
            self._check_free(state.config)
            return (put(replace(state.config.find_group(plan.uuid), name=new_name)),)

        await self.job.conclude(change, new_name)
        return new_name
