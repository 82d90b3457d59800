"""What nodes and open jobs say, and the situation that follows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any

from ganeti.errors import GanetiError
from ganeti.htools.cluster import DOWN
from ganeti.htools.records import Instance
from ganeti.model.config import Configuration
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.instance import AdminState
from ganeti.model.live import InstanceRuntime, NodeResources
from ganeti.model.reservation import Reservation, ReservationKind
from ganeti.model.templates import DiskTemplate, disk_room
from ganeti.operations.allocators.figures import NodeFigures, Tenant, node_figures
from ganeti.operations.allocators.requests import Allocate, AllocatorRequest, MultiAllocate
from ganeti.operations.allocators.situation import Situation
from ganeti.operations.asking import online, reason
from ganeti.operations.gather import Asker, node_question
from ganeti.rpc.calls import ListInstances
from ganeti.utils.aio import gather


@dataclass(frozen=True, kw_only=True)
class Stock:
    """
    What nodes answered, by uuid; all that were asked are there.

    @ivar config: what was known before they were asked: the disks in it were there.
    """

    config: Configuration
    resources: Mapping[str, NodeResources | GanetiError]
    runtimes: Mapping[str, tuple[InstanceRuntime, ...] | GanetiError]


@dataclass(frozen=True, kw_only=True)
class Claims:
    """
    What open jobs and debts keep for themselves.

    @ivar promised: instances that were given nodes, and are not in the configuration yet.
    """

    reservations: tuple[Reservation, ...] = ()
    promised: tuple[Instance, ...] = ()


async def take_stock(config: Configuration, rpc: Asker, request: AllocatorRequest) -> Stock:
    """Ask all nodes that may have instances what they have, and what runs there."""
    asked = online(node for node in config.nodes.values() if node.vm_capable)
    hypervisor, template = subject(config, request)
    cluster = config.cluster
    questions: list[Awaitable[Any]] = [
        rpc.call_all(asked, node_question(cluster, (hypervisor,), (template,))),
        rpc.call_all(asked, ListInstances(hypervisors=cluster.enabled_hypervisors)),
    ]
    resources, runtimes = await gather(questions)
    return Stock(config=config, resources=resources, runtimes=runtimes)


def subject(
    config: Configuration, request: AllocatorRequest
) -> tuple[HypervisorName, DiskTemplate]:
    """Of which hypervisor and which template free room is asked."""
    cluster = config.cluster
    one = request
    if isinstance(one, MultiAllocate) and one.instances:
        one = one.instances[0]
    if isinstance(one, Allocate):
        return HypervisorName(one.hypervisor), one.disk_template
    return cluster.default_hypervisor, cluster.enabled_disk_templates[0]


def build_situation(config: Configuration, stock: Stock, claims: Claims) -> Situation:
    """
    Put together what is known.

    The configuration may be younger than the answers of the nodes: instances that it has and
    that did not run then count as if they were about to start, and disks that it had not then
    as if they were about to be made.
    """
    figures: dict[str, NodeFigures] = {}
    silent: dict[str, str] = {}
    for uuid in stock.resources:
        if uuid not in config.nodes:
            continue
        found = _figures_of(config, uuid, stock, claims)
        if isinstance(found, NodeFigures):
            figures[uuid] = found
        else:
            silent[uuid] = found
    return Situation(config=config, figures=figures, silent=silent, promised=claims.promised)


def _figures_of(
    config: Configuration, uuid: str, stock: Stock, claims: Claims
) -> NodeFigures | str:
    """A node's figures, or why it has none."""
    resources, runtimes = stock.resources[uuid], stock.runtimes[uuid]
    if isinstance(resources, GanetiError):
        return reason(resources)
    if isinstance(runtimes, GanetiError):
        return reason(runtimes)
    tenants = _tenants(config, uuid, claims)
    reserved = _reserved(config, uuid, claims, {one.name for one in tenants if one.up})
    figures = node_figures(
        resources,
        {runtime.name: runtime for runtime in runtimes},
        tenants,
        reserved_memory=reserved[ReservationKind.NODE_MEMORY],
        reserved_disk=reserved[ReservationKind.NODE_DISK] + _new_disks(config, uuid, stock),
    )
    return figures or "its hypervisor does not say how much memory and how many processors it has"


def _tenants(config: Configuration, uuid: str, claims: Claims) -> list[Tenant]:
    """The instances that a node is the primary node of, promised ones among them."""
    name = config.nodes[uuid].name
    own = (config.instances[one] for one in config.primary_instances(uuid))
    return [
        *(
            Tenant(
                name=one.name,
                memory=config.filled_beparams(one).maxmem,
                up=one.admin_state is AdminState.UP,
            )
            for one in own
        ),
        *(
            Tenant(name=one.name, memory=one.memory, up=one.status not in DOWN)
            for one in claims.promised
            if one.primary == name
        ),
    ]


def _new_disks(config: Configuration, uuid: str, stock: Stock) -> int:
    """What disks take on a node that came into the configuration since the stock was taken."""
    there = config.indexes.disks_on.get(uuid, ())
    before = stock.config.disks
    new = (config.disks[disk] for disk in there if disk not in before)
    return sum(disk_room(disk.dev_type, disk.size) for disk in new)


def _reserved(
    config: Configuration, uuid: str, claims: Claims, running: set[str]
) -> Counter[ReservationKind]:
    """
    What is reserved on a node, in MiB, and not counted already.

    @param running: names of instances whose memory is counted. Disks are there, and
        counted, when the configuration has the instance.
    """
    counted = {
        ReservationKind.NODE_MEMORY: running,
        ReservationKind.NODE_DISK: config.instance_by_name,
    }
    sums: Counter[ReservationKind] = Counter()
    for one in claims.reservations:
        if one.node_uuid == uuid and one.key not in counted.get(one.kind, ()):
            sums[one.kind] += one.amount
    return sums
