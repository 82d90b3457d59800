"""From wished to real network interfaces."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from ganeti.errors import ErrorCode, OpPrereqError, ReservationError
from ganeti.model.config import Configuration
from ganeti.model.names import check_object_name, is_ip, normal_mac
from ganeti.model.nic import Nic
from ganeti.model.node import Node
from ganeti.model.parameters import NicMode, NicParams, fill, parse_nicparams
from ganeti.model.reservation import Reservation, ReservationKind
from ganeti.opcodes.instance import NicKey
from ganeti.operations.unit import JobContext

NicWish = Mapping[NicKey, str | None]

MAX_NICS = 8
AUTO = "auto"
GENERATE = "generate"
NONE = "none"
POOL = "pool"

_MAC_TRIES = 64


@dataclass(frozen=True, kw_only=True)
class NicContext:
    """
    What the wishes are read against.

    @ivar own_ip: what the instance's name resolves to; None: it was not looked up.
    @ivar conflicts_check: refuse addresses that belong to a network which is not named.
    @ivar identify_defaults: do not keep values that equal the cluster's.
    """

    config: Configuration
    node: Node
    own_ip: str | None
    conflicts_check: bool
    identify_defaults: bool


@dataclass(frozen=True, kw_only=True)
class WishedNic:
    """One interface, checked, without the values that must be made up."""

    nic: Nic
    filled: NicParams
    needs_mac: bool


def read_nics(wishes: Sequence[NicWish], context: NicContext) -> list[WishedNic]:
    """
    Check wished interfaces.

    @raise OpPrereqError: one is impossible.
    @raise TypeEnforcementError, ParameterError: a value is malformed.
    """
    if len(wishes) > MAX_NICS:
        raise OpPrereqError(
            f"An instance can have at most {MAX_NICS} NICs, not {len(wishes)}",
            ErrorCode.WRONG_INPUT,
        )
    return [_read(wish, context) for wish in wishes]


def _read(wish: NicWish, context: NicContext) -> WishedNic:
    if wish.get(NicKey.NETWORK) not in (None, NONE):
        raise OpPrereqError(
            f"Network '{wish[NicKey.NETWORK]}': connecting instances to networks"
            " is not available yet",
            ErrorCode.WRONG_INPUT,
        )
    defaults = context.config.cluster.nicparams["default"]
    own = _own_parameters(wish)
    filled = fill(defaults, parse_nicparams(own))
    if context.identify_defaults:
        own = {name: value for name, value in own.items() if value != getattr(defaults, name)}
    ip = _read_ip(wish.get(NicKey.IP), context)
    if filled.mode is NicMode.ROUTED and ip is None:
        raise OpPrereqError(
            "Routed nic mode requires an ip address if not attached to a network",
            ErrorCode.WRONG_INPUT,
        )
    mac = _read_mac(wish.get(NicKey.MAC), context.config)
    nic = Nic(
        uuid="",
        mac=mac or "",
        ip=ip,
        name=_read_name(wish.get(NicKey.NAME)),
        nicparams=parse_nicparams(own),
    )
    return WishedNic(nic=nic, filled=filled, needs_mac=mac is None)


def _own_parameters(wish: NicWish) -> dict[str, str]:
    if wish.get(NicKey.BRIDGE) is not None and wish.get(NicKey.LINK) is not None:
        raise OpPrereqError(
            "Cannot pass 'bridge' and 'link' at the same time", ErrorCode.WRONG_INPUT
        )
    given = {
        "mode": wish.get(NicKey.MODE),
        "link": wish.get(NicKey.LINK) or wish.get(NicKey.BRIDGE),
        "vlan": wish.get(NicKey.VLAN),
    }
    known = {name: value for name, value in given.items() if value not in (None, AUTO, "default")}
    modes = [mode.value for mode in NicMode]
    if known.get("mode", NicMode.BRIDGED) not in modes:
        raise OpPrereqError(
            f"Invalid NIC mode '{known['mode']}': it is one of {', '.join(modes)}",
            ErrorCode.WRONG_INPUT,
        )
    return {name: value for name, value in known.items() if value is not None}


def _read_ip(given: str | None, context: NicContext) -> str | None:
    if given is None or given.lower() == NONE:
        return None
    if given.lower() == AUTO:
        if context.own_ip is None:
            raise OpPrereqError(
                "IP address set to auto but name checks have been skipped", ErrorCode.WRONG_INPUT
            )
        return context.own_ip
    if given.lower() == POOL:
        raise OpPrereqError(
            "If ip=pool, parameter network must be passed too", ErrorCode.WRONG_INPUT
        )
    if not is_ip(given):
        raise OpPrereqError(f"Invalid IP address '{given}'", ErrorCode.WRONG_INPUT)
    if context.conflicts_check:
        _check_conflicts(given, context)
    return given


def _check_conflicts(ip: str, context: NicContext) -> None:
    group = context.config.groups[context.node.group]
    address = ipaddress.ip_address(ip)
    for uuid in group.networks:
        network = context.config.networks[uuid]
        if address in ipaddress.ip_network(network.network, strict=False):
            raise OpPrereqError(
                f"Conflicting IP address found: '{ip}' belongs to network {network.name}"
                f" of group {group.name}",
                ErrorCode.WRONG_STATE,
            )


def _read_mac(given: str | None, config: Configuration) -> str | None:
    if given is None or given.lower() in (AUTO, GENERATE):
        return None
    mac = normal_mac(given)
    if int(mac[:2], 16) & 1:
        raise OpPrereqError(
            f"MAC address {mac} is one of a group, not of an interface", ErrorCode.WRONG_INPUT
        )
    if mac in config.indexes.macs:
        raise OpPrereqError(f"MAC address {mac} already in use in cluster", ErrorCode.NOT_UNIQUE)
    return mac


def _read_name(given: str | None) -> str | None:
    if given is None or given.lower() == NONE:
        return None
    check_object_name("NIC", given)
    return given


def make_nics(wished: Iterable[WishedNic], job: JobContext) -> list[Nic]:
    """
    Give each interface its uuid and MAC, and reserve MACs and addresses.

    @raise OpPrereqError: another instance, job or interface has one of them.
    """
    made: list[Nic] = []
    addresses: set[tuple[str, str]] = set()
    for each in wished:
        ip, link = each.nic.ip, each.filled.link
        if ip is not None:
            if (ip, link) in addresses:
                raise OpPrereqError(
                    f"IP address {ip} is given to two NICs on link {link}", ErrorCode.NOT_UNIQUE
                )
            addresses.add((ip, link))
            _reserve_ip(ip, each.filled, job)
        made.append(_make(each, {nic.mac for nic in made}, job))
    return made


def _make(wished: WishedNic, used: set[str], job: JobContext) -> Nic:
    mac = _new_mac(used, job) if wished.needs_mac else wished.nic.mac
    if mac in used or not _reserve(job, ReservationKind.MAC, mac):
        raise OpPrereqError(f"MAC address {mac} already in use in cluster", ErrorCode.NOT_UNIQUE)
    return replace(wished.nic, uuid=job.random.uuid(), mac=mac)


def _reserve_ip(ip: str, filled: NicParams, job: JobContext) -> None:
    config = job.snapshot().config
    for uuid in config.indexes.ips.get(("", ip), ()):
        owner = config.instances[uuid]
        for nic in owner.nics:
            if nic.ip == ip and config.filled_nicparams(nic).link == filled.link:
                raise OpPrereqError(
                    f"IP address {ip} is already in use by instance '{owner.name}'"
                    f" on link {filled.link}",
                    ErrorCode.NOT_UNIQUE,
                )
    if not _reserve(job, ReservationKind.IP, ip):
        raise OpPrereqError(
            f"IP address {ip} is being given to an instance by another job", ErrorCode.NOT_UNIQUE
        )


def _new_mac(used: set[str], job: JobContext) -> str:
    config = job.snapshot().config
    for _ in range(_MAC_TRIES):
        mac = job.random.mac(config.cluster.mac_prefix)
        taken = mac in used or mac in config.indexes.macs
        if not taken and _reserve(job, ReservationKind.MAC, mac):
            return mac
    raise OpPrereqError(
        f"No free MAC address with prefix {config.cluster.mac_prefix} found",
        ErrorCode.NO_RESOURCES,
    )


def _reserve(job: JobContext, kind: ReservationKind, key: str) -> bool:
    try:
        job.reserve(Reservation(kind=kind, key=key, job_id=job.id))
    except ReservationError:
        return False
    return True
