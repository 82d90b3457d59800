"""How much memory an instance has, and whether there is room for it on a node."""

from __future__ import annotations

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.node import Node
from ganeti.model.origins import Levels, origin_text
from ganeti.model.parameters import BeParams
from ganeti.model.reservation import Reservation, ReservationKind
from ganeti.operations.asking import ask
from ganeti.operations.unit import JobContext
from ganeti.rpc.calls import GetNodeInfo


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
    resources = await ask(job, node, GetNodeInfo(hypervisors=(hypervisor,)))
    if resources.memory_free is None:
        raise OpPrereqError(
            f"Can't compute free memory on node {node.name} for {doing} instance {instance_name}:"
            f" hypervisor {hypervisor} does not report it",
            ErrorCode.ENVIRONMENT,
        )
    available = resources.memory_free - job.reserved(ReservationKind.NODE_MEMORY, node.uuid)
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
