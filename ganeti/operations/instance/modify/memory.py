"""Memory: of the guest that runs, and room for more of it at the next start."""

from __future__ import annotations

from dataclasses import dataclass

from ganeti.errors import ErrorCode, OpPrereqError, RpcError
from ganeti.model.config import Configuration
from ganeti.model.instance import Instance
from ganeti.model.live import InstanceRuntime
from ganeti.model.node import Node
from ganeti.operations.asking import check_online, reason
from ganeti.operations.instance.memory import reserve_memory
from ganeti.operations.instance.state import find_guest, is_running
from ganeti.operations.unit import JobContext
from ganeti.rpc.calls import GetInstance, GetNodeInfo


@dataclass(frozen=True, kw_only=True)
class MemoryChange:
    """Of a running guest, in MiB."""

    before: int
    after: int


async def plan_memory(
    job: JobContext, config: Configuration, instance: Instance, wanted_mib: int, *, force: bool
) -> MemoryChange:
    """
    @param instance: with the bounds that it will have.
    @raise OpPrereqError: it does not run, or may not or cannot have so much.
    """
    node = config.nodes[instance.primary_node]
    check_online(node)
    guest = await find_guest(job, node, instance)
    if guest is None or not is_running(guest):
        raise OpPrereqError(f"Instance {instance.name} is not running", ErrorCode.WRONG_STATE)
    bounds = config.filled_beparams(instance)
    if not force and not bounds.minmem <= wanted_mib <= bounds.maxmem:
        raise OpPrereqError(
            f"Instance {instance.name} must have memory between {bounds.minmem} and"
            f" {bounds.maxmem} MB of memory unless --force is given",
            ErrorCode.WRONG_INPUT,
        )
    more = wanted_mib - guest.memory_mib
    if more > 0:
        doing = "ballooning memory for"
        await reserve_memory(job, node, instance.hypervisor, instance.name, more, doing)
    return MemoryChange(before=guest.memory_mib, after=wanted_mib)


async def check_room(
    job: JobContext, config: Configuration, before: Instance, after: Instance
) -> None:
    """
    Could the instance be started with the memory that it gets?

    A node that does not answer is only warned of.

    @raise OpPrereqError: its primary node has too little.
    """
    most = config.filled_beparams(after).maxmem
    if most <= config.filled_beparams(before).maxmem:
        return
    node = config.nodes[after.primary_node]
    try:
        used, free = await _look(job, node, after)
    except RpcError as err:
        job.warn(f"Can't get info from primary node {node.name}: {reason(err)}")
        return
    missing = 0 if free is None else most - used - free
    if missing > 0:
        raise OpPrereqError(
            f"This change will prevent the instance from starting, due to {missing} MB of memory"
            f" missing on its primary node {node.name}; --force skips this check",
            ErrorCode.NO_RESOURCES,
        )


async def _look(job: JobContext, node: Node, instance: Instance) -> tuple[int, int | None]:
    """What the guest has now, and what is free beside."""
    call = GetInstance(name=instance.name, hypervisor=instance.hypervisor)
    guest: InstanceRuntime | None = await job.rpc.call(node.uuid, call)
    info = await job.rpc.call(node.uuid, GetNodeInfo(hypervisors=(instance.hypervisor,)))
    return (guest.memory_mib if guest is not None and is_running(guest) else 0), info.memory_free
