"""Fields of instances that are about their interfaces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ganeti.model.config import Configuration
from ganeti.model.nic import Nic
from ganeti.model.parameters import NicMode, NicParams
from ganeti.query.fields import UNAVAILABLE, Field, Kind
from ganeti.query.once import once

MAX_NICS = 8


class NicRow:
    """An interface, and what its fields show: None or empty where it has no such value."""

    def __init__(self, nic: Nic, config: Configuration) -> None:
        self.nic = nic
        self._config = config

    @once
    def _params(self) -> NicParams:
        return self._config.filled_nicparams(self.nic)

    @property
    def ip(self) -> str | None:
        return self.nic.ip

    @property
    def mac(self) -> str:
        return self.nic.mac

    @property
    def name(self) -> str | None:
        return self.nic.name

    @property
    def uuid(self) -> str:
        return self.nic.uuid

    @property
    def network(self) -> str | None:
        return self.nic.network

    @property
    def network_name(self) -> str | None:
        network = self._config.networks.get(self.nic.network or "")
        return network.name if network else None

    @property
    def mode(self) -> str:
        return self._params.mode.value

    @property
    def link(self) -> str:
        return self._params.link

    @property
    def vlan(self) -> str:
        return self._params.vlan

    @property
    def bridge(self) -> str | None:
        return self._params.link if self._params.mode is NicMode.BRIDGED else None


def _of_nic(place: int, name: str) -> Callable[[Any], Any]:
    def get(row: Any) -> Any:
        if place >= len(row.nics):
            return UNAVAILABLE
        return getattr(row.nics[place], name) or UNAVAILABLE

    return get


def _of_nics(name: str) -> Callable[[Any], Any]:
    return lambda row: [getattr(nic, name) for nic in row.nics]


_INDEXED = (
    ("nic.bridge", "NicBridge", "bridge", "Bridge of interface {}"),
    ("nic.ip", "NicIP", "ip", "IP address of interface {}"),
    ("nic.link", "NicLink", "link", "Link of interface {}"),
    ("nic.mac", "NicMAC", "mac", "MAC address of interface {}"),
    ("nic.mode", "NicMode", "mode", "Mode of interface {}"),
    ("nic.name", "NicName", "name", "Name of interface {}"),
    ("nic.network.name", "NicNetworkName", "network_name", "Name of the network of interface {}"),
    ("nic.network", "NicNetwork", "network", "Uuid of the network of interface {}"),
    ("nic.uuid", "NicUUID", "uuid", "Uuid of interface {}"),
    ("nic.vlan", "NicVLAN", "vlan", "VLAN of interface {}"),
)

_FIRST = (
    ("bridge", "NicBridge/0", "bridge"),
    ("ip", "NicIP/0", "ip"),
    ("mac", "NicMAC/0", "mac"),
    ("nic_link", "NicLink/0", "link"),
    ("nic_mode", "NicMode/0", "mode"),
    ("nic_network", "NicNetwork/0", "network"),
)

_LISTS = (
    ("nic.bridges", "NIC_bridges", "bridge", "Bridges of its interfaces"),
    ("nic.ips", "NIC_IPs", "ip", "IP addresses of its interfaces"),
    ("nic.links", "NIC_links", "link", "Links of its interfaces"),
    ("nic.macs", "NIC_MACs", "mac", "MAC addresses of its interfaces"),
    ("nic.modes", "NIC_modes", "mode", "Modes of its interfaces"),
    ("nic.names", "NIC_Names", "name", "Names of its interfaces"),
    ("nic.networks", "NIC_networks", "network", "Uuids of its interfaces' networks"),
    (
        "nic.networks.names",
        "NIC_networks_names",
        "network_name",
        "Names of its interfaces' networks",
    ),
    ("nic.uuids", "NIC_UUIDs", "uuid", "Uuids of its interfaces"),
    ("nic.vlans", "NIC_VLANs", "vlan", "VLANs of its interfaces"),
)


def nic_fields() -> Iterator[Field]:
    """All of them."""
    yield Field(
        "nic.count", "NICs", Kind.NUMBER, "How many interfaces it has", lambda row: len(row.nics)
    )
    for name, title, value, doc in _LISTS:
        yield Field(name, title, Kind.OTHER, doc, _of_nics(value))
    for name, title, value in _FIRST:
        yield Field(
            name, title, Kind.TEXT, f"The same as {_indexed_name(value)}/0", _of_nic(0, value)
        )
    for name, title, value, doc in _INDEXED:
        for place in range(MAX_NICS):
            get = _of_nic(place, value)
            yield Field(f"{name}/{place}", f"{title}/{place}", Kind.TEXT, doc.format(place), get)


def _indexed_name(value: str) -> str:
    return next(name for name, _title, own, _doc in _INDEXED if own == value)
