"""gnt-cluster init."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganeti.cli import clusterfiles, init, jobs, machine
from ganeti.cli.daemons import DaemonError
from ganeti.cli.failures import CommandFailed
from ganeti.cli.master import not_running
from ganeti.cli.newcluster import build_settings
from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.cluster import AF_INET6
from ganeti.model.names import is_ip, normal_host_name
from ganeti.opcodes.cluster import OpClusterPostInit
from ganeti.paths import MASTERD
from ganeti.utils.hosts import own_name
from ganeti.utils.randomness import SystemRandomness
from ganeti.utils.sockets import connect_unix

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session
    from ganeti.paths import Paths

_CONNECT_LIMIT_S = 1.0


def init_cluster(session: Session, options: Values, names: list[str]) -> int:
    """Make this machine the master of a new cluster."""
    paths = session.paths
    _refuse_second(session, paths)
    wanted = plan(paths, options, names[0])
    init.create(paths, wanted, SystemRandomness(), session.clock.now_ns())
    if wanted.settings["modify_etc_hosts"]:
        machine.add_host(paths.hosts_file, wanted.master)
    try:
        with session.progress.waiting("Starting the daemons"):
            init.start_daemons(paths)
    except DaemonError as err:
        raise CommandFailed(f"The cluster is made, but {err}") from err
    jobs.run(session, OpClusterPostInit(**jobs.common_fields(session, options)))
    return 0


def _refuse_second(session: Session, paths: Paths) -> None:
    if not clusterfiles.in_cluster(paths):
        return
    if clusterfiles.is_master(paths) and not _listens(paths.query_socket):
        session.err(not_running(paths, MASTERD))
    raise OpPrereqError("Cluster is already initialised", ErrorCode.WRONG_STATE)


def _listens(socket_path: str) -> bool:
    try:
        connect_unix(socket_path, _CONNECT_LIMIT_S).close()
    except OSError:
        return False
    return True


def plan(paths: Paths, options: Values, name: str) -> init.NewCluster:
    """
    What to make, after all checks; nothing is changed.

    @raise OpPrereqError: it cannot be made.
    """
    settings = build_settings(options, paths)
    cluster = machine.resolve(paths, normal_host_name(name))
    master = machine.resolve(paths, own_name(paths))
    _check_addresses(paths, settings, cluster.ip, master.ip)
    machine.check_own_address(paths, master)
    secondary = _secondary_ip(options, cluster.ip, master.ip)
    if machine.answers(paths, cluster.ip):
        text = f"Cluster IP already active: something answers at {cluster.ip}"
        raise OpPrereqError(text, ErrorCode.NOT_UNIQUE)
    if settings["volume_group_name"]:
        machine.check_volume_group(settings["volume_group_name"])
    if not paths.virtual:
        settings["rsahostkeypub"] = machine.rsa_host_key()
    return init.NewCluster(cluster, master, secondary, settings)


def _check_addresses(
    paths: Paths, settings: dict[str, Any], cluster_ip: str, master_ip: str
) -> None:
    version = 6 if settings["primary_ip_family"] == AF_INET6 else 4
    for what, ip in (("cluster name", cluster_ip), ("name of this host", master_ip)):
        if not is_ip(ip, version):
            text = f"The {what} resolves to {ip}, which is not an IPv{version} address"
            raise OpPrereqError(text, ErrorCode.ENVIRONMENT)
    if cluster_ip == master_ip:
        text = f"The cluster needs an address of its own; {cluster_ip} is that of this host"
        raise OpPrereqError(text, ErrorCode.NOT_UNIQUE)


def _secondary_ip(options: Values, cluster_ip: str, primary_ip: str) -> str:
    if options.secondary_ip is None:
        return primary_ip
    if not is_ip(options.secondary_ip, 4):
        text = f"Secondary IP address ({options.secondary_ip}) has to be a valid IPv4 address."
        raise OpPrereqError(text, ErrorCode.WRONG_INPUT)
    if options.secondary_ip == cluster_ip:
        text = f"Secondary IP address ({cluster_ip}) is that of the cluster"
        raise OpPrereqError(text, ErrorCode.NOT_UNIQUE)
    machine.check_is_own(options.secondary_ip)
    return str(options.secondary_ip)
