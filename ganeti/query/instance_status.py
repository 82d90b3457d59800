"""How an instance is, compared with how it should be."""

from __future__ import annotations

from dataclasses import dataclass

from ganeti.errors import GanetiError
from ganeti.model.instance import AdminState, AdminStateSource, Instance
from ganeti.model.live import InstanceRuntime, RunState
from ganeti.query.fields import NODATA, OFFLINE, Missing
from ganeti.query.view import View


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What the nodes say about an instance."""

    missing: Missing | None
    """Why the primary node does not say anything."""
    runtime: InstanceRuntime | None
    on_primary: bool

    runs: bool
    """A guest is there and alive."""


_OFFLINE = Whereabouts(OFFLINE, None, False, False)
_SILENT = Whereabouts(NODATA, None, False, False)
_NOWHERE = Whereabouts(None, None, False, False)


def find_instance(instance: Instance, view: View) -> Whereabouts:
    """What is known of where and how C{instance} runs."""
    node_uuid = instance.primary_node
    node = view.config.nodes.get(node_uuid)
    if node is not None and node.offline:
        return _OFFLINE
    answer = view.live.instances.get(node_uuid)
    if answer is None or isinstance(answer, GanetiError):
        return _SILENT
    if instance.name in answer:
        return _found(answer[instance.name], True)
    elsewhere = view.whereabouts.get(instance.name)
    return _found(elsewhere[1], False) if elsewhere else _NOWHERE


def _found(runtime: InstanceRuntime, on_primary: bool) -> Whereabouts:
    alive = runtime.state is RunState.RUNNING or runtime.state is RunState.PAUSED
    return Whereabouts(None, runtime, on_primary, alive)


def instance_status(instance: Instance, found: Whereabouts, user_shutdown: bool) -> str:
    """
    The status in one word, as C{gnt-instance list} prints it.

    @param user_shutdown: the cluster lets guests shut themselves down.
    """
    if found.missing is OFFLINE:
        return "ERROR_nodeoffline"
    if found.missing is not None:
        return "ERROR_nodedown"
    if found.runs and not found.on_primary:
        return "ERROR_wrongnode"
    if found.runs:
        return "running" if instance.admin_state is AdminState.UP else "ERROR_up"
    return _stopped_status(instance, found.runtime, user_shutdown)


def _stopped_status(
    instance: Instance, runtime: InstanceRuntime | None, user_shutdown: bool
) -> str:
    by_user = instance.admin_state_source is AdminStateSource.USER or (
        runtime is not None and runtime.state is RunState.SHUTDOWN
    )
    match instance.admin_state:
        case AdminState.OFFLINE:
            return "ADMIN_offline"
        case AdminState.DOWN:
            source_is_user = instance.admin_state_source is AdminStateSource.USER
            return "USER_down" if user_shutdown and source_is_user else "ADMIN_down"
        case AdminState.UP:
            return "USER_down" if user_shutdown and by_user else "ERROR_down"
