"""
Recovery records: what to do with a half-done step, written before the step acts.

A compensation takes a configuration change back. It is evaluated on the
configuration as it is then (L{ganeti.model.compensation.compensate}), never an old
object put back: others may have changed it meanwhile.

Calls are kept encoded (L{msgspec.Raw} holding a node call's JSON): the model
does not know node calls.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from ganeti.model.disk import Disk
from ganeti.model.instance import AdminState, AdminStateSource
from ganeti.model.nic import Nic
from ganeti.model.parameters import PartialBeParams
from ganeti.model.reservation import Reservation
from ganeti.model.secret import Secret


class RemoveInstance(
    Struct, frozen=True, kw_only=True, tag_field="compensation", tag="remove_instance"
):
    """The instance and its disks leave the configuration."""

    uuid: str


class RemoveNode(Struct, frozen=True, kw_only=True, tag_field="compensation", tag="remove_node"):
    """
    The node leaves the configuration, and its debts with it.

    The pool of master candidates is filled again with nodes of C{successors}, which
    holds the certificate digest by uuid of each node that could be asked for it.
    """

    uuid: str
    successors: dict[str, str] = {}


class MarkInstance(
    Struct, frozen=True, kw_only=True, tag_field="compensation", tag="mark_instance"
):
    """The instance gets this admin state; C{disks_active} and the source when given too."""

    uuid: str
    admin_state: AdminState
    disks_active: bool | None = None
    admin_state_source: AdminStateSource | None = None


class ModifyInstance(
    Struct, frozen=True, kw_only=True, tag_field="compensation", tag="modify_instance"
):
    """
    The instance gets the values that are given; those not given stay.

    C{put_disks} are added to the configuration or replaced there, C{removed_disks} leave it;
    C{disks} says which ones are the instance's, and in which order.
    """

    uuid: str
    name: str | UnsetType = UNSET
    primary_node: str | UnsetType = UNSET
    os: str | UnsetType = UNSET
    admin_state: AdminState | UnsetType = UNSET
    hvparams: dict[str, Any] | UnsetType = UNSET
    beparams: PartialBeParams | UnsetType = UNSET
    osparams: dict[str, str] | UnsetType = UNSET
    osparams_private: dict[str, Secret] | UnsetType = UNSET
    nics: tuple[Nic, ...] | UnsetType = UNSET
    disks: tuple[str, ...] | UnsetType = UNSET
    put_disks: tuple[Disk, ...] = ()
    removed_disks: tuple[str, ...] = ()


class RemoveDisks(Struct, frozen=True, kw_only=True, tag_field="compensation", tag="remove_disks"):
    """The disks leave the configuration and the instances that name them."""

    uuids: tuple[str, ...]


class MarkNode(Struct, frozen=True, kw_only=True, tag_field="compensation", tag="mark_node"):
    """The node gets these flags; those not given stay."""

    uuid: str
    offline: bool | None = None
    drained: bool | None = None
    master_candidate: bool | None = None


class ForgetCertificate(
    Struct, frozen=True, kw_only=True, tag_field="compensation", tag="forget_certificate"
):
    """The node's certificate leaves the list of the master candidates'."""

    node_uuid: str


Compensation = (
    RemoveInstance
    | RemoveNode
    | MarkInstance
    | ModifyInstance
    | RemoveDisks
    | MarkNode
    | ForgetCertificate
)


class OnNode(Struct, frozen=True, kw_only=True, tag_field="kind", tag="on_node"):
    """
    Part of a L{Finish}: a node call.

    With C{may_fail} a refusal of the node is a warning and the sequence goes on, and a
    node that is offline or unreachable gets a debt (if C{owed}; else a warning, too).
    Without, both end it in error; if it is not known whether the call had or may yet have
    effect, it and what comes behind it are owed all the same, unless C{owed} is false.
    """

    node_uuid: str
    call: msgspec.Raw
    may_fail: bool = False
    owed: bool = True
    what: str = ""
    """Put before the error's text, like C{Could not shutdown instance 'web1'}."""


class InConfig(Struct, frozen=True, kw_only=True, tag_field="kind", tag="in_config"):
    """Part of a L{Finish}: a change of the configuration."""

    compensation: Compensation


Action = OnNode | InConfig


class UndoCall(Struct, frozen=True, kw_only=True, tag_field="kind", tag="undo_call"):
    """
    A node call is under way or was done: end that request, then run C{call}.

    Without C{call} ending the request is all there is to undo.
    """

    op: int
    """Index of the opcode in its job."""
    step: int
    node_uuid: str
    undoes: str
    """Id of the request, C{job/op/step}."""
    call: msgspec.Raw | UnsetType = UNSET


class UndoConfig(Struct, frozen=True, kw_only=True, tag_field="kind", tag="undo_config"):
    """The configuration was changed: change it back."""

    op: int
    step: int
    compensation: Compensation


class Finish(Struct, frozen=True, kw_only=True, tag_field="kind", tag="finish"):
    """The point of no return is passed: do the actions from the C{done}-th on, in order."""

    op: int
    step: int
    actions: tuple[Action, ...]
    done: int = 0
    result: Any = None
    """Of the opcode, once all actions are done."""


class Settle(Struct, frozen=True, kw_only=True, tag_field="kind", tag="settle"):
    """Ask the opcode's unit, which looks at the nodes first and then decides."""

    op: int
    step: int
    stage: str
    data: Any = None


Recovery = UndoCall | UndoConfig | Finish | Settle


class Debt(Struct, frozen=True, kw_only=True):
    """What a node still has to do, because it could not be reached when its job ended."""

    uuid: str
    node_uuid: str
    job_id: int
    op: int
    reason: str
    """What failed, for the admin."""
    created: int
    """Nanoseconds since the epoch."""
    action: UndoCall | OnNode | Finish
    """A L{Finish}: the actions from its C{done}-th on, which bring an operation to its end."""
    reservations: tuple[Reservation, ...] = ()
