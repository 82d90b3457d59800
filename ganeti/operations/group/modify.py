"""Change the settings of a node group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ganeti.model import codec
from ganeti.model.compliance import new_violations
from ganeti.model.config import Configuration
from ganeti.model.delta import Delta, put
from ganeti.model.group import NodeGroup
from ganeti.model.locks import Level, exclusive
from ganeti.model.state import State
from ganeti.opcodes.group import OpGroupSetParams
from ganeti.operations.describing import NOTHING, describe_changes
from ganeti.operations.group.hooks import group_hooks
from ganeti.operations.group.settings import changed_group, check_exclusive_storage
from ganeti.operations.unit import HookPlan, LockRequest, Unit


@dataclass(frozen=True, kw_only=True)
class ModifyPlan:
    """The group as it will be, if nothing else about it changes meanwhile."""

    group: NodeGroup
    result: list[tuple[str, Any]]


class GroupSetParams(Unit[OpGroupSetParams, ModifyPlan]):
    """Merge what was asked for into what the group sets itself."""

    OP = OpGroupSetParams

    def locks(self, state: State) -> LockRequest:
        return exclusive(Level.NODEGROUP, state.config.find_group(self.op.group_name).uuid)

    async def plan(self) -> ModifyPlan:
        config = self.job.snapshot().config
        group = changed_group(config, config.find_group(self.op.group_name), self.op)
        after = config.with_group(group)
        if self.op.ndparams:
            check_exclusive_storage(config, after)
        if self.op.ipolicy:
            self._warn_of_violations(config, after, group)
        return ModifyPlan(group=group, result=self._result(group))

    def _warn_of_violations(
        self, before: Configuration, after: Configuration, group: NodeGroup
    ) -> None:
        nodes = after.group_nodes(group.uuid)
        instances = {uuid for node in nodes for uuid in after.primary_instances(node.uuid)}
        found = new_violations(before, after, instances)
        if found:
            self.job.warn(
                f"After the ipolicy change the following instances violate it: {', '.join(found)}"
            )

    def _result(self, group: NodeGroup) -> list[tuple[str, Any]]:
        """Own values of what was asked for, as the command prints them."""
        found = []
        if self.op.ndparams:
            found.append(("ndparams", codec.to_builtins(group.ndparams)))
        if self.op.diskparams:
            found.append(("diskparams", codec.to_builtins(group.diskparams)))
        return found

    def hooks(self, plan: ModifyPlan) -> HookPlan:
        env = {"GROUP_NAME": plan.group.name, "NEW_ALLOC_POLICY": str(self.op.alloc_policy)}
        return group_hooks("group-modify", self.job.snapshot().config, env)

    def describe(self, plan: ModifyPlan) -> tuple[str, ...]:
        before = self.job.snapshot().config.groups[plan.group.uuid]
        return describe_changes(f"node group {plan.group.name}", before, plan.group) or NOTHING

    async def execute(self, plan: ModifyPlan) -> list[tuple[str, Any]]:
        def change(state: State) -> Delta:
            group = state.config.find_group(plan.group.uuid)
            changed = changed_group(state.config, group, self.op)
            return () if changed == group else (put(changed),)

        await self.job.conclude(change, plan.result)
        return plan.result
