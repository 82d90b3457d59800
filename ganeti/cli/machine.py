"""Questions to this machine before it becomes a master, and the few changes outside our folders."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import stat
import subprocess

from ganeti.errors import ErrorCode, OpPrereqError, ResolverError
from ganeti.paths import Paths
from ganeti.utils import durable
from ganeti.utils.hosts import Host, Resolver

NODED_PORT = 1811
_LIMIT_S = 10.0
_CONNECT_LIMIT_S = 1.0
_HOST_KEY = "/etc/ssh/ssh_host_rsa_key.pub"


def resolve(paths: Paths, name: str) -> Host:
    """
    The full name and address of a machine.

    @raise OpPrereqError: it has none.
    """
    try:
        return Resolver(paths).resolve(name)
    except ResolverError as err:
        text = f"The given name ({name}) does not resolve: {err.args[2]}"
        raise OpPrereqError(text, ErrorCode.RESOLVER) from err


def check_own_address(paths: Paths, host: Host) -> None:
    """
    Refuse an address that other nodes could not reach this machine at.

    @raise OpPrereqError: it is a loopback address, or not one of this machine.
    """
    if paths.virtual:
        return
    if ipaddress.ip_address(host.ip).is_loopback:
        raise OpPrereqError(
            f"This host's name {host.name} resolves to the loopback address {host.ip};"
            " give it a reachable one in the DNS or in /etc/hosts",
            ErrorCode.ENVIRONMENT,
        )
    check_is_own(host.ip)


def check_is_own(ip: str) -> None:
    """@raise OpPrereqError: this machine does not have the address."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((ip, 0))
        except OSError as err:
            text = f"The address {ip} is not one of this host: {err.strerror}"
            raise OpPrereqError(text, ErrorCode.ENVIRONMENT) from err


def answers(paths: Paths, ip: str, port: int = NODED_PORT) -> bool:
    """
    Whether some machine has the address: it takes connections, or refuses them.

    In a virtual cluster only the former tells, since this machine has all its addresses.
    """
    try:
        socket.create_connection((ip, port), _CONNECT_LIMIT_S).close()
    except ConnectionRefusedError:
        return not paths.virtual
    except OSError:
        return False
    return True


def check_volume_group(name: str) -> None:
    """@raise OpPrereqError: there is no such volume group here."""
    argv = ["vgs", "--noheadings", "-o", "vg_name", "--", name]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as err:
        text = f"Cannot look for the volume group '{name}': {err}"
        raise OpPrereqError(text, ErrorCode.ENVIRONMENT) from err
    if done.returncode != 0 or name not in done.stdout.split():
        raise OpPrereqError(
            f"The volume group '{name}' is not on this machine; make it, name another with"
            " --vg-name, or choose other templates with --enabled-disk-templates",
            ErrorCode.ENVIRONMENT,
        )


def rsa_host_key(path: str = _HOST_KEY) -> str:
    """This machine's public SSH host key, as known_hosts(5) has it; empty without one."""
    try:
        words = durable.read_limited(path, 1 << 16).decode().split()
    except (FileNotFoundError, PermissionError):
        return ""
    return " ".join(words[:2])


def add_host(path: str, host: Host) -> None:
    """Write a machine into a hosts(5) file, in place of other lines with its name."""
    with open(path, encoding="utf-8") as stream:
        old = stream.read()
        mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
    new = with_host(old, host)
    if new != old:
        durable.write_atomic(path, new.encode(), mode)


def with_host(text: str, host: Host) -> str:
    """The text of a hosts(5) file in which C{host} has its address, and only that."""
    short = host.name.partition(".")[0]
    line = " ".join(dict.fromkeys((host.name, short)))
    kept = []
    for old in text.splitlines(keepends=True):
        ip, *names = re.split(r"\s+", old.partition("#")[0].strip())
        if host.name in names and ip != host.ip:
            continue
        if host.name in names:
            return text
        kept.append(old)
    if kept and not kept[-1].endswith("\n"):
        kept.append("\n")
    return "".join(kept) + f"{host.ip}\t{line}\n"
