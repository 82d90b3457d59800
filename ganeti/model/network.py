"""Networks with an address pool."""

from __future__ import annotations

from msgspec import Struct

from ganeti.model.fields import always


class Network(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    An IPv4 network instances get addresses from.

    C{reservations} and C{ext_reservations} are strings of 0 and 1, one digit per
    address of C{network}.
    """

    uuid: str
    name: str
    network: str
    """CIDR form."""
    gateway: str | None = None
    network6: str | None = None
    gateway6: str | None = None
    mac_prefix: str | None = None
    reservations: str | None = None
    ext_reservations: str | None = None
    tags: tuple[str, ...] = always(())
    serial_no: int = always(1)
    ctime: float = always(0.0)
    mtime: float = always(0.0)
