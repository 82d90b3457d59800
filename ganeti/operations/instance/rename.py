"""Give an instance another name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import Raw
from msgspec.structs import replace

from ganeti.model.disk import Disk
from ganeti.model.instance import AdminState, Instance
from ganeti.model.live import InstanceSpec
from ganeti.model.locks import Level, exclusive
from ganeti.model.recovery import Action, InConfig, ModifyInstance, OnNode
from ganeti.model.state import State
from ganeti.opcodes.instance import OpInstanceRename
from ganeti.operations.asking import check_online
from ganeti.operations.describing import describe_disk
from ganeti.operations.instance.create_request import check_new_name
from ganeti.operations.instance.disks import disk_of
from ganeti.operations.instance.environment import instance_hooks
from ganeti.operations.instance.naming import check_name_options, reserve_name, resolve_name
from ganeti.operations.instance.spec import build_spec, secret_osparams
from ganeti.operations.instance.startup import stop_call
from ganeti.operations.instance.state import (
    check_marked,
    check_not_running,
    find_instance,
    instance_locks,
)
from ganeti.operations.unit import HookPlan, LockRequest, Unit
from ganeti.rpc.calls import RenameDisk, RunOsRename, encode_call

CANNOT = "cannot rename"


@dataclass(frozen=True, kw_only=True)
class RenamePlan:
    """
    The instance before and after.

    @ivar moved: disks that get another place, each before and after.
    @ivar remains: it has ended itself, which is cleared away under its old name.
    """

    before: Instance
    instance: Instance
    disks: tuple[Disk, ...]
    moved: tuple[tuple[Disk, Disk], ...]
    spec: InstanceSpec
    node_name: str
    remains: bool


class InstanceRename(Unit[OpInstanceRename, RenamePlan]):
    """
    Move its disks, name it anew, and let its OS know.

    A move that fails is taken back with those before it. Then nothing can keep the
    name from being changed; what the OS's script says is only told.
    """

    OP = OpInstanceRename

    def locks(self, state: State) -> LockRequest:
        instance = self._instance(state)
        check_name_options(name_check=self.op.name_check, ip_check=self.op.ip_check)
        name = check_new_name(state.config, self.op.new_name)
        return (*instance_locks(state.config, instance), *exclusive(Level.INSTANCE, name))

    def _instance(self, state: State) -> Instance:
        return find_instance(state.config, self.op.instance_name, self.op.instance_uuid)

    async def plan(self) -> RenamePlan:
        state = self.job.snapshot()
        config = state.config
        before = self._instance(state)
        node = config.nodes[before.primary_node]
        check_online(node)
        check_marked(before, (AdminState.DOWN,), CANNOT)
        name = check_new_name(config, self.op.new_name)
        await resolve_name(self.job, name, name_check=self.op.name_check, ip_check=self.op.ip_check)
        guest = await check_not_running(self.job, node, before, CANNOT)
        reserve_name(self.job, name)
        old = config.instance_disks(before)
        disks = tuple(disk_of(disk, name) for disk in old)
        instance = replace(before, name=name)
        return RenamePlan(
            before=before,
            instance=instance,
            disks=disks,
            moved=tuple((a, b) for a, b in zip(old, disks, strict=True) if a != b),
            spec=build_spec(config, instance, disks),
            node_name=node.name,
            remains=guest is not None,
        )

    def hooks(self, plan: RenamePlan) -> HookPlan:
        config = self.job.snapshot().config
        return self._hooks(plan, plan.before, config.instance_disks(plan.before))

    def hooks_after(self, plan: RenamePlan) -> dict[str, str]:
        config = self.job.snapshot().config
        known = config.instances.get(plan.instance.uuid, plan.instance)
        return dict(self._hooks(plan, known, plan.disks).env)

    def _hooks(self, plan: RenamePlan, instance: Instance, disks: Sequence[Disk]) -> HookPlan:
        config = self.job.snapshot().config
        extra = {"INSTANCE_NEW_NAME": plan.instance.name}
        return instance_hooks(config, "instance-rename", instance, disks, extra)

    def describe(self, plan: RenamePlan) -> list[str]:
        moves = [
            f"move {describe_disk(disk)} to {renamed.logical_id[-1]} on {plan.node_name}"
            for disk, renamed in plan.moved
        ]
        lines = [*moves, f"rename instance {plan.before.name} to {plan.instance.name}"]
        if self._has_script(plan):
            lines.append(f"run the rename script of {plan.instance.os} on {plan.node_name}")
        return lines

    def _has_script(self, plan: RenamePlan) -> bool:
        return bool(plan.disks and plan.instance.os)

    def dry_result(self, plan: RenamePlan) -> str:
        return plan.instance.name

    async def execute(self, plan: RenamePlan) -> str:
        if plan.remains:
            await self.job.step(plan.before.primary_node, stop_call(plan.before))
        for disk, renamed in plan.moved:
            for node_uuid in disk.nodes or (plan.before.primary_node,):
                move = RenameDisk(disk=disk, renamed=renamed)
                back = RenameDisk(disk=renamed, renamed=disk)
                await self.job.step(node_uuid, move, back)
        await self.job.finish(self._actions(plan), result=plan.instance.name)
        return plan.instance.name

    def _actions(self, plan: RenamePlan) -> tuple[Action, ...]:
        rename = InConfig(
            compensation=ModifyInstance(
                uuid=plan.instance.uuid,
                name=plan.instance.name,
                put_disks=tuple(renamed for _, renamed in plan.moved),
            )
        )
        return (rename, self._script(plan)) if self._has_script(plan) else (rename,)

    def _script(self, plan: RenamePlan) -> OnNode:
        call = RunOsRename(
            spec=plan.spec,
            old_name=plan.before.name,
            secret_osparams=secret_osparams(self.job.snapshot().config, plan.instance),
            debug=self.op.debug_level or 0,
        )
        return OnNode(
            node_uuid=plan.instance.primary_node,
            call=Raw(encode_call(call)),
            may_fail=True,
            owed=False,
            what=(
                f"Could not run OS rename script for instance {plan.instance.name}"
                f" on node {plan.node_name} (but the instance has been renamed in Ganeti)"
            ),
        )
