"""Parameters of hypervisor kvm that do not go together (params.json, kvm_cross_checks). Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ganeti.model.names import is_ip

Values = Mapping[str, Any]

SERIAL_SPEEDS = (
    75, 110, 300, 600, 1200, 1800, 2400, 4800, 9600, 14400, 19200,
    28800, 38400, 57600, 115200, 230400, 345600, 460800,
)  # fmt: skip
"""Bits per second that a serial port can have."""

_NEED_SPICE = (
    "spice_image_compression",
    "spice_ip_version",
    "spice_jpeg_wan_compression",
    "spice_password_file",
    "spice_streaming_video",
    "spice_use_tls",
    "spice_zlib_glz_wan_compression",
)
_INTERFACE = re.compile(r"[^\s/:]{1,15}")
_DOTTED_DIGITS = re.compile(r"[0-9.]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """
    Something that kvm's parameters must keep.

    @ivar names: those that it is about; an error names the first one.
    @ivar problem: what is wrong with complete parameters; empty when nothing is.
    """

    names: tuple[str, ...]
    problem: Callable[[Values], str]


def conflicts(values: Values) -> Iterator[tuple[Rule, str]]:
    """The rules that complete parameters break, and what is wrong."""
    for rule in _RULES:
        if problem := rule.problem(values):
            yield rule, problem


def is_interface_name(text: str) -> bool:
    """C{text} can be the name of a network interface; a mistyped address cannot."""
    return bool(_INTERFACE.fullmatch(text)) and not _DOTTED_DIGITS.fullmatch(text)


def _boot_order(values: Values) -> str:
    missing = values["boot_order"] == "cdrom" and not values["cdrom_image_path"]
    return "to boot from a CD-ROM, cdrom_image_path is needed" if missing else ""


def _root_path(values: Values) -> str:
    missing = values["kernel_path"] and not values["root_path"]
    return "with a kernel_path, a root_path is needed" if missing else ""


def _security_domain(values: Values) -> str:
    model, domain = values["security_model"], values["security_domain"]
    if model == "user" and not domain:
        return "with security_model=user, the name of a user is needed"
    if model != "user" and domain:
        return f"security_model={model} has no use for it: it must be empty"
    return ""


def _serial_speed(values: Values) -> str:
    wrong = values["serial_console"] and values["serial_speed"] not in SERIAL_SPEEDS
    return f"must be one of {', '.join(map(str, SERIAL_SPEEDS))}" if wrong else ""


def _vnc_verify(values: Values) -> str:
    missing = values["vnc_x509_verify"] and not values["vnc_x509_path"]
    return "to verify certificates, vnc_x509_path is needed" if missing else ""


def _one_screen(values: Values) -> str:
    both = values["spice_bind"] and values["vnc_bind_address"]
    return "cannot be used together with vnc_bind_address" if both else ""


def _needs_spice(name: str) -> Rule:
    def problem(values: Values) -> str:
        lonely = values[name] and not values["spice_bind"]
        return "only of use with spice_bind, which is empty" if lonely else ""

    return Rule(names=(name, "spice_bind"), problem=problem)


def _spice_ip_version(values: Values) -> str:
    bind, version = values["spice_bind"], values["spice_ip_version"]
    if version and is_ip(bind) and not is_ip(bind, version):
        return f"the address in spice_bind, {bind}, is of another version"
    return ""


def _spice_bind(values: Values) -> str:
    bind = values["spice_bind"]
    if not bind or is_ip(bind) or is_interface_name(bind):
        return ""
    return "must be an IP address or the name of a network interface"


def _vnc_bind(values: Values) -> str:
    bind = values["vnc_bind_address"]
    if not bind or is_ip(bind) or bind.startswith("/") or is_interface_name(bind):
        return ""
    return "must be an IP address, the name of a network interface, or an absolute path"


def _disk_aio(values: Values) -> str:
    wrong = values["disk_aio"] == "native" and values["disk_cache"] != "none"
    return "native needs disk_cache=none" if wrong else ""


_RULES = (
    Rule(names=("boot_order", "cdrom_image_path"), problem=_boot_order),
    Rule(names=("root_path", "kernel_path"), problem=_root_path),
    Rule(names=("security_domain", "security_model"), problem=_security_domain),
    Rule(names=("serial_speed", "serial_console"), problem=_serial_speed),
    Rule(names=("vnc_x509_verify", "vnc_x509_path"), problem=_vnc_verify),
    Rule(names=("vnc_bind_address",), problem=_vnc_bind),
    Rule(names=("spice_bind",), problem=_spice_bind),
    Rule(names=("spice_bind", "vnc_bind_address"), problem=_one_screen),
    *map(_needs_spice, _NEED_SPICE),
    Rule(names=("spice_ip_version", "spice_bind"), problem=_spice_ip_version),
    Rule(names=("disk_aio", "disk_cache"), problem=_disk_aio),
)
