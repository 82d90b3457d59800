"""
Compensations: how a configuration change is taken back.

A compensation is evaluated on the configuration as it is then, never an old
object put back (others may have changed it meanwhile), and does nothing when
things are already as it wants them.
"""

from __future__ import annotations

from msgspec import Struct

from ganeti.model.instance import AdminState


class RemoveInstance(Struct, frozen=True, kw_only=True, tag_field="compensation", tag="remove_instance"):
    """The instance and its disks leave the configuration."""

    uuid: str


class RemoveNode(Struct, frozen=True, kw_only=True, tag_field="compensation", tag="remove_node"):
    """The node leaves the configuration."""

    uuid: str


class MarkInstance(Struct, frozen=True, kw_only=True, tag_field="compensation", tag="mark_instance"):
    """The instance gets this admin state; C{disks_active} when given too."""

    uuid: str
    admin_state: AdminState
    disks_active: bool | None = None


class RemoveDisks(Struct, frozen=True, kw_only=True, tag_field="compensation", tag="remove_disks"):
    """The disks leave the configuration and the instances that name them."""

    uuids: tuple[str, ...]


class MarkNode(Struct, frozen=True, kw_only=True, tag_field="compensation", tag="mark_node"):
    """The node gets these flags; those not given stay."""

    uuid: str
    offline: bool | None = None
    drained: bool | None = None
    master_candidate: bool | None = None


class ForgetCertificate(Struct, frozen=True, kw_only=True, tag_field="compensation", tag="forget_certificate"):
    """The node's certificate leaves the list of the master candidates'."""

    node_uuid: str


Compensation = RemoveInstance | RemoveNode | MarkInstance | RemoveDisks | MarkNode | ForgetCertificate
