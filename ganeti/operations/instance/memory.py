"""How much memory an instance has, and whether there is room for it on a node."""

from __future__ import annotations

from msgspec.structs import replace

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.live import InstanceSpec
from ganeti.model.node import Node
from ganeti.model.origins import Levels, origin_text
from ganeti.model.parameters import BeParams
from ganeti.model.reservation import Reservation, ReservationKind
from ganeti.operations.asking import ask
from ganeti.operations.unit import JobContext
from ganeti.rpc.calls import GetNodeInfo

SPARE_MIB = 64
"""What is left to a node where an instance gets all that there is: its own needs vary."""


async def reserve_memory(
    job: JobContext,
    node: Node,
    hypervisor: HypervisorName,
    instance_name: str,
    needed_mib: int,
    doing: str,
) -> None:
    """
    Keep memory on a node for an instance until the job ends.

    What other open jobs keep there counts as taken: they may not have started
    their instances yet.

    @param doing: C{creating} or C{starting}, for the error's text.
    @raise OpPrereqError: there is too little, or the node does not say how much.
    """
    available = await _available(job, node, hypervisor, instance_name, doing)
    _reserve(job, node, instance_name, needed_mib, available, doing)


async def choose_memory(
    job: JobContext, node: Node, spec: InstanceSpec, used_mib: int, doing: str
) -> InstanceSpec:
    """
    Keep as much memory for an instance's start as it may have, or as there is: minmem at least.

    @param used_mib: what it has now and gives up before.
    @return: C{spec} with that.
    @raise OpPrereqError: there is too little, or the node does not say how much.
    """
    name, bounds = spec.instance.name, spec.beparams
    available = await _available(job, node, spec.hypervisor, name, doing)
    room = used_mib + available
    chosen = bounds.maxmem if bounds.maxmem <= room else max(bounds.minmem, room - SPARE_MIB)
    if chosen > used_mib:
        _reserve(job, node, name, chosen - used_mib, available, doing)
    if chosen == bounds.maxmem:
        return spec
    job.info(f"Instance {name} starts with {chosen} MiB of memory: {node.name} has no more")
    return replace(spec, memory_mib=chosen)


async def _available(
    job: JobContext, node: Node, hypervisor: HypervisorName, instance_name: str, doing: str
) -> int:
    """What is free on the node, in MiB, and not kept for others."""
    resources = await ask(job, node, GetNodeInfo(hypervisors=(hypervisor,)))
    if resources.memory_free is None:
        raise OpPrereqError(
            f"Can't compute free memory on node {node.name} for {doing} instance {instance_name}:"
            f" hypervisor {hypervisor} does not report it",
            ErrorCode.ENVIRONMENT,
        )
    return resources.memory_free - job.reserved(ReservationKind.NODE_MEMORY, node.uuid)


def _reserve(
    job: JobContext,
    node: Node,
    instance_name: str,
    needed_mib: int,
    available: int,
    doing: str,
) -> None:
    if needed_mib > available:
        raise OpPrereqError(
            f"Not enough memory on node {node.name} for {doing} instance {instance_name}:"
            f" needed {needed_mib} MiB, available {max(available, 0)} MiB",
            ErrorCode.NO_RESOURCES,
        )
    job.reserve(
        Reservation(
            kind=ReservationKind.NODE_MEMORY,
            key=instance_name,
            job_id=job.id,
            node_uuid=node.uuid,
            amount=needed_mib,
        )
    )


def check_memory_bounds(beparams: BeParams, levels: Levels) -> None:
    """
    @param levels: where the parameters come from.
    @raise OpPrereqError: the least memory is more than the most.
    """
    if beparams.minmem > beparams.maxmem:
        raise OpPrereqError(
            f"Value of minmem ({beparams.minmem}, {origin_text('minmem', levels)}) must be lower or"
            f" equal to the value of maxmem ({beparams.maxmem}, {origin_text('maxmem', levels)})",
            ErrorCode.WRONG_INPUT,
        )
