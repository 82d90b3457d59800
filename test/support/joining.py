"""Make a folder beside the master's a node, step by step."""

from __future__ import annotations

import os

from ganeti.cli import clusterfiles
from ganeti.cli.nodejoin import Bundle, Prepared
from ganeti.cli.nodesetup import INodeSetup
from ganeti.paths import Paths
from ganeti.rpc import certificates
from ganeti.rpc.roles import decode_role_record
from ganeti.store.nodestate_db import read_role_record
from support.newcluster import NOW_NS

NAME = "node2.example.com"
UUID = "11111111-2222-4333-8444-555555555555"
CLUSTER = "cluster.example.com"


def node_paths(master: Paths) -> Paths:
    """The folder that becomes a node."""
    return Paths(root=f"{master.cluster_dir}/{NAME}", hostname=NAME)


def authority_of(master: Paths) -> str:
    """The certificate of the cluster's authority."""
    return clusterfiles.read_text(master.ca_pem)


def build_bundle(master: Paths, request: str) -> Bundle:
    """What the master gives a node."""
    role = read_role_record(master.node_db)
    assert role is not None
    signed = certificates.sign_request(master, request.encode(), UUID, NAME, NOW_NS / 1e9)
    return Bundle(
        certificate=signed.decode(),
        authority=authority_of(master),
        hmac_key=clusterfiles.read_text(master.hmac_key),
        domain_secret=clusterfiles.read_text(master.cluster_domain_secret),
        role_term=role.term,
        role_record=role.record.decode(),
        ssconf=clusterfiles.read_ssconf_values(master),
    )


def join(master: Paths, setup: INodeSetup, *, force_join: bool = False) -> Prepared:
    """All of node setup but the start of the daemon."""
    prepared = setup.prepare(CLUSTER, authority_of(master), force_join=force_join)
    setup.install(build_bundle(master, prepared.request))
    return prepared


def check_joined(master: Paths) -> None:
    """The node has what a node needs."""
    node = node_paths(master)
    identity = certificates.load_identity(node)
    assert (identity.uuid, identity.name) == (UUID, NAME)
    row = read_role_record(node.node_db)
    assert row is not None
    mine = certificates.load_identity(master)
    record = decode_role_record(row.record)
    assert (record.master_uuid, record.master_digest) == (mine.uuid, mine.digest)
    for path in ("hmac_key", "cluster_domain_secret"):
        ours, theirs = getattr(master, path), getattr(node, path)
        assert clusterfiles.read_text(ours) == clusterfiles.read_text(theirs)
    assert clusterfiles.read_ssconf_values(node) == clusterfiles.read_ssconf_values(master)
    assert not os.path.exists(node.ca_key)
