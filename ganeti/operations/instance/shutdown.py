"""Shut an instance down."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Raw

from ganeti.model.disk import Disk
from ganeti.model.instance import AdminState, AdminStateSource, Instance
from ganeti.model.recovery import Action, InConfig, MarkInstance, OnNode
from ganeti.model.state import State
from ganeti.opcodes.instance import OpInstanceShutdown
from ganeti.operations.asking import check_online
from ganeti.operations.describing import describe_actions
from ganeti.operations.instance.environment import instance_hooks
from ganeti.operations.instance.startup import stop_call
from ganeti.operations.instance.state import check_not_offline, find_instance, instance_locks
from ganeti.operations.unit import HookPlan, LockRequest, Unit
from ganeti.rpc.calls import encode_call


@dataclass(frozen=True, kw_only=True)
class ShutdownPlan:
    """What to do, in order; nothing of it is taken back."""

    instance: Instance
    disks: tuple[Disk, ...]
    actions: tuple[Action, ...]
    node_offline: bool = False


class InstanceShutdown(Unit[OpInstanceShutdown, ShutdownPlan]):
    """Stop it, then mark it as down."""

    OP = OpInstanceShutdown

    def locks(self, state: State) -> LockRequest:
        return instance_locks(state.config, self._instance(state))

    def _instance(self, state: State) -> Instance:
        return find_instance(state.config, self.op.instance_name, self.op.instance_uuid)

    async def plan(self) -> ShutdownPlan:
        state = self.job.snapshot()
        config = state.config
        instance = self._instance(state)
        if self.op.force:
            self.job.warn("Ignoring offline instance check")
        else:
            check_not_offline(instance)
        node = config.nodes[instance.primary_node]
        ignored = node.offline and self.op.ignore_offline_nodes
        if ignored:
            self.job.warn("Ignoring offline primary node")
        else:
            check_online(node)
        return ShutdownPlan(
            instance=instance,
            disks=tuple(config.instance_disks(instance)),
            actions=self._actions(instance, ignored),
            node_offline=ignored,
        )

    def _actions(self, instance: Instance, node_offline: bool) -> tuple[Action, ...]:
        stop = OnNode(
            node_uuid=instance.primary_node,
            call=Raw(encode_call(stop_call(instance, timeout_s=float(self.op.timeout)))),
            what=f"Could not shutdown instance '{instance.name}'",
        )
        mark = InConfig(
            compensation=MarkInstance(
                uuid=instance.uuid,
                admin_state=AdminState.DOWN,
                disks_active=False,
                admin_state_source=self.op.admin_state_source or AdminStateSource.ADMIN,
            )
        )
        stops: tuple[Action, ...] = () if node_offline else (stop,)
        # An instance that is put away stays so, even if it had to be forced down.
        marks = self.op.no_remember or instance.admin_state is AdminState.OFFLINE
        return stops if marks else (*stops, mark)

    def hooks(self, plan: ShutdownPlan) -> HookPlan:
        return self._hooks(plan, plan.instance)

    def hooks_after(self, plan: ShutdownPlan) -> dict[str, str]:
        known = self.job.snapshot().config.instances.get(plan.instance.uuid, plan.instance)
        return dict(self._hooks(plan, known).env)

    def _hooks(self, plan: ShutdownPlan, instance: Instance) -> HookPlan:
        config = self.job.snapshot().config
        extra = {"TIMEOUT": str(self.op.timeout)}
        return instance_hooks(config, "instance-stop", instance, plan.disks, extra)

    def describe(self, plan: ShutdownPlan) -> tuple[str, ...]:
        return describe_actions(self.job.snapshot().config, plan.actions)

    async def execute(self, plan: ShutdownPlan) -> None:
        if plan.node_offline:
            self.job.info("Primary node offline, marked instance as stopped")
        if plan.actions:
            await self.job.finish(plan.actions)
