"""After C{gnt-cluster init}: its hooks."""

from __future__ import annotations

from ganeti.opcodes.cluster import OpClusterPostInit
from ganeti.operations.unit import HookPlan, Unit


class ClusterPostInit(Unit[OpClusterPostInit, None]):
    """Does nothing but have its post hooks run."""

    OP = OpClusterPostInit

    async def plan(self) -> None:
        return None

    def hooks(self, plan: None) -> HookPlan:
        cluster = self.job.snapshot().config.cluster
        return HookPlan(
            path="cluster-init",
            object_type="CLUSTER",
            env={"OP_TARGET": cluster.cluster_name},
            post_nodes=(cluster.master_node,),
        )

    async def execute(self, plan: None) -> bool:
        return True
