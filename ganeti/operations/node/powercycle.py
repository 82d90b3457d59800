"""Restart a node at once."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Raw

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.node import Node
from ganeti.model.recovery import OnNode
from ganeti.opcodes.node import OpNodePowercycle
from ganeti.operations.asking import check_online
from ganeti.operations.unit import Unit
from ganeti.rpc.calls import POWERCYCLE_DELAY_S, PowercycleNode, encode_call


@dataclass(frozen=True, kw_only=True)
class PowercyclePlan:
    """Which node is restarted."""

    node: Node


class NodePowercycle(Unit[OpNodePowercycle, PowercyclePlan]):
    """Tell the node; it takes no locks, since it is the last resort when jobs hang."""

    OP = OpNodePowercycle

    async def plan(self) -> PowercyclePlan:
        config = self.job.snapshot().config
        given = self.op.node_name if self.op.node_uuid is None else self.op.node_uuid
        node = config.find_node(given)
        if node.uuid == config.cluster.master_node and not self.op.force:
            raise OpPrereqError(
                "The node is the master and the force parameter was not set",
                ErrorCode.WRONG_INPUT,
            )
        check_online(node)
        return PowercyclePlan(node=node)

    def describe(self, plan: PowercyclePlan) -> tuple[str, ...]:
        return (f"restart node {plan.node.name} at once",)

    async def execute(self, plan: PowercyclePlan) -> str:
        result = f"Reboot scheduled in {POWERCYCLE_DELAY_S:g} seconds"
        action = OnNode(
            node_uuid=plan.node.uuid,
            call=Raw(encode_call(PowercycleNode())),
            owed=False,
            what=f"Failed to schedule the reboot of node {plan.node.name}",
        )
        # The master daemon may be what goes down: then its next start ends this job.
        # A node that was out of reach is not restarted when it has come back long after.
        await self.job.finish((action,), result)
        return result
