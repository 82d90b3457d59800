"""Change settings of the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from ganeti.errors import ErrorCode, GanetiError, OpPrereqError
from ganeti.model.compliance import new_violations
from ganeti.model.config import Configuration
from ganeti.model.delta import Change, Delta, put
from ganeti.model.locks import LOCKSET, Level, shared
from ganeti.model.roles import candidate_pool, promotions
from ganeti.model.state import State
from ganeti.opcodes.cluster import OpClusterSetParams
from ganeti.operations.asking import reason
from ganeti.operations.cluster.node_checks import check_allocator, check_nodes
from ganeti.operations.cluster.plain_settings import list_notes
from ganeti.operations.cluster.settings import changed_cluster
from ganeti.operations.cluster.usage import check_usage
from ganeti.operations.describing import NOTHING, describe_changes
from ganeti.operations.group.settings import check_exclusive_storage
from ganeti.operations.node.remove import promotions_possible
from ganeti.operations.unit import HookPlan, LockRequest, Unit
from ganeti.rpc.calls import NodeVersion


@dataclass(frozen=True, kw_only=True)
class ModifyPlan:
    """
    What is to change.

    @ivar settings: new values of the fields of the cluster's record that change.
    @ivar certificates: digest by uuid of each node that may become a master candidate.
    """

    settings: Mapping[str, Any]
    certificates: Mapping[str, str]


class ClusterSetParams(Unit[OpClusterSetParams, ModifyPlan]):
    """Change the cluster's record, and fill the pool of master candidates when it grows."""

    OP = OpClusterSetParams

    def locks(self, state: State) -> LockRequest:
        """Instances and nodes stay as they are while it is checked whether they permit it."""
        levels = (Level.INSTANCE, Level.NODEGROUP, Level.NODE)
        return tuple(lock for level in levels for lock in shared(level, LOCKSET))

    async def plan(self) -> ModifyPlan:
        config = self.job.snapshot().config
        changed = changed_cluster(config, self.op)
        after = config.with_cluster(changed)
        check_usage(config, after)
        if self.op.ndparams is not None:
            check_exclusive_storage(config, after)
        if self.op.default_iallocator is not None or self.op.default_iallocator_params is not None:
            name, parameters = changed.default_iallocator, changed.default_iallocator_params
            check_allocator(self.job.paths, name, parameters)
        if self.op.modify_etc_hosts and self.job.paths.virtual:
            raise OpPrereqError(
                "In a virtual cluster the machine's /etc/hosts is left alone",
                ErrorCode.WRONG_INPUT,
            )
        await check_nodes(self.job, self.op, config, changed)
        self._tell(config, after)
        return ModifyPlan(
            settings={
                name: value
                for name in changed.__struct_fields__
                if (value := getattr(changed, name)) != getattr(config.cluster, name)
            },
            certificates=await self._certificates(after),
        )

    def _tell(self, before: Configuration, after: Configuration) -> None:
        for note in list_notes(before.cluster, self.op):
            self.job.info(note)
        if self.op.ipolicy is not None:
            found = new_violations(before, after, after.instances)
            if found:
                self.job.warn(
                    "After the ipolicy change the following instances violate it:"
                    f" {', '.join(found)}"
                )
        enabled = after.cluster.enabled_disk_templates
        new = set(enabled) - set(before.cluster.enabled_disk_templates)
        forbidden = sorted(new - set(after.cluster.ipolicy.disk_templates))
        if forbidden:
            self.job.warn(
                "The instance policy does not allow disk templates that are enabled now:"
                f" {', '.join(forbidden)}"
            )

    async def _certificates(self, after: Configuration) -> dict[str, str]:
        """Of the nodes that can become candidates, when the pool is too small."""
        if self.op.candidate_pool_size is None:
            return {}
        pool = candidate_pool(after)
        size = after.cluster.candidate_pool_size
        if pool.now > size:
            self.job.info(
                f"There are {pool.now} master candidates, more than the {size} wanted;"
                " none of them is demoted"
            )
        missing = len(promotions(after))
        if not missing:
            return {}
        nodes = [node.uuid for node in promotions_possible(after, "")]
        answers = await self.job.rpc.call_all(nodes, NodeVersion())
        found = {}
        for uuid, answer in answers.items():
            if isinstance(answer, GanetiError):
                name = after.nodes[uuid].name
                self.job.warn(f"Node {name} cannot be made a master candidate: {reason(answer)}")
            else:
                found[uuid] = answer.certificate_digest
        return found

    def hooks(self, plan: ModifyPlan) -> HookPlan:
        cluster = self.job.snapshot().config.cluster
        nodes = (cluster.master_node,)
        return HookPlan(
            path="cluster-modify",
            object_type="CLUSTER",
            env={"OP_TARGET": cluster.cluster_name, "NEW_VG_NAME": str(self.op.vg_name)},
            pre_nodes=nodes,
            post_nodes=nodes,
        )

    def describe(self, plan: ModifyPlan) -> tuple[str, ...]:
        config = self.job.snapshot().config
        changed = replace(config.cluster, **plan.settings)
        chosen = promotions(config.with_cluster(changed), among=plan.certificates)
        lines = (
            *describe_changes("the cluster", config.cluster, changed),
            *(f"make node {node.name} a master candidate" for node in chosen),
        )
        return lines or NOTHING

    async def execute(self, plan: ModifyPlan) -> None:
        promoted: list[str] = []

        def change(state: State) -> Delta:
            config = state.config
            changed = changed_cluster(config, self.op)
            chosen = promotions(config.with_cluster(changed), among=plan.certificates)
            promoted[:] = [node.name for node in chosen]
            certs = {node.uuid: plan.certificates[node.uuid] for node in chosen}
            changed = replace(changed, candidate_certs=config.cluster.candidate_certs | certs)
            nodes: list[Change] = [put(replace(node, master_candidate=True)) for node in chosen]
            return (*nodes, *((put(changed),) if changed != config.cluster else ()))

        await self.job.conclude(change)
        if promoted:
            self.job.info(f"Promoted nodes to master candidate role: {', '.join(promoted)}")
