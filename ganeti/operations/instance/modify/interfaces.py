"""Changes of an instance's network interfaces."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.config import Configuration
from ganeti.model.names import normal_mac
from ganeti.model.nic import Nic
from ganeti.model.parameters import PartialNicParams, own_values, parse_nicparams
from ganeti.opcodes.instance import NicKey, NicRequest
from ganeti.opcodes.modifications import Modification, ModificationAction
from ganeti.operations.instance.modify.places import Result, find_place, new_place
from ganeti.operations.instance.nics import (
    AUTO,
    GENERATE,
    MAX_NICS,
    NicContext,
    NicWish,
    check_network,
    check_routed,
    make_nics,
    read_free_mac,
    read_ip,
    read_name,
    read_nic,
    reserve_ip,
    reserve_mac,
    wished_parameters,
)
from ganeti.operations.unit import JobContext

KIND = "NIC"
NO_ADDRESS = "Cannot set the NIC IP address to None on a routed NIC if not attached to a network"


class InterfaceChanges:
    """
    Applies modifications one after another; nothing is changed yet.

    @ivar nics: as they will be.
    @ivar results: what is to be reported.
    """

    def __init__(self, job: JobContext, context: NicContext, nics: Iterable[Nic]) -> None:
        self._job = job
        self._context = context
        self.nics = list(nics)
        self.results: list[Result] = []

    @property
    def _config(self) -> Configuration:
        return self._context.config

    def apply(self, modifications: Iterable[Modification[NicRequest]]) -> None:
        """
        @raise OpPrereqError, OpExecError: one is impossible.
        @raise TypeEnforcementError: a value is malformed.
        """
        for modification in modifications:
            match modification.action:
                case ModificationAction.ADD:
                    self._add(modification.item, modification.values)
                case ModificationAction.MODIFY:
                    self._modify(modification.item, modification.values)
                case ModificationAction.REMOVE:
                    self._remove(modification.item)
                case other:
                    raise OpPrereqError(
                        f"A {KIND} cannot be {other}ed: only disks can", ErrorCode.WRONG_INPUT
                    )
        self._check_addresses()

    def _add(self, item: int | str, wish: NicWish) -> None:
        place = new_place(KIND, item, self.nics, MAX_NICS)
        wished = read_nic(wish, self._context)
        check_routed(wished.nic, wished.filled, NO_ADDRESS)
        (nic,) = make_nics([wished], self._job)
        self.nics.insert(place, nic)
        filled = wished.filled
        text = (
            f"add:mac={nic.mac},ip={nic.ip},mode={filled.mode},link={filled.link}"
            f",network={nic.network}"
        )
        self.results.append((f"nic.{place}", text))

    def _remove(self, item: int | str) -> None:
        place = find_place(KIND, item, self.nics)
        self._check_not_connected(place)
        del self.nics[place]
        self.results.append((f"{KIND}/{place}", "remove"))

    def _modify(self, item: int | str, wish: NicWish) -> None:
        place = find_place(KIND, item, self.nics)
        self._check_not_connected(place)
        check_network(wish)
        old = self.nics[place]
        nic = replace(
            old,
            mac=self._mac(old, wish),
            ip=read_ip(wish[NicKey.IP], self._context) if NicKey.IP in wish else old.ip,
            name=read_name(wish[NicKey.NAME]) if NicKey.NAME in wish else old.name,
            nicparams=_parameters(old.nicparams, wish),
        )
        filled = self._config.filled_nicparams(nic)
        check_routed(nic, filled, NO_ADDRESS)
        if nic.ip is not None and (nic.ip, filled) != (old.ip, self._config.filled_nicparams(old)):
            reserve_ip(nic.ip, filled, self._job, own_uuid=nic.uuid)
        self.nics[place] = nic
        told = {NicKey.MAC: nic.mac, NicKey.IP: nic.ip, NicKey.NAME: nic.name}
        self.results += [(f"nic.{key}/{place}", told[key]) for key in told if key in wish]
        parameters = {"link": filled.link, "mode": filled.mode.value, "vlan": filled.vlan}
        self.results += [(f"nic.{name}/{place}", parameters[name]) for name in parameters]

    def _mac(self, nic: Nic, wish: NicWish) -> str:
        given = wish.get(NicKey.MAC)
        if given is None:
            return nic.mac
        if given.lower() in (AUTO, GENERATE):
            raise OpPrereqError(
                f"'{given}' is no MAC address for an interface that has one", ErrorCode.WRONG_INPUT
            )
        if normal_mac(given) == nic.mac.lower():
            return nic.mac
        mac = read_free_mac(given, self._config)
        reserve_mac(mac, self._job)
        return mac

    def _check_not_connected(self, place: int) -> None:
        network = self.nics[place].network
        if network is not None:
            name = self._config.networks[network].name
            raise OpPrereqError(
                f"{KIND} {place} is connected to network {name}:"
                " changing that is not available yet",
                ErrorCode.WRONG_STATE,
            )

    def _check_addresses(self) -> None:
        """What the configuration and other jobs have was looked at one by one."""
        seen: set[tuple[str, str]] = set()
        for nic in self.nics:
            addresses = {("MAC address", nic.mac.lower())}
            if nic.ip is not None and nic.network is None:
                link = self._config.filled_nicparams(nic).link
                addresses.add((f"IP address on link {link}", nic.ip))
            for kind, address in addresses & seen:
                raise OpPrereqError(f"{kind}: {address} would be used twice", ErrorCode.NOT_UNIQUE)
            seen |= addresses


def _parameters(own: PartialNicParams, wish: NicWish) -> PartialNicParams:
    wished = wished_parameters(wish)
    values = {**{k: str(v) for k, v in own_values(own).items()}, **wished}
    return parse_nicparams({name: value for name, value in values.items() if value is not None})
