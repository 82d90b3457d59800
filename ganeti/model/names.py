"""Which names and addresses objects may have."""

from __future__ import annotations

import ipaddress
import re

from ganeti.errors import ErrorCode, OpPrereqError

_HOST = re.compile(r"(?!-)[a-z0-9_.-]{1,255}(?<!-)")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_MAC_PREFIX = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){2}")
_UUID = re.compile(r"[a-f0-9]{8}(-[a-f0-9]{4}){3}-[a-f0-9]{12}")
_OBJECT = re.compile(r"[A-Za-z0-9_.:+-][A-Za-z0-9_.:+@/ -]*")


def normal_host_name(name: str) -> str:
    """
    A host name in lower case, without a dot at its end.

    @raise OpPrereqError: it is no host name: letters, digits, C{-}, C{_}, parts of 1 to
        63 characters joined by dots.
    """
    normal = name.lower().removesuffix(".")
    parts = normal.split(".")
    if not _HOST.fullmatch(normal) or any(not 1 <= len(part) <= 63 for part in parts):
        raise OpPrereqError(f"Invalid hostname '{name}'", ErrorCode.WRONG_INPUT)
    return normal


def is_host_name(name: str) -> bool:
    """C{name} is a host name in normal form."""
    try:
        return normal_host_name(name) == name
    except OpPrereqError:
        return False


def check_object_name(kind: str, name: str) -> None:
    """
    Check the name of a group, network, disk or NIC.

    @raise OpPrereqError: it is empty, too long, looks like a uuid, or has characters that no
        name has.
    """
    if not _OBJECT.fullmatch(name) or len(name) > 255 or is_uuid(name):
        raise OpPrereqError(f"Invalid {kind} name '{name}'", ErrorCode.WRONG_INPUT)


def is_uuid(text: str) -> bool:
    """C{text} is a uuid in lower case."""
    return bool(_UUID.fullmatch(text))


def normal_mac(mac: str) -> str:
    """
    A MAC address in lower case.

    @raise OpPrereqError: it is none.
    """
    lower = mac.lower()
    if not _MAC.fullmatch(lower):
        raise OpPrereqError(f"Invalid MAC address '{mac}'", ErrorCode.WRONG_INPUT)
    return lower


def normal_mac_prefix(prefix: str) -> str:
    """
    The first three bytes of a MAC address, in lower case.

    @raise OpPrereqError: it is none, or one of multicast addresses.
    """
    lower = prefix.lower()
    if not _MAC_PREFIX.fullmatch(lower) or int(lower[:2], 16) & 1:
        raise OpPrereqError(f"Invalid MAC address prefix '{prefix}'", ErrorCode.WRONG_INPUT)
    return lower


def is_ip(text: str, version: int | None = None) -> bool:
    """
    C{text} is an IP address.

    @param version: 4 or 6; None: either.
    """
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return False
    return version is None or found.version == version
