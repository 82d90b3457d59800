"""Network interfaces of instances."""

from __future__ import annotations

from msgspec import Struct

from ganeti.model.fields import always
from ganeti.model.parameters import PartialNicParams


class Nic(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One interface; part of its instance, keyed by uuid."""

    uuid: str
    mac: str
    ip: str | None = None
    name: str | None = None
    network: str | None = None
    """Uuid of the network it is connected to."""
    nicparams: PartialNicParams = always(PartialNicParams())
