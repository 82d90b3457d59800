"""The port of a new instance's graphical console."""

from __future__ import annotations

from ganeti.errors import ErrorCode, OpPrereqError, ReservationError
from ganeti.model.cluster import FIRST_PORT, LAST_PORT
from ganeti.model.config import Configuration
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.ports import NEED_PORT, free_ports
from ganeti.model.reservation import Reservation, ReservationKind
from ganeti.operations.unit import JobContext


def reserve_port(job: JobContext, config: Configuration, hypervisor: HypervisorName) -> int | None:
    """
    Keep a free port for this job; None when the hypervisor has no use for one.

    @raise OpPrereqError: all are in use.
    """
    if hypervisor not in NEED_PORT:
        return None
    for port in free_ports(config.cluster):
        if port in config.indexes.ports:
            continue
        try:
            job.reserve(Reservation(kind=ReservationKind.PORT, key=str(port), job_id=job.id))
        except ReservationError:
            continue  # another job has it
        return port
    raise OpPrereqError(
        f"All TCP ports from {FIRST_PORT} to {LAST_PORT} are in use", ErrorCode.NO_RESOURCES
    )
