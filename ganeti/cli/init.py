"""
Make a new cluster on this machine.

The order of the writes is such that an interruption leaves either no cluster (C{in_cluster} is
false, and the next C{gnt-cluster init} removes what is there) or a whole one, whose daemons only
have to be started.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from ganeti.cli import clusterfiles, daemons
from ganeti.model.cluster import default_cluster
from ganeti.model.config import Configuration
from ganeti.model.delta import Delta, put
from ganeti.model.group import NodeGroup
from ganeti.model.node import Node
from ganeti.model.ssconf import build_ssconf
from ganeti.paths import MASTERD, NODED, Paths
from ganeti.rpc import certificates
from ganeti.rpc.roles import RoleRecord, encode_role_record
from ganeti.store.bootstrap import create_cluster_database
from ganeti.store.nodestate_db import create_node_database
from ganeti.utils import durable
from ganeti.utils.hosts import Host
from ganeti.utils.randomness import Randomness

FIRST_TERM = 1
DEFAULT_GROUP = "default"


class NewCluster(NamedTuple):
    """
    What the cluster is to be.

    @ivar cluster: its name and address.
    @ivar master: this machine.
    @ivar settings: other fields of the cluster record.
    """

    cluster: Host
    master: Host
    secondary_ip: str
    settings: Mapping[str, Any]


def create(paths: Paths, wanted: NewCluster, randomness: Randomness, time_ns: int) -> None:
    """
    Write all files of a cluster with one node, this one.

    @raise GanetiError, OSError: it could not be done; there is no cluster then.
    """
    _clear(paths)
    node_uuid = randomness.uuid()
    digest = certificates.init_cluster_certificates(
        paths, node_uuid, wanted.master.name, time_ns / 1e9
    )
    clusterfiles.write_keys(paths, f"{randomness.secret()}\n", f"{randomness.secret()}\n")
    delta = first_delta(wanted, node_uuid, digest, randomness)
    state = create_cluster_database(paths.store_db, delta, FIRST_TERM, time_ns)
    record = encode_role_record(_first_record(state.config, digest))
    create_node_database(paths.node_db, FIRST_TERM, record)
    _make_storage_folders(paths, wanted.settings)
    clusterfiles.write_ssconf(paths, build_ssconf(state.config))


def _clear(paths: Paths) -> None:
    """Remove what an interrupted command left; none of its daemons may go on."""
    for daemon in (MASTERD, NODED):
        daemons.stop(paths, daemon)
    clusterfiles.forget_cluster(paths)
    durable.make_directories(paths)


def first_delta(wanted: NewCluster, node_uuid: str, digest: str, randomness: Randomness) -> Delta:
    """The objects of a new cluster."""
    group = NodeGroup(uuid=randomness.uuid(), name=DEFAULT_GROUP)
    node = Node(
        uuid=node_uuid,
        name=wanted.master.name,
        primary_ip=wanted.master.ip,
        secondary_ip=wanted.secondary_ip,
        group=group.uuid,
        master_candidate=True,
    )
    cluster = default_cluster(
        uuid=randomness.uuid(),
        cluster_name=wanted.cluster.name,
        master_node=node_uuid,
        master_ip=wanted.cluster.ip,
        candidate_certs={node_uuid: digest},
        **wanted.settings,
    )
    return (put(cluster), put(group), put(node))


def _first_record(config: Configuration, digest: str) -> RoleRecord:
    cluster = config.cluster
    return RoleRecord(
        term=FIRST_TERM,
        cluster_name=cluster.cluster_name,
        master_uuid=cluster.master_node,
        master_digest=digest,
        candidates=dict(cluster.candidate_certs),
    )


def _make_storage_folders(paths: Paths, settings: Mapping[str, Any]) -> None:
    """The folders of file disks on this node; other nodes' administrators make theirs."""
    for name in ("file_storage_dir", "shared_file_storage_dir"):
        if settings[name]:
            os.makedirs(paths.root + settings[name], mode=0o750, exist_ok=True)


def start_daemons(paths: Paths) -> None:
    """
    Start the master's daemons, and wait until they serve.

    @raise DaemonError: one did not come up.
    """
    for daemon in (NODED, MASTERD):
        daemons.start(paths, daemon)
