"""Nodes: the physical machines of the cluster."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ganeti.model.fields import always
from ganeti.model.parameters import PartialNdParams


class Node(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    A node. Of C{master_candidate}, C{drained} and C{offline} at most one is true
    (Ganeti admin guide, Node roles); see L{ganeti.model.roles}.
    """

    uuid: str
    name: str
    """Fully qualified."""
    primary_ip: str
    secondary_ip: str
    """Equals the primary one on a single-homed node."""
    group: str
    """Uuid of its node group."""
    master_candidate: bool = always(False)
    drained: bool = always(False)
    offline: bool = always(False)
    master_capable: bool = always(True)
    vm_capable: bool = always(True)
    powered: bool = always(True)
    ndparams: PartialNdParams = always(PartialNdParams())
    hv_state_static: dict[str, Any] = {}
    disk_state_static: dict[str, Any] = {}
    tags: tuple[str, ...] = always(())
    serial_no: int = always(1)
    ctime: float = always(0.0)
    mtime: float = always(0.0)
