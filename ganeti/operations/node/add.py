"""Make a machine a node of the cluster, or take back one that was away."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from ganeti.errors import ErrorCode, OpPrereqError, ReservationError, ResolverError, RpcError
from ganeti.model.config import Configuration
from ganeti.model.locks import Level, exclusive, shared
from ganeti.model.names import normal_host_name
from ganeti.model.node import Node
from ganeti.model.reservation import Reservation, ReservationKind
from ganeti.model.roles import joins_pool
from ganeti.model.state import State
from ganeti.opcodes.node import OpNodeAdd
from ganeti.operations.asking import reason
from ganeti.operations.node.addresses import check_addresses
from ganeti.operations.node.hooks import other_nodes
from ganeti.operations.node.joining import find_group, new_node, put_node, returning_node
from ganeti.operations.node.role_record import build_role_record
from ganeti.operations.unit import HookPlan, LockRequest, NeedLocks, Unit
from ganeti.rpc.calls import NodeVersion, SetRole, VersionInfo
from ganeti.utils.hosts import Host
from ganeti.version import PROTOCOL_VERSION

NODED_PORT = 1811


@dataclass(frozen=True, kw_only=True)
class AddPlan:
    """The node as it will be; whether it becomes a candidate is decided with the commit."""

    node: Node
    digest: str
    readd: bool


class NodeAdd(Unit[OpNodeAdd, AddPlan]):
    """Let the node accept our authority, then put it into the configuration."""

    OP = OpNodeAdd

    def locks(self, state: State) -> LockRequest:
        return self._locks(state.config, normal_host_name(self.op.node_name))

    def _locks(self, config: Configuration, name: str) -> LockRequest:
        known = config.node_by_name.get(name)
        group = find_group(config, self.op.group) if not self.op.readd else None
        groups = () if group is None else shared(Level.NODEGROUP, group.uuid)
        return (*groups, *exclusive(Level.NODE, name if known is None else known))

    async def plan(self) -> AddPlan:
        state = self.job.snapshot()
        config = state.config
        host = await self._resolve(config)
        old = self._find_old(config, host.name)
        primary = self.op.primary_ip or host.ip
        secondary = self._choose_secondary(old, primary)
        check_addresses(config, host.name, primary, secondary, virtual=self.job.paths.virtual)
        version = await self._ask_version(host.name, primary)
        await self._check_secondary(host.name, primary, secondary)
        if old is None:
            self._reserve(host.name, primary, secondary)
            node = new_node(config, self.op, host.name, primary, secondary, version)
        else:
            node = returning_node(config, self.op, old, primary, secondary, version)
        return AddPlan(node=node, digest=version.certificate_digest, readd=old is not None)

    async def _resolve(self, config: Configuration) -> Host:
        given = normal_host_name(self.op.node_name)
        known = config.node_by_name.get(given)
        if known is not None and not self.op.readd:
            return Host(given, config.nodes[known].primary_ip)
        try:
            host = await self.job.resolver.resolve(given)
        except ResolverError as err:
            raise OpPrereqError(
                f"The given name ({given}) does not resolve: {err.args[2]}", ErrorCode.RESOLVER
            ) from err
        wanted = self._locks(config, host.name)
        if not set(wanted) <= set(self.job.locks_held):
            raise NeedLocks(wanted)
        return host

    def _find_old(self, config: Configuration, name: str) -> Node | None:
        known = config.node_by_name.get(name)
        if self.op.readd and known is None:
            raise OpPrereqError(f"Node {name} is not in the configuration", ErrorCode.NOT_FOUND)
        if not self.op.readd and known is not None:
            raise OpPrereqError(f"Node {name} is already in the configuration", ErrorCode.EXISTS)
        if known is None:
            return None
        if known == config.cluster.master_node:
            raise OpPrereqError("Cannot readd the master node", ErrorCode.WRONG_STATE)
        old = config.nodes[known]
        if self.op.secondary_ip not in (None, old.secondary_ip):
            raise OpPrereqError(
                "Readded node doesn't have the same IP address configuration as before",
                ErrorCode.WRONG_INPUT,
            )
        return old

    def _choose_secondary(self, old: Node | None, primary: str) -> str:
        if old is not None and old.secondary_ip == old.primary_ip:
            return primary  # it has one address, which may have changed
        if self.op.secondary_ip is not None:
            return self.op.secondary_ip
        return primary if old is None else old.secondary_ip

    async def _ask_version(self, name: str, ip: str) -> VersionInfo:
        try:
            version = await self.job.rpc.call_at(name, ip, NodeVersion())
        except RpcError as err:
            raise OpPrereqError(
                f"Can't get version information from node {name}: {reason(err)}",
                ErrorCode.ENVIRONMENT,
            ) from err
        if version.protocol != PROTOCOL_VERSION:
            raise OpPrereqError(
                f"Version mismatch master version {PROTOCOL_VERSION},"
                f" node version {version.protocol}",
                ErrorCode.WRONG_STATE,
            )
        if version.name != name:
            raise OpPrereqError(
                f"The node daemon at {ip} says that it is {version.name}, not {name}",
                ErrorCode.WRONG_STATE,
            )
        return version

    async def _check_secondary(self, name: str, primary: str, secondary: str) -> None:
        if secondary == primary or await self.job.resolver.answers(secondary, NODED_PORT):
            return
        raise OpPrereqError(
            f"Node {name}: secondary ip {secondary} not reachable by TCP based ping"
            " to node daemon port",
            ErrorCode.ENVIRONMENT,
        )

    def _reserve(self, name: str, primary: str, secondary: str) -> None:
        wanted = [(ReservationKind.NAME, name)]
        wanted += [(ReservationKind.IP, ip) for ip in sorted({primary, secondary})]
        try:
            self.job.reserve(
                *(Reservation(kind=kind, key=key, job_id=self.job.id) for kind, key in wanted)
            )
        except ReservationError as err:
            raise OpPrereqError(
                f"Node {name} or its address is being added by another job: {err}",
                ErrorCode.EXISTS,
            ) from err

    def hooks(self, plan: AddPlan) -> HookPlan:
        node = plan.node
        others = other_nodes(self.job.snapshot().config, node.uuid)
        return HookPlan(
            path="node-add",
            object_type="NODE",
            env={
                "OP_TARGET": node.name,
                "NODE_NAME": node.name,
                "NODE_PIP": node.primary_ip,
                "NODE_SIP": node.secondary_ip,
                "MASTER_CAPABLE": str(node.master_capable),
                "VM_CAPABLE": str(node.vm_capable),
            },
            pre_nodes=others,
            post_nodes=(*others, node.uuid),
        )

    def describe(self, plan: AddPlan) -> tuple[str, str]:
        name = plan.node.name
        change = f"change node {name} in" if plan.readd else f"add node {name} to"
        return f"tell {name} who the master is", f"{change} the configuration"

    async def execute(self, plan: AddPlan) -> None:
        node = plan.node
        state = self.job.snapshot()
        if plan.readd:
            self.job.info("Readding a node, the offline/drained flags were reset")
            if joins_pool(state.config, node):
                self.job.info("Node will be a master candidate")
        await self._introduce(state, node)
        await self.job.conclude(put_node(node, plan.digest))

    async def _introduce(self, state: State, node: Node) -> None:
        """Without the node's own entry: as a candidate it is told of with the commit."""
        record = build_role_record(state.config, state.term)
        candidates = {uuid: cert for uuid, cert in record.candidates.items() if uuid != node.uuid}
        call = SetRole(record=replace(record, candidates=candidates))
        await self.job.rpc.call_at(node.name, node.primary_ip, call, node.uuid)
