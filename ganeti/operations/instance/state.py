"""Checks of an instance's state, and changes of it, that several units share."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.config import Configuration
from ganeti.model.delta import Delta, put
from ganeti.model.instance import AdminState, AdminStateSource, Instance
from ganeti.model.locks import Level, exclusive, shared
from ganeti.model.state import State
from ganeti.operations.unit import LockRequest


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
