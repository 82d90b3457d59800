"""Remove an instance with its disks."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Raw

from ganeti.model.disk import Disk
from ganeti.model.instance import AdminState, Instance
from ganeti.model.node import Node
from ganeti.model.recovery import Action, InConfig, MarkInstance, OnNode, RemoveInstance
from ganeti.model.state import State
from ganeti.opcodes.instance import OpInstanceRemove
from ganeti.operations.describing import describe_actions
from ganeti.operations.instance.environment import instance_hooks
from ganeti.operations.instance.startup import stop_call
from ganeti.operations.instance.state import find_instance, instance_locks
from ganeti.operations.unit import HookPlan, LockRequest, Unit
from ganeti.rpc.calls import RemoveDisk, encode_call


@dataclass(frozen=True, kw_only=True)
class RemovePlan:
    """What to do, in order; nothing of it is taken back."""

    instance: Instance
    disks: tuple[Disk, ...]
    actions: tuple[Action, ...]


class InstanceRemove(Unit[OpInstanceRemove, RemovePlan]):
    """
    Stop it, remove its disks, forget it.

    With C{ignore_failures}, or when its node is marked offline, it is forgotten
    whatever the node says; what the node could not do, it owes.
    """

    OP = OpInstanceRemove

    def locks(self, state: State) -> LockRequest:
        return instance_locks(state.config, self._instance(state))

    def _instance(self, state: State) -> Instance:
        return find_instance(state.config, self.op.instance_name, self.op.instance_uuid)

    async def plan(self) -> RemovePlan:
        state = self.job.snapshot()
        instance = self._instance(state)
        node = state.config.nodes[instance.primary_node]
        disks = tuple(state.config.instance_disks(instance))
        return RemovePlan(
            instance=instance, disks=disks, actions=self._actions(instance, disks, node)
        )

    def _actions(
        self, instance: Instance, disks: tuple[Disk, ...], node: Node
    ) -> tuple[Action, ...]:
        stop = stop_call(instance, timeout_s=float(self.op.shutdown_timeout))
        may_fail = self.op.ignore_failures or node.offline
        stopping = OnNode(
            node_uuid=node.uuid,
            call=Raw(encode_call(stop)),
            may_fail=may_fail,
            what=f"Could not shutdown instance '{instance.name}'",
        )
        removing = [
            OnNode(
                node_uuid=holder,
                call=Raw(encode_call(RemoveDisk(disk=disk))),
                may_fail=may_fail,
                what="Can't remove instance's disks",
            )
            for disk in disks
            for holder in disk.nodes or (node.uuid,)
        ]
        forget = InConfig(compensation=RemoveInstance(uuid=instance.uuid))
        stopped = InConfig(
            compensation=MarkInstance(
                uuid=instance.uuid, admin_state=AdminState.DOWN, disks_active=False
            )
        )
        marking = (stopped,) if instance.admin_state is AdminState.UP else ()
        return (stopping, *marking, *removing, forget)

    def hooks(self, plan: RemovePlan) -> HookPlan:
        config = self.job.snapshot().config
        extra = {"SHUTDOWN_TIMEOUT": str(self.op.shutdown_timeout)}
        around = instance_hooks(config, "instance-remove", plan.instance, plan.disks, extra)
        return HookPlan(
            path=around.path,
            object_type=around.object_type,
            env=around.env,
            pre_nodes=(config.cluster.master_node,),
            post_nodes=around.post_nodes,
        )

    def describe(self, plan: RemovePlan) -> tuple[str, ...]:
        return describe_actions(self.job.snapshot().config, plan.actions)

    async def execute(self, plan: RemovePlan) -> None:
        await self.job.finish(plan.actions)
