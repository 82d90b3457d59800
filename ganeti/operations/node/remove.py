"""Take a node out of the cluster."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Raw

from ganeti.errors import ErrorCode, GanetiError, OpPrereqError
from ganeti.model.config import Configuration
from ganeti.model.locks import Level, exclusive
from ganeti.model.node import Node
from ganeti.model.recovery import Action, InConfig, OnNode, RemoveNode
from ganeti.model.roles import promotions
from ganeti.model.state import State
from ganeti.opcodes.node import OpNodeRemove
from ganeti.operations.describing import describe_actions
from ganeti.operations.node.hooks import other_nodes
from ganeti.operations.unit import HookPlan, LockRequest, Unit
from ganeti.rpc.calls import LeaveCluster, NodeVersion, encode_call


@dataclass(frozen=True, kw_only=True)
class RemovePlan:
    """
    What to do, in order; nothing of it is taken back.

    @ivar reachable: the node is not marked offline.
    """

    node: Node
    reachable: bool
    actions: tuple[Action, ...]


class NodeRemove(Unit[OpNodeRemove, RemovePlan]):
    """Tell the node to leave, forget it, and refill the pool of master candidates."""

    OP = OpNodeRemove

    def locks(self, state: State) -> LockRequest:
        return exclusive(Level.NODE, self._node(state.config).uuid)

    def _node(self, config: Configuration) -> Node:
        return config.find_node(
            self.op.node_name if self.op.node_uuid is None else self.op.node_uuid
        )

    async def plan(self) -> RemovePlan:
        config = self.job.snapshot().config
        node = self._node(config)
        check_removable(config, node)
        successors = await self._successors(config, node) if node.master_candidate else {}
        forget = InConfig(compensation=RemoveNode(uuid=node.uuid, successors=successors))
        leave = OnNode(
            node_uuid=node.uuid,
            call=Raw(encode_call(LeaveCluster())),
            may_fail=True,
            owed=False,
            what="Errors encountered on the remote node while leaving the cluster",
        )
        return RemovePlan(
            node=node,
            reachable=not node.offline,
            actions=(forget,) if node.offline else (leave, forget),
        )

    async def _successors(self, config: Configuration, node: Node) -> dict[str, str]:
        wanted = promotions(config, without=node.uuid)
        if not wanted:
            return {}
        # More than are needed: some may not answer.
        eligible = promotions_possible(config, node.uuid)
        answers = await self.job.rpc.call_all([each.uuid for each in eligible], NodeVersion())
        digests = {
            uuid: answer.certificate_digest
            for uuid, answer in answers.items()
            if not isinstance(answer, GanetiError) and answer.certificate_digest
        }
        if len(digests) < len(wanted):
            self.job.warn(
                f"Only {len(digests)} of {len(wanted)} nodes could be made master candidates"
                " in its place: the others do not answer"
            )
        return digests

    def hooks(self, plan: RemovePlan) -> HookPlan:
        others = other_nodes(self.job.snapshot().config, plan.node.uuid)
        return HookPlan(
            path="node-remove",
            object_type="NODE",
            env={"OP_TARGET": plan.node.name, "NODE_NAME": plan.node.name},
            pre_nodes=others,
            post_nodes=others,
        )

    def describe(self, plan: RemovePlan) -> tuple[str, ...]:
        return describe_actions(self.job.snapshot().config, plan.actions)

    async def execute(self, plan: RemovePlan) -> None:
        if plan.reachable:
            # Afterwards it obeys nobody any more.
            await self.job.run_hooks(self.hooks(plan), "post", (plan.node.uuid,))
        await self.job.finish(plan.actions)


def promotions_possible(config: Configuration, without: str) -> list[Node]:
    """All nodes that could become candidates."""
    return [
        node
        for node in config.nodes.values()
        if node.uuid != without
        and node.master_capable
        and not (node.master_candidate or node.offline or node.drained)
    ]


def check_removable(config: Configuration, node: Node) -> None:
    """@raise OpPrereqError: it is the master, or has instances."""
    if node.uuid == config.cluster.master_node:
        raise OpPrereqError(
            "Node is the master node, failover to another node is required",
            ErrorCode.WRONG_INPUT,
        )
    for uuid in sorted(config.instances_on(node.uuid)):
        raise OpPrereqError(
            f"Instance {config.instances[uuid].name} is still running on the node,"
            " please remove first",
            ErrorCode.WRONG_INPUT,
        )
