"""Change roles, flags and settings of a node."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from msgspec.structs import asdict

from ganeti.errors import ErrorCode, GanetiError, OpPrereqError, RpcError
from ganeti.model.config import Configuration
from ganeti.model.locks import Level, exclusive
from ganeti.model.node import Node
from ganeti.model.node_changes import (
    ROLE_FLAGS,
    NodeChange,
    capable_node,
    changed_node,
    modify_node,
)
from ganeti.model.parameters import PartialNdParams, own_values
from ganeti.model.roles import joins_pool, pool_shortage
from ganeti.model.state import State
from ganeti.opcodes.node import OpNodeSetParams
from ganeti.operations.asking import online, reason
from ganeti.operations.node.ndparams import changed_ndparams
from ganeti.operations.node.remove import promotions_possible
from ganeti.operations.node.role_change import check_request, check_role_change
from ganeti.operations.node.secondary_ip import check_secondary_ip, mirrored_instances
from ganeti.operations.node.static_state import check_disk_state, check_hv_state, merged_state
from ganeti.operations.unit import HookPlan, LockRequest, Unit
from ganeti.rpc.calls import NodeVersion

_SHOWN = ("master_capable", "vm_capable", *ROLE_FLAGS, "powered")


@dataclass(frozen=True, kw_only=True)
class ModifyPlan:
    """
    What the node is, what it is to be, and the change that makes it so.

    @ivar result: what is told: name and new value of each flag and address.
    """

    node: Node
    changed: Node
    wanted: NodeChange
    result: tuple[tuple[str, bool | str], ...]


class NodeSetParams(Unit[OpNodeSetParams, ModifyPlan]):
    """One change of the configuration; the nodes follow it by themselves."""

    OP = OpNodeSetParams

    def locks(self, state: State) -> LockRequest:
        node = self._node(state.config)
        affected = mirrored_instances(state.config, node) if self.op.secondary_ip else ()
        names = (instance.name for instance in affected)
        return (*exclusive(Level.INSTANCE, *names), *exclusive(Level.NODE, node.uuid))

    def _node(self, config: Configuration) -> Node:
        return config.find_node(
            self.op.node_name if self.op.node_uuid is None else self.op.node_uuid
        )

    async def plan(self) -> ModifyPlan:
        check_request(self.op)
        config = self.job.snapshot().config
        node = self._node(config)
        if self.op.secondary_ip is not None:
            await check_secondary_ip(self.job, node, self.op.secondary_ip, force=self.op.force)
        wanted = self._wanted(node)
        check_role_change(config, self.op, node, changed_node(config, node, wanted))
        wanted = await self._with_certificates(config, node, wanted)
        changed = changed_node(config, node, wanted)
        self._tell_role(node, changed)
        return ModifyPlan(
            node=node, changed=changed, wanted=wanted, result=self._result(node, changed)
        )

    def _wanted(self, node: Node) -> NodeChange:
        op = self.op
        regains = (
            (op.drained is False and node.drained)
            or (op.offline is False and node.offline)
            or (op.master_capable is True and not node.master_capable)
        )
        hv_state, disk_state = op.hv_state, op.disk_state
        return NodeChange(
            uuid=node.uuid,
            offline=op.offline,
            drained=op.drained,
            master_candidate=op.master_candidate,
            master_capable=op.master_capable,
            vm_capable=op.vm_capable,
            powered=op.powered,
            secondary_ip=op.secondary_ip,
            ndparams=None if op.ndparams is None else changed_ndparams(node.ndparams, op.ndparams),
            hv_state_static=hv_state
            and merged_state(node.hv_state_static, check_hv_state(hv_state)),
            disk_state_static=disk_state
            and merged_state(node.disk_state_static, check_disk_state(disk_state)),
            promote=regains and op.master_candidate is None,
            refill=op.auto_promote,
        )

    # -- certificates of those that become candidates

    async def _with_certificates(
        self, config: Configuration, node: Node, wanted: NodeChange
    ) -> NodeChange:
        """
        C{wanted}, with the certificates of all that may become candidates.

        @raise OpPrereqError: the node is to be used again, and does not answer.
        """
        changed = changed_node(config, node, wanted)
        joins = wanted.promote and joins_pool(config, changed)
        found: dict[str, str] = {}
        if (node.offline and not changed.offline) or changed.master_candidate:
            found[node.uuid] = await self._certificate(node)
        elif joins:
            found |= await self._certificates([node])
        if wanted.refill:
            found |= await self._certificates(promotions_possible(config, node.uuid))
        return replace(wanted, certificates=found)

    async def _certificate(self, node: Node) -> str:
        try:
            return (await self.job.rpc.call(node.uuid, NodeVersion())).certificate_digest
        except RpcError as err:
            raise OpPrereqError(
                f"Node {node.name} does not answer, so it cannot get this role: {reason(err)}",
                ErrorCode.ENVIRONMENT,
            ) from err

    async def _certificates(self, nodes: list[Node]) -> dict[str, str]:
        names = {node.uuid: node.name for node in nodes}
        answers = await self.job.rpc.call_all(names, NodeVersion())
        found = {}
        for uuid, answer in answers.items():
            if isinstance(answer, GanetiError):
                self.job.warn(
                    f"Node {names[uuid]} cannot be made a master candidate: {reason(answer)}"
                )
            else:
                found[uuid] = answer.certificate_digest
        return found

    # -- telling

    def _tell_role(self, node: Node, changed: Node) -> None:
        if changed.master_candidate and not node.master_candidate and not self.op.master_candidate:
            self.job.info("Auto-promoting node to master candidate")
        loses = node.master_capable and not changed.master_capable
        if loses and node.master_candidate:
            self.job.info("Demoting from master candidate")

    def _result(self, node: Node, changed: Node) -> tuple[tuple[str, bool | str], ...]:
        flags = tuple(
            (name, getattr(changed, name))
            for name in _SHOWN
            if getattr(changed, name) != getattr(node, name)
        )
        ip = self.op.secondary_ip
        return flags if ip is None else (*flags, ("secondary_ip", ip))

    # -- doing

    def hooks(self, plan: ModifyPlan) -> HookPlan:
        op, config = self.op, self.job.snapshot().config
        values = {
            "MASTER_CANDIDATE": op.master_candidate,
            "OFFLINE": op.offline,
            "DRAINED": op.drained,
            "MASTER_CAPABLE": op.master_capable,
            "VM_CAPABLE": op.vm_capable,
        }
        return HookPlan(
            path="node-modify",
            object_type="NODE",
            env={"OP_TARGET": plan.node.name, **{k: str(v) for k, v in values.items()}},
            pre_nodes=online({node.uuid: node for node in (config.master, plan.node)}.values()),
            post_nodes=online({n.uuid: n for n in (config.master, plan.changed)}.values()),
        )

    def describe(self, plan: ModifyPlan) -> tuple[str, ...]:
        before, after = asdict(plan.node), asdict(plan.changed)
        name = plan.node.name
        changes = tuple(
            f"set {key} of node {name} to {_shown(after[key])}"
            for key in after
            if after[key] != before[key]
        )
        refill = (f"make other nodes master candidates in the place of {name}",)
        return changes + refill * plan.wanted.refill

    async def execute(self, plan: ModifyPlan) -> tuple[tuple[str, bool | str], ...]:
        config = self.job.snapshot().config
        self._warn_shortage(config, plan)
        if plan.changed != plan.node or plan.wanted.refill:
            wanted = plan.wanted
            await self.job.conclude(lambda s: modify_node(s.config, wanted), plan.result)
        return plan.result

    def _warn_shortage(self, config: Configuration, plan: ModifyPlan) -> None:
        """Say when there are too few candidates, before the change or after it."""
        if plan.changed == plan.node:
            return
        between = config.with_node(capable_node(plan.node, plan.wanted))
        after = config.with_node(plan.changed)
        shortage = pool_shortage(between) or pool_shortage(after)
        if shortage:
            self.job.log(f"Configuration data is not consistent: {shortage}")


def _shown(value: Any) -> str:
    return str(own_values(value) if isinstance(value, PartialNdParams) else value)
