"""Names of new and renamed instances."""

from __future__ import annotations

from ganeti.errors import ErrorCode, OpPrereqError, ReservationError, ResolverError
from ganeti.model.reservation import Reservation, ReservationKind
from ganeti.model.state import State
from ganeti.operations.unit import JobContext

NODED_PORT = 1811
"""Where an address is probed: whatever answers there, even with a refusal, has taken it."""


def check_name_options(*, name_check: bool, ip_check: bool) -> None:
    """@raise OpPrereqError: the one makes no sense without the other."""
    if ip_check and not name_check:
        raise OpPrereqError(
            "Cannot do IP address check without a name check", ErrorCode.WRONG_INPUT
        )


async def resolve_name(
    job: JobContext, name: str, *, name_check: bool, ip_check: bool
) -> str | None:
    """
    The address of a new instance name; None when it was not asked for.

    @raise OpPrereqError: the name does not resolve, or something answers at its address.
    """
    if not name_check:
        return None
    try:
        host = await job.resolver.resolve(name)
    except ResolverError as err:
        raise OpPrereqError(
            f"The given name ({name}) does not resolve: {err.args[2]}", ErrorCode.RESOLVER
        ) from err
    if ip_check and await job.resolver.answers(host.ip, NODED_PORT):
        raise OpPrereqError(f"IP {host.ip} of instance {name} already in use", ErrorCode.NOT_UNIQUE)
    return host.ip


def reserve_name(job: JobContext, name: str) -> None:
    """
    Keep a new instance name for this job.

    @raise OpPrereqError: another job has it.
    """
    try:
        job.reserve(Reservation(kind=ReservationKind.NAME, key=name, job_id=job.id))
    except ReservationError as err:
        raise OpPrereqError(_why_kept(job.snapshot(), name), ErrorCode.EXISTS) from err


def _why_kept(state: State, name: str) -> str:
    for debt in state.debts.values():
        if (ReservationKind.NAME, name) in [(kept.kind, kept.key) for kept in debt.reservations]:
            node = state.config.nodes[debt.node_uuid]
            return (
                f"The name '{name}' is free again when node {node.name} has cleaned up"
                f" what job {debt.job_id} left there"
            )
    return f"Instance '{name}' is being created by another job"
