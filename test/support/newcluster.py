"""A cluster of one node, made by init's own code in a folder of its own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ganeti.cli import clusterfiles, init
from ganeti.cli.commands import cluster_init
from ganeti.cli.commands.gnt_cluster import PROGRAM
from ganeti.cli.parser import parse
from ganeti.model.config import Configuration
from ganeti.paths import Paths
from ganeti.rpc import certificates
from ganeti.rpc.roles import decode_role_record
from ganeti.store.checks import cross_check
from ganeti.store.database import Database
from ganeti.store.loading import load
from ganeti.store.nodestate_db import read_role_record
from ganeti.utils.randomness import SeededRandomness

NOW_NS = 1_800_000_000 * 10**9
HOSTS = "127.9.9.1 cluster.example.com\n127.9.9.2 node1.example.com\n127.9.9.3 node2.example.com\n"


@contextmanager
def virtual_folder() -> Iterator[Paths]:
    """An empty folder for a virtual cluster; in memory, since many writes are synced."""
    name = "node1.example.com"
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="cli-cluster-", dir=memory) as folder:
        paths = Paths(root=f"{folder}/{name}", hostname=name)
        os.mkdir(paths.root)
        Path(paths.hosts_file).write_text(HOSTS)
        yield paths


def init_options(*words: str) -> Any:
    """Of gnt-cluster init."""
    command = PROGRAM.find("init")
    assert command is not None
    return parse("gnt-cluster", command, [*words, "cluster"], 80)[0]


def create_cluster(paths: Paths, *words: str) -> None:
    """Write the files of a cluster."""
    wanted = cluster_init.plan(paths, init_options(*words), "cluster.example.com")
    init.create(paths, wanted, SeededRandomness(1), NOW_NS)


def stored_config(paths: Paths) -> Configuration:
    """The configuration in the cluster's database."""
    database = Database(paths.store_db)
    try:
        return load(database).state.config
    finally:
        database.close()


def check_whole(paths: Paths) -> None:
    """All that a cluster needs is there and fits together."""
    config = stored_config(paths)
    assert cross_check(config) == []
    identity = certificates.load_identity(paths)
    assert identity.uuid == config.cluster.master_node
    assert config.cluster.candidate_certs == {identity.uuid: identity.digest}
    row = read_role_record(paths.node_db)
    assert row is not None and row.term == 1
    record = decode_role_record(row.record)
    assert (record.master_uuid, record.master_digest) == (identity.uuid, identity.digest)
    assert record.cluster_name == "cluster.example.com"
    certificates.load_authority(paths)
    ssconf = clusterfiles.read_ssconf_values(paths)
    assert ssconf["cluster_name"] == "cluster.example.com\n"
    assert ssconf["node_list"] == ssconf["master_node"] == "node1.example.com\n"
    assert len(clusterfiles.read_text(paths.hmac_key)) > 20
