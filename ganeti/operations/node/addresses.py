"""Are the addresses of a new node fit for the cluster?"""

from __future__ import annotations

import ipaddress

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.cluster import AF_INET6
from ganeti.model.config import Configuration
from ganeti.model.names import is_ip


def check_addresses(
    config: Configuration, name: str, primary: str, secondary: str, *, virtual: bool
) -> None:
    """
    Check the addresses of the node C{name}, new or coming back.

    @param virtual: loopback addresses are fine: the nodes are on one machine.
    @raise OpPrereqError: they are malformed, taken, or of another kind than the master's.
    """
    version = 6 if config.cluster.primary_ip_family == AF_INET6 else 4
    if not is_ip(primary, version):
        raise OpPrereqError(
            f"Primary IP ({primary}) of node {name} needs to be a valid IPv{version} address",
            ErrorCode.WRONG_INPUT,
        )
    if secondary != primary:
        check_secondary(secondary)
    check_not_loopback(name, primary, secondary, virtual=virtual)
    check_free(config, name, primary, secondary)
    _check_homing(config, primary, secondary)


def check_secondary(ip: str) -> None:
    """@raise OpPrereqError: it is malformed."""
    if not is_ip(ip, 4):
        raise OpPrereqError(
            f"Secondary IP ({ip}) needs to be a valid IPv4 address", ErrorCode.WRONG_INPUT
        )


def check_not_loopback(name: str, *ips: str, virtual: bool) -> None:
    """@raise OpPrereqError: on a real node, one of them leads nowhere else."""
    for ip in ips:
        if ipaddress.ip_address(ip).is_loopback and not virtual:
            raise OpPrereqError(
                f"Node {name} resolves to the loopback address {ip}; that is not reachable"
                " from other nodes",
                ErrorCode.WRONG_INPUT,
            )


def check_free(config: Configuration, name: str, *ips: str) -> None:
    """@raise OpPrereqError: the cluster, or another node than C{name}, has one of them."""
    for ip in ips:
        if ip == config.cluster.master_ip:
            raise OpPrereqError(
                f"IP address {ip} of node {name} is that of cluster {config.cluster.cluster_name}",
                ErrorCode.NOT_UNIQUE,
            )
        for uuid in config.indexes.node_ips.get(ip, ()):
            owner = config.nodes[uuid]
            if owner.name != name:
                raise OpPrereqError(
                    f"New node ip address(es) conflict with existing node {owner.name}: {ip}",
                    ErrorCode.NOT_UNIQUE,
                )


def _check_homing(config: Configuration, primary: str, secondary: str) -> None:
    master = config.master
    master_is_single = master.primary_ip == master.secondary_ip
    new_is_single = primary == secondary
    if master_is_single and not new_is_single:
        raise OpPrereqError(
            "The master has no secondary ip but the new node has one", ErrorCode.WRONG_INPUT
        )
    if new_is_single and not master_is_single:
        raise OpPrereqError(
            "The master has a secondary ip but the new node doesn't have one",
            ErrorCode.WRONG_INPUT,
        )
