"""
The files by which a machine belongs to a cluster.

A machine is in a cluster when it has C{ssconf_master_node}, which is written last, or
C{config.data}. All else is a leftover of a command that was interrupted, and is removed by the
next one.
"""

from __future__ import annotations

import os
import shutil

from ganeti.cli.master import is_this_node, read_ssconf
from ganeti.paths import Paths
from ganeti.store.bootstrap import remove_database
from ganeti.utils import durable

_SSCONF = "ssconf_"
_MARK = "master_node"
_SSCONF_MODE = 0o444
_LIMIT = 1 << 20


def in_cluster(paths: Paths) -> bool:
    """Whether this machine is a node of a cluster."""
    return os.path.exists(paths.ssconf(_MARK)) or os.path.exists(paths.config_data)


def is_master(paths: Paths) -> bool:
    """Whether this machine was the master when it last heard of its cluster."""
    master = read_ssconf(paths, _MARK)
    return master is not None and is_this_node(paths, master)


def forget_cluster(paths: Paths) -> None:
    """
    Remove all that ties this machine to a cluster; its daemons must not run.

    May be interrupted and repeated: what makes it a node goes first.
    """
    if not os.path.isdir(paths.data_dir):
        return
    marks = [paths.config_data, paths.ssconf(_MARK)]
    secrets = [
        paths.ca_key,
        paths.server_pem,
        f"{paths.server_pem}.new",
        paths.hmac_key,
        paths.cluster_domain_secret,
        paths.rapi_pem,
        paths.job_secret_key,
    ]
    others = [paths.ca_pem, paths.known_hosts, paths.watcher_pause_file]
    for path in [*marks, *_ssconf_files(paths), *secrets, *others]:
        durable.remove(path)
    for database in (paths.store_db, f"{paths.store_db}.new", paths.node_db):
        remove_database(database)
    shutil.rmtree(paths.queue_dir, ignore_errors=True)


def _ssconf_files(paths: Paths) -> list[str]:
    names = os.listdir(paths.ssconf_dir)
    return [os.path.join(paths.ssconf_dir, name) for name in names if name.startswith(_SSCONF)]


def write_ssconf(paths: Paths, values: dict[str, str]) -> None:
    """Write ssconf files; the one that makes the machine a node comes last."""
    for key in sorted(values, key=lambda key: (key == _MARK, key)):
        durable.write_atomic(paths.ssconf(key), values[key].encode(), _SSCONF_MODE)


def read_ssconf_values(paths: Paths) -> dict[str, str]:
    """All ssconf values of this node, with their newlines."""
    values = {}
    for path in _ssconf_files(paths):
        key = os.path.basename(path).removeprefix(_SSCONF)
        values[key] = durable.read_limited(path, _LIMIT).decode()
    return values


def read_text(path: str) -> str:
    """A small file of the cluster."""
    return durable.read_limited(path, _LIMIT).decode()


def write_keys(paths: Paths, hmac_key: str, domain_secret: str) -> None:
    """Write the two secrets that all nodes share."""
    durable.write_atomic(paths.hmac_key, hmac_key.encode(), 0o440)
    durable.write_atomic(paths.cluster_domain_secret, domain_secret.encode(), 0o640)
