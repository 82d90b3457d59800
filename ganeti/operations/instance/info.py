"""All there is to know about instances, for C{gnt-instance info}."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from msgspec.structs import asdict

from ganeti.errors import GanetiError, OpExecError
from ganeti.model import codec
from ganeti.model.config import Configuration
from ganeti.model.disk import Disk
from ganeti.model.hypervisors import CLUSTER_ONLY
from ganeti.model.instance import Instance
from ganeti.model.live import InstanceRuntime, RunState
from ganeti.model.locks import Level, shared
from ganeti.model.nic import Nic
from ganeti.model.parameters import own_values
from ganeti.model.state import State
from ganeti.opcodes.instance import OpInstanceQueryData
from ganeti.operations.asking import reason
from ganeti.operations.unit import LockRequest, Unit
from ganeti.rpc.calls import Call, ListDisks, ListInstances

R = TypeVar("R")

STATUS_OK = 1
"""Of a local disk (params.json, local_disk_status)."""


@dataclass(frozen=True, kw_only=True)
class InfoPlan:
    """
    Which instances, and what their nodes said.

    @ivar run_states: C{up} or C{down} by instance uuid; only of those that were looked at.
    @ivar places: where disks were found, as (node uuid, end of the logical id).
    """

    instances: tuple[Instance, ...]
    run_states: Mapping[str, str] = field(default_factory=dict)
    places: frozenset[tuple[str, str]] = frozenset()


class InstanceQueryData(Unit[OpInstanceQueryData, InfoPlan]):
    """Configuration and, unless C{static}, what runs."""

    OP = OpInstanceQueryData

    def locks(self, state: State) -> LockRequest:
        if not self.op.use_locking:
            return ()
        return shared(
            Level.INSTANCE, *(instance.name for instance in self._instances(state.config))
        )

    def _instances(self, config: Configuration) -> list[Instance]:
        if not self.op.instances:
            return list(config.instances.values())
        found = [config.find_instance(name) for name in self.op.instances]
        return list({instance.uuid: instance for instance in found}.values())

    async def plan(self) -> InfoPlan:
        config = self.job.snapshot().config
        instances = self._instances(config)
        self._warn_of_offline_nodes(config, instances)
        if self.op.static:
            return InfoPlan(instances=tuple(instances))
        online = [i for i in instances if not config.nodes[i.primary_node].offline]
        return InfoPlan(
            instances=tuple(instances),
            run_states=await self._look(config, online),
            places=await self._find_disks(config, online),
        )

    def _warn_of_offline_nodes(self, config: Configuration, instances: list[Instance]) -> None:
        affected: dict[str, list[str]] = {}
        for instance in instances:
            node = config.nodes[instance.primary_node]
            if node.offline:
                affected.setdefault(node.name, []).append(instance.name)
        for node_name, names in affected.items():
            plural = "s" if len(names) > 1 else ""
            self.job.warn(
                f"Primary node {node_name} is marked offline, returning static information"
                f" only for instance{plural} {', '.join(names)}"
            )

    async def _look(self, config: Configuration, online: list[Instance]) -> dict[str, str]:
        nodes = {instance.primary_node for instance in online}
        call = ListInstances(hypervisors=tuple(sorted({i.hypervisor for i in online})))
        answers = await self._ask_all(config, nodes, call)
        running = {
            (uuid, guest.name): guest for uuid, guests in answers.items() for guest in guests
        }
        return {
            instance.uuid: run_state(running.get((instance.primary_node, instance.name)))
            for instance in online
        }

    async def _find_disks(
        self, config: Configuration, online: list[Instance]
    ) -> frozenset[tuple[str, str]]:
        nodes = {instance.primary_node for instance in online if instance.disks}
        answers = await self._ask_all(config, nodes, ListDisks())
        return frozenset((uuid, disk.place) for uuid, disks in answers.items() for disk in disks)

    async def _ask_all(self, config: Configuration, nodes: set[str], call: Call[R]) -> dict[str, R]:
        found: dict[str, R] = {}
        for uuid, answer in (await self.job.rpc.call_all(nodes, call)).items():
            if isinstance(answer, GanetiError):
                name = config.nodes[uuid].name
                raise OpExecError(f"Error checking node {name}: {reason(answer)}") from answer
            found[uuid] = answer
        return found

    async def execute(self, plan: InfoPlan) -> dict[str, dict[str, Any]]:
        config = self.job.snapshot().config
        return {
            instance.uuid: describe(config, instance, plan)
            for instance in plan.instances
            if instance.uuid in config.instances
        }


def run_state(guest: InstanceRuntime | None) -> str:
    """C{up} or C{down}; a guest that ended itself is down."""
    running = guest is not None and guest.state in (RunState.RUNNING, RunState.PAUSED)
    return "up" if running else "down"


def describe(config: Configuration, instance: Instance, plan: InfoPlan) -> dict[str, Any]:
    """One instance, as plain values; what was not looked at is None."""
    nodes = config.instance_nodes(instance)
    disks = config.instance_disks(instance)
    return {
        "name": instance.name,
        "uuid": instance.uuid,
        "config_state": instance.admin_state,
        "run_state": plan.run_states.get(instance.uuid),
        **_nodes(config, nodes),
        "os": instance.os,
        "nics": [_nic(config, nic) for nic in instance.nics],
        "disk_template": config.disk_template(instance),
        "disks": [_disk(disk, instance.primary_node, plan) for disk in disks],
        "hypervisor": instance.hypervisor,
        "network_port": instance.network_port,
        **_parameters(config, instance),
        "serial_no": instance.serial_no,
        "ctime": instance.ctime,
        "mtime": instance.mtime,
    }


def _nodes(config: Configuration, uuids: Sequence[str]) -> dict[str, Any]:
    primary, *secondaries = [config.nodes[uuid] for uuid in uuids]
    groups = config.groups
    return {
        "pnode": primary.name,
        "pnode_group_uuid": primary.group,
        "pnode_group_name": groups[primary.group].name,
        "snodes": [node.name for node in secondaries],
        "snodes_group_uuids": [node.group for node in secondaries],
        "snodes_group_names": [groups[node.group].name for node in secondaries],
    }


def _parameters(config: Configuration, instance: Instance) -> dict[str, Any]:
    filled = asdict(config.filled_beparams(instance))
    hvparams = config.filled_hvparams(instance)
    return {
        "hv_instance": dict(instance.hvparams),
        "hv_actual": {name: hvparams[name] for name in hvparams if name not in CLUSTER_ONLY},
        "be_instance": own_values(instance.beparams),
        "be_actual": {**filled, "memory": filled["maxmem"]},
        "os_instance": dict(instance.osparams),
        "os_actual": config.filled_osparams(instance),
    }


def _nic(config: Configuration, nic: Nic) -> list[Any]:
    params = config.filled_nicparams(nic)
    network = None if nic.network is None else config.networks[nic.network]
    return [
        nic.name,
        nic.uuid,
        nic.ip,
        nic.mac,
        params.mode,
        params.link,
        params.vlan,
        nic.network,
        None if network is None else codec.to_builtins(network),
    ]


def _disk(disk: Disk, node_uuid: str, plan: InfoPlan) -> dict[str, Any]:
    place = str(disk.logical_id[-1])
    found = (node_uuid, place) in plan.places
    return {
        "iv_name": disk.iv_name,
        "uuid": disk.uuid,
        "name": disk.name,
        "dev_type": disk.dev_type,
        "logical_id": list(disk.logical_id),
        "mode": disk.mode,
        "size": disk.size,
        "spindles": disk.spindles,
        # Path, major, minor, sync percent, time left, degraded, status of the local disk.
        "pstatus": [place, None, None, None, None, False, STATUS_OK] if found else None,
        "sstatus": None,
        "children": [_disk(child, node_uuid, plan) for child in disk.children],
    }
