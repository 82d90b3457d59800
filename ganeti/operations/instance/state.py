"""Checks of an instance's state, and changes of it, that several units share."""

from __future__ import annotations

from collections.abc import Callable, Collection

from msgspec.structs import replace

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.config import Configuration
from ganeti.model.delta import Delta, put
from ganeti.model.instance import AdminState, AdminStateSource, Instance
from ganeti.model.live import InstanceRuntime, RunState
from ganeti.model.locks import Level, exclusive, shared
from ganeti.model.node import Node
from ganeti.model.state import State
from ganeti.operations.asking import ask
from ganeti.operations.unit import JobContext, LockRequest
from ganeti.rpc.calls import GetInstance


def find_instance(config: Configuration, name: str, uuid: str | None) -> Instance:
    """@raise OpPrereqError: there is no such instance. The uuid goes before the name."""
    return config.find_instance(name if uuid is None else uuid)


def instance_locks(config: Configuration, instance: Instance) -> LockRequest:
    """The instance for ourselves; its nodes shared, so that none of them leaves meanwhile."""
    return (
        *exclusive(Level.INSTANCE, instance.name),
        *shared(Level.NODE, *config.instance_nodes(instance)),
    )


def check_not_offline(instance: Instance) -> None:
    """@raise OpPrereqError: the admin has put the instance away."""
    if instance.admin_state is AdminState.OFFLINE:
        raise OpPrereqError(
            f"Instance '{instance.name}' is marked to be offline,"
            " can't use instance from outside down, up states",
            ErrorCode.WRONG_STATE,
        )


def check_marked(instance: Instance, allowed: Collection[AdminState], problem: str) -> None:
    """
    @param problem: what cannot be done, for the error's text.
    @raise OpPrereqError: the instance should be in none of the allowed states.
    """
    if instance.admin_state not in allowed:
        raise OpPrereqError(
            f"Instance '{instance.name}' is marked to be {instance.admin_state}, {problem}",
            ErrorCode.WRONG_STATE,
        )


async def find_guest(job: JobContext, node: Node, instance: Instance) -> InstanceRuntime | None:
    """
    What the primary node has of an instance.

    @raise OpPrereqError: it does not say.
    """
    return await ask(job, node, GetInstance(name=instance.name, hypervisor=instance.hypervisor))


def is_running(guest: InstanceRuntime | None) -> bool:
    """Not so when it ended itself and only remains are there."""
    return guest is not None and guest.state in (RunState.RUNNING, RunState.PAUSED)


async def check_not_running(
    job: JobContext, node: Node, instance: Instance, problem: str
) -> InstanceRuntime | None:
    """
    Whatever the instance is marked to be, does it run?

    @param problem: what cannot be done, for the error's text.
    @return: what is left of it on its node.
    @raise OpPrereqError: it runs, or its node does not say.
    """
    guest = await find_guest(job, node, instance)
    if is_running(guest):
        raise OpPrereqError(
            f"Instance '{instance.name}' is running, {problem}", ErrorCode.WRONG_STATE
        )
    return guest


def mark_up(instance_uuid: str) -> Callable[[State], Delta]:
    """The change that says the instance is to run."""

    def change(state: State) -> Delta:
        instance = state.config.find_instance(instance_uuid)
        marked = replace(
            instance,
            admin_state=AdminState.UP,
            admin_state_source=AdminStateSource.ADMIN,
            disks_active=True,
        )
        return () if marked == instance else (put(marked),)

    return change
