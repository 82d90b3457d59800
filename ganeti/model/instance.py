"""Instances: the virtual machines of the cluster."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct

from ganeti.model.fields import always
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.nic import Nic
from ganeti.model.parameters import PartialBeParams
from ganeti.model.secret import Secret


class AdminState(StrEnum):
    """What the admin wants of an instance."""

    UP = "up"
    DOWN = "down"
    OFFLINE = "offline"


class AdminStateSource(StrEnum):
    """Who asked for the admin state: the admin, or the guest by shutting down."""

    ADMIN = "admin"
    USER = "user"


class Instance(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An instance as configured; parameters hold only what differs from the cluster."""

    uuid: str
    name: str
    primary_node: str
    """Uuid."""
    os: str
    """Name of the OS definition, C{os} or C{os+variant}."""
    hypervisor: HypervisorName
    admin_state: AdminState = always(AdminState.DOWN)
    admin_state_source: AdminStateSource = always(AdminStateSource.ADMIN)
    hvparams: dict[str, Any] = always({})
    beparams: PartialBeParams = always(PartialBeParams())
    osparams: dict[str, str] = always({})
    osparams_private: dict[str, Secret] = always({})
    nics: tuple[Nic, ...] = always(())
    disks: tuple[str, ...] = always(())
    """Uuids, in the guest's order."""
    disks_active: bool = always(False)
    network_port: int | None = None
    tags: tuple[str, ...] = always(())
    serial_no: int = always(1)
    ctime: float = always(0.0)
    mtime: float = always(0.0)
    forthcoming: bool = False
