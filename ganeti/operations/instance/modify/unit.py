"""Change an instance."""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from ganeti.model.config import Configuration
from ganeti.model.disk import Disk
from ganeti.model.instance import Instance
from ganeti.model.locks import Level, shared
from ganeti.model.node import Node
from ganeti.model.recovery import Action, InConfig, ModifyInstance, OnNode
from ganeti.model.state import State
from ganeti.opcodes.instance import OpInstanceSetParams
from ganeti.operations.describing import NOTHING, describe_actions, describe_disk, node_name
from ganeti.operations.instance.environment import instance_hooks
from ganeti.operations.instance.modify import checks
from ganeti.operations.instance.modify.planning import MEMORY, ModifyPlan, ModifyPlanning
from ganeti.operations.instance.state import find_instance, instance_locks
from ganeti.operations.unit import HookPlan, LockRequest, Unit
from ganeti.rpc.calls import CreateDisk, RemoveDisk, RenameDisk, SetMemory, encode_call
from ganeti.utils.text import format_unit


class InstanceSetParams(Unit[OpInstanceSetParams, ModifyPlan]):
    """
    What is done on nodes and can be taken back comes first: memory, new disks, moves.

    Then the configuration gets all changes at once, and the data of removed disks goes.
    """

    OP = OpInstanceSetParams

    def locks(self, state: State) -> LockRequest:
        checks.check_request(self.op)
        instance = self._instance(state)
        node = self._new_primary(state.config, instance)
        return (*instance_locks(state.config, instance), *shared(Level.NODE, node.uuid))

    def _instance(self, state: State) -> Instance:
        return find_instance(state.config, self.op.instance_name, self.op.instance_uuid)

    def _new_primary(self, config: Configuration, instance: Instance) -> Node:
        given = self.op.pnode if self.op.pnode_uuid is None else self.op.pnode_uuid
        return config.nodes[instance.primary_node] if given is None else config.find_node(given)

    async def plan(self) -> ModifyPlan:
        state = self.job.snapshot()
        before = self._instance(state)
        node = self._new_primary(state.config, before)
        return await ModifyPlanning(self.op, self.job, state.config, before, node).plan()

    def hooks(self, plan: ModifyPlan) -> HookPlan:
        config = self.job.snapshot().config
        return self._hooks(plan, plan.before, config.instance_disks(plan.before))

    def hooks_after(self, plan: ModifyPlan) -> dict[str, str]:
        known = self.job.snapshot().config.instances.get(plan.instance.uuid, plan.instance)
        return dict(self._hooks(plan, known, list(plan.disks)).env)

    def _hooks(self, plan: ModifyPlan, instance: Instance, disks: list[Disk]) -> HookPlan:
        config = self.job.snapshot().config
        extra = {} if plan.memory is None else {"RUNTIME_MEMORY": str(plan.memory.after)}
        return instance_hooks(config, "instance-modify", instance, disks, extra)

    def describe(self, plan: ModifyPlan) -> list[str]:
        config = self.job.snapshot().config
        name, where = plan.instance.name, f"on {node_name(config, plan.instance.primary_node)}"
        lines = []
        if plan.memory is not None:
            lines.append(f"give instance {name} {format_unit(plan.memory.after)} of memory {where}")
        lines += [f"create {describe_disk(disk)} {where}" for disk in plan.made]
        lines += [
            f"move {describe_disk(disk)} to {renamed.logical_id[-1]} {where}"
            for disk, renamed in plan.moved
        ]
        change, *removals = describe_actions(config, self._actions(plan))
        told = [f"{what} -> {value}" for what, value in plan.results if what != MEMORY]
        lines += [f"{change}: {', '.join(told)}"] if told else []
        return [*lines, *removals] or list(NOTHING)

    def dry_result(self, plan: ModifyPlan) -> list[Any]:
        return [list(result) for result in plan.results]

    async def execute(self, plan: ModifyPlan) -> list[Any]:
        node_uuid = plan.instance.primary_node
        if plan.memory is not None:
            set_to, set_back = (
                SetMemory(
                    name=plan.instance.name,
                    hypervisor=plan.instance.hypervisor,
                    memory_mib=memory_mib,
                )
                for memory_mib in (plan.memory.after, plan.memory.before)
            )
            await self.job.step(node_uuid, set_to, set_back)
        await self._make_disks(plan)
        for disk, renamed in plan.moved:
            move = RenameDisk(disk=disk, renamed=renamed)
            await self.job.step(node_uuid, move, RenameDisk(disk=renamed, renamed=disk))
        result = self.dry_result(plan)
        await self.job.finish(self._actions(plan), result=result)
        return result

    async def _make_disks(self, plan: ModifyPlan) -> None:
        instance = plan.instance
        for disk in plan.made:
            place = instance.disks.index(disk.uuid)
            self.job.log(f"* disk {place}, size {format_unit(disk.size)}")
            call = CreateDisk(disk=disk, instance_uuid=instance.uuid, instance_name=instance.name)
            await self.job.step(instance.primary_node, call, RemoveDisk(disk=disk))
        if plan.made and self.op.wait_for_sync:
            self.job.info(f"Waiting for instance {instance.name} to sync disks")
            self.job.info(f"Instance {instance.name}'s disks are in sync")

    def _actions(self, plan: ModifyPlan) -> tuple[Action, ...]:
        change = build_change(self.job.snapshot().config, plan)
        removals = [
            OnNode(
                node_uuid=node_uuid,
                call=Raw(encode_call(RemoveDisk(disk=disk))),
                may_fail=True,
                what=f"Could not remove disk {place} of instance {plan.instance.name}",
            )
            for place, disk in plan.removed
            for node_uuid in disk.nodes or (plan.before.primary_node,)
        ]
        return (InConfig(compensation=change), *removals)


def build_change(config: Configuration, plan: ModifyPlan) -> ModifyInstance:
    """What the configuration gets: the values that change, and no others."""
    names = (
        "primary_node",
        "os",
        "admin_state",
        "hvparams",
        "beparams",
        "osparams",
        "osparams_private",
        "nics",
        "disks",
    )
    values = {
        name: getattr(plan.instance, name)
        for name in names
        if getattr(plan.instance, name) != getattr(plan.before, name)
    }
    return ModifyInstance(
        uuid=plan.instance.uuid,
        **values,
        put_disks=tuple(disk for disk in plan.disks if config.disks.get(disk.uuid) != disk),
        removed_disks=tuple(disk.uuid for _, disk in plan.removed),
    )
