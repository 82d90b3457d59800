"""The end of a cluster."""

from __future__ import annotations

from dataclasses import dataclass

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.config import Configuration
from ganeti.model.locks import LOCKSET, Level, exclusive
from ganeti.model.state import State
from ganeti.opcodes.cluster import OpClusterDestroy
from ganeti.operations.unit import HookPlan, LockRequest, Unit


@dataclass(frozen=True, kw_only=True)
class DestroyPlan:
    """What is left of the cluster."""

    cluster_name: str
    master_uuid: str


class ClusterDestroy(Unit[OpClusterDestroy, DestroyPlan]):
    """
    Check that the cluster is empty and run its last hooks.

    Files are removed by the command, once this has told it that it may.
    """

    OP = OpClusterDestroy

    def locks(self, state: State) -> LockRequest:
        levels = (Level.INSTANCE, Level.NODEGROUP, Level.NODE, Level.NETWORK)
        return tuple(lock for level in levels for lock in exclusive(level, LOCKSET))

    async def plan(self) -> DestroyPlan:
        config = self.job.snapshot().config
        check_empty(config)
        cluster = config.cluster
        return DestroyPlan(cluster_name=cluster.cluster_name, master_uuid=cluster.master_node)

    def hooks(self, plan: DestroyPlan) -> HookPlan:
        return HookPlan(
            path="cluster-destroy", object_type="CLUSTER", env={"OP_TARGET": plan.cluster_name}
        )

    async def execute(self, plan: DestroyPlan) -> str:
        # Afterwards there is nobody left to run them.
        await self.job.run_hooks(self.hooks(plan), "post", (plan.master_uuid,))
        return plan.master_uuid


def check_empty(config: Configuration) -> None:
    """@raise OpPrereqError: there are nodes beside the master, or instances."""
    others = len(config.nodes) - 1
    if others:
        raise OpPrereqError(
            f"There are still {others} node(s) in this cluster.", ErrorCode.WRONG_INPUT
        )
    if config.instances:
        raise OpPrereqError(
            f"There are still {len(config.instances)} instance(s) in this cluster.",
            ErrorCode.WRONG_INPUT,
        )
