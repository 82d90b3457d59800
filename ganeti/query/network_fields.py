"""Fields of networks, and what their address pools tell."""

from __future__ import annotations

import ipaddress
from typing import Any

from ganeti.model.network import Network
from ganeti.model.parameters import PartialNicParams
from ganeti.query.common_fields import identity_fields, stamp_fields
from ganeti.query.fields import Field, Kind, Resource, table, unavailable_if_none
from ganeti.query.once import once
from ganeti.query.view import View
from ganeti.utils.text import nice_sort_key


class NetworkRow:
    """A network with its pool and its users."""

    def __init__(self, network: Network, view: View) -> None:
        self.network = network
        self.view = view

    @once
    def pool(self) -> str:
        """A character per address: C{X} taken, C{.} free."""
        size = ipaddress.ip_network(self.network.network).num_addresses
        own = (self.network.reservations or "").ljust(size, "0")
        others = (self.network.ext_reservations or "").ljust(size, "0")
        return "".join("X" if "1" in pair else "." for pair in zip(own, others, strict=True))

    @property
    def external(self) -> str:
        """The addresses that are reserved for others, as a text."""
        first = ipaddress.ip_network(self.network.network).network_address
        bits = self.network.ext_reservations or ""
        return ", ".join(str(first + place) for place, bit in enumerate(bits) if bit == "1")

    @once
    def groups(self) -> list[list[str]]:
        """[group, mode, link, vlan] of each connected group."""
        connected = (
            (group.name, group.networks[self.network.uuid])
            for group in self.view.config.groups.values()
            if self.network.uuid in group.networks
        )
        return [
            [name, *_connection(params)]
            for name, params in sorted(connected, key=lambda one: nice_sort_key(one[0]))
        ]

    @once
    def instances(self) -> list[str]:
        """Names of the instances that have an interface in it, in natural order."""
        uuid = self.network.uuid
        names = (
            instance.name
            for instance in self.view.config.instances.values()
            if any(nic.network == uuid for nic in instance.nics)
        )
        return sorted(names, key=nice_sort_key)


def _connection(params: PartialNicParams) -> list[str]:
    values: tuple[Any, ...] = (params.mode, params.link, params.vlan)
    return [str(value) if isinstance(value, str) else "-" for value in values]


def _own(name: str, title: str, doc: str, kind: Kind = Kind.OTHER) -> Field:
    return Field(
        name, title, kind, doc, lambda row: unavailable_if_none(getattr(row.network, name))
    )


FIELDS = [
    _own("name", "Network", "Name of the network", Kind.TEXT),
    _own("network", "Subnet", "Its IPv4 addresses", Kind.TEXT),
    _own("gateway", "Gateway", "IPv4 gateway"),
    _own("network6", "IPv6Subnet", "Its IPv6 addresses"),
    _own("gateway6", "IPv6Gateway", "IPv6 gateway"),
    _own("mac_prefix", "MacPrefix", "How MAC addresses of its interfaces begin"),
    Field("map", "Map", Kind.TEXT, "X for each address that is taken, . for each free one",
          lambda row: row.pool),
    Field("free_count", "FreeCount", Kind.NUMBER, "How many addresses are free",
          lambda row: row.pool.count(".")),
    Field("reserved_count", "ReservedCount", Kind.NUMBER, "How many addresses are taken",
          lambda row: row.pool.count("X")),
    Field("external_reservations", "ExternalReservations", Kind.TEXT,
          "Addresses kept for others than instances", lambda row: row.external),
    Field("group_cnt", "NodeGroups", Kind.NUMBER, "How many groups it is connected to",
          lambda row: len(row.groups)),
    Field("group_list", "GroupList", Kind.OTHER,
          "Groups it is connected to, with mode, link and VLAN", lambda row: row.groups),
    Field("inst_cnt", "Instances", Kind.NUMBER, "How many instances use it",
          lambda row: len(row.instances)),
    Field("inst_list", "InstanceList", Kind.OTHER, "Instances that use it",
          lambda row: row.instances),
    *stamp_fields(lambda row: row.network, "network"),
    *identity_fields(lambda row: row.network, "network"),
]  # fmt: skip

NETWORK = Resource(
    name="network",
    label="Network",
    fields=table(FIELDS),
    objects=lambda view: sorted(
        view.config.networks.values(), key=lambda network: nice_sort_key(network.name)
    ),
    row=NetworkRow,
    find=lambda view, given: view.config.lookup_network(given),
)
