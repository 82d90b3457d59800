"""Node groups."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct

from ganeti.model.fields import always
from ganeti.model.parameters import PartialNdParams, PartialNicParams
from ganeti.model.policy import PartialPolicy
from ganeti.model.templates import DiskTemplate


class AllocPolicy(StrEnum):
    """Whether new instances may be placed in a group."""

    PREFERRED = "preferred"
    LAST_RESORT = "last_resort"
    UNALLOCABLE = "unallocable"


class NodeGroup(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    A set of nodes that are near to each other.

    Which nodes: each node names its group (C{Configuration.group_members}); the
    key C{members} of config.data is made from that.
    """

    uuid: str
    name: str
    alloc_policy: AllocPolicy = always(AllocPolicy.PREFERRED)
    ndparams: PartialNdParams = always(PartialNdParams())
    diskparams: dict[DiskTemplate, dict[str, Any]] = always({})
    ipolicy: PartialPolicy = always(PartialPolicy())
    networks: dict[str, PartialNicParams] = always({})
    """How the group's nodes reach each network, by network uuid."""
    hv_state_static: dict[str, Any] = {}
    disk_state_static: dict[str, Any] = {}
    tags: tuple[str, ...] = always(())
    serial_no: int = always(1)
    ctime: float = always(0.0)
    mtime: float = always(0.0)
