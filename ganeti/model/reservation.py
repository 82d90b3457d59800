"""Reservations: what an open job or a debt keeps others from taking."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class ReservationKind(StrEnum):
    """What is reserved."""

    NAME = "name"
    MAC = "mac"
    IP = "ip"
    PORT = "port"
    DISK = "disk"
    MINOR = "minor"
    NODE_MEMORY = "node-memory"
    NODE_DISK = "node-disk"


class Reservation(Struct, frozen=True, kw_only=True):
    """
    One thing reserved.

    Names, MACs, addresses, ports, disk uuids and minors are exclusive: C{key} (with
    C{node_uuid} for minors) may be held once. Memory and disk room (C{amount}, MiB)
    add up per node.
    """

    kind: ReservationKind
    key: str
    job_id: int
    node_uuid: str = ""
    amount: int = 0
