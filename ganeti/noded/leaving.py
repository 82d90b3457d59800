"""What a node forgets when it leaves its cluster."""

from __future__ import annotations

from ganeti.paths import Paths
from ganeti.rpc.calls import LogicalFile
from ganeti.store.candidate import remove_ssconf
from ganeti.utils import durable

_MODES = {LogicalFile.KNOWN_HOSTS: 0o644}


def path_of(paths: Paths, name: LogicalFile) -> str:
    """Where one of the cluster's files is on this node."""
    return {
        LogicalFile.CA_KEY: paths.ca_key,
        LogicalFile.HMAC_KEY: paths.hmac_key,
        LogicalFile.CLUSTER_DOMAIN_SECRET: paths.cluster_domain_secret,
        LogicalFile.RAPI_PEM: paths.rapi_pem,
        LogicalFile.KNOWN_HOSTS: paths.known_hosts,
    }[name]


def thd_write_file(paths: Paths, name: LogicalFile, content: str | None) -> None:
    """
    Write one of the cluster's files, or remove it.

    @raise OSError: it could not be written; the old content stays.
    """
    path = path_of(paths, name)
    if content is None:
        durable.remove(path)
    else:
        durable.write_atomic(path, content.encode(), _MODES.get(name, 0o600))


def thd_forget_cluster(paths: Paths) -> None:
    """
    Remove the cluster's files. What lets the daemon start goes last, so that this can be repeated.

    @raise OSError: one could not be removed.
    """
    for name in LogicalFile:
        durable.remove(path_of(paths, name))
    remove_ssconf(paths)
    durable.remove(paths.ca_pem)
    durable.remove(paths.server_pem)
