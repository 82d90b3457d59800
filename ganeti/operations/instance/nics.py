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
from ganeti.model.parameters import DEFAULT, NicMode, NicParams, fill, parse_nicparams
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
    @raise TypeEnforcementError: a value is malformed.
    """
    if len(wishes) > MAX_NICS:
        raise OpPrereqError(
            f"An instance can have at most {MAX_NICS} NICs, not {len(wishes)}",
            ErrorCode.WRONG_INPUT,
        )
    wished = [read_nic(wish, context) for wish in wishes]
    for each in wished:
        check_routed(
            each.nic,
            each.filled,
            "Routed nic mode requires an ip address if not attached to a network",
        )
    return wished


def read_nic(wish: NicWish, context: NicContext) -> WishedNic:
    """
    Check one wished interface but for L{check_routed}.

    @raise OpPrereqError: it is impossible.
    @raise TypeEnforcementError: a value is malformed.
    """
    check_network(wish)
    defaults = context.config.cluster.nicparams["default"]
    own = _own_parameters(wish)
    filled = fill(defaults, parse_nicparams(own))
    if context.identify_defaults:
        own = {name: value for name, value in own.items() if value != getattr(defaults, name)}
    mac = _read_mac(wish.get(NicKey.MAC), context.config)
    nic = Nic(
        uuid="",
        mac=mac or "",
        ip=read_ip(wish.get(NicKey.IP), context),
        name=read_name(wish.get(NicKey.NAME)),
        nicparams=parse_nicparams(own),
    )
    return WishedNic(nic=nic, filled=filled, needs_mac=mac is None)


def check_network(wish: NicWish) -> None:
    """@raise OpPrereqError: the interface is to be connected to a network."""
    if wish.get(NicKey.NETWORK) not in (None, NONE):
        raise OpPrereqError(
            f"Network '{wish[NicKey.NETWORK]}': connecting instances to networks"
            " is not available yet",
            ErrorCode.WRONG_INPUT,
        )


def check_routed(nic: Nic, filled: NicParams, problem: str) -> None:
    """@raise OpPrereqError: C{problem}: nothing says where to route to."""
    if filled.mode is NicMode.ROUTED and nic.ip is None and nic.network is None:
        raise OpPrereqError(problem, ErrorCode.WRONG_INPUT)


def _own_parameters(wish: NicWish) -> dict[str, str]:
    return {name: value for name, value in wished_parameters(wish).items() if value is not None}


def wished_parameters(wish: NicWish) -> dict[str, str | None]:
    """
    The NIC parameters that a wish mentions; None: inherit it.

    @raise OpPrereqError: two names for the same, or an unknown mode.
    """
    if wish.get(NicKey.BRIDGE) is not None and wish.get(NicKey.LINK) is not None:
        raise OpPrereqError(
            "Cannot pass 'bridge' and 'link' at the same time", ErrorCode.WRONG_INPUT
        )
    names = {
        NicKey.MODE: "mode",
        NicKey.BRIDGE: "link",
        NicKey.LINK: "link",
        NicKey.VLAN: "vlan",
    }
    found: dict[str, str | None] = {}
    for key, name in names.items():
        if key in wish:
            value = wish[key]
            found[name] = found.get(name) if value in (None, AUTO, DEFAULT) else value
    modes = [mode.value for mode in NicMode]
    if found.get("mode") not in (None, *modes):
        raise OpPrereqError(
            f"Invalid NIC mode '{found['mode']}': it is one of {', '.join(modes)}",
            ErrorCode.WRONG_INPUT,
        )
    return found


def read_ip(given: str | None, context: NicContext) -> str | None:
    """@raise OpPrereqError: no address, or one that cannot be given."""
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
    return read_free_mac(given, config)


def read_free_mac(given: str, config: Configuration) -> str:
    """@raise OpPrereqError: it is no MAC address, or some instance has it."""
    mac = normal_mac(given)
    if int(mac[:2], 16) & 1:
        raise OpPrereqError(
            f"MAC address {mac} is one of a group, not of an interface", ErrorCode.WRONG_INPUT
        )
    if mac in config.indexes.macs:
        raise OpPrereqError(f"MAC address {mac} already in use in cluster", ErrorCode.NOT_UNIQUE)
    return mac


def read_name(given: str | None) -> str | None:
    """@raise OpPrereqError: an interface cannot have this name."""
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
            reserve_ip(ip, each.filled, job)
        made.append(_make(each, {nic.mac for nic in made}, job))
    return made


def _make(wished: WishedNic, used: set[str], job: JobContext) -> Nic:
    mac = _new_mac(used, job) if wished.needs_mac else wished.nic.mac
    if mac in used:
        raise OpPrereqError(f"MAC address {mac} already in use in cluster", ErrorCode.NOT_UNIQUE)
    reserve_mac(mac, job)
    return replace(wished.nic, uuid=job.random.uuid(), mac=mac)


def reserve_mac(mac: str, job: JobContext) -> None:
    """@raise OpPrereqError: another job is about to use it."""
    if not _reserve(job, ReservationKind.MAC, mac):
        raise OpPrereqError(f"MAC address {mac} already in use in cluster", ErrorCode.NOT_UNIQUE)


def reserve_ip(ip: str, filled: NicParams, job: JobContext, own_uuid: str = "") -> None:
    """
    @param own_uuid: of the interface that gets it, which may have it already.
    @raise OpPrereqError: another interface on the same link, or another job, has it.
    """
    config = job.snapshot().config
    for uuid in config.indexes.ips.get(("", ip), ()):
        owner = config.instances[uuid]
        for nic in owner.nics:
            if nic.uuid == own_uuid:
                continue
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
