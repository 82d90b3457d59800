"""
What is done on a machine itself so that it becomes a node; each step may be repeated.

L{prepare} makes folders and a key, and gives the request for a certificate; L{install} writes
what the master made of it; L{start} lets the node daemon run. The master's command calls them
directly in a virtual cluster, and through C{node-daemon-setup} over SSH.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from ganeti import version
from ganeti.cli import clusterfiles, daemons
from ganeti.cli.master import read_ssconf
from ganeti.errors import ErrorCode, OpPrereqError, ParseError, X509CertError
from ganeti.paths import NODED, Paths
from ganeti.rpc import certificates
from ganeti.store.nodestate_db import create_node_database
from ganeti.utils import durable


class Prepared(NamedTuple):
    """
    What a prepared machine says of itself.

    @ivar request: for a certificate, PEM.
    @ivar node_uuid: by which the cluster with our authority knew it; empty for another machine.
    """

    protocol: int
    release: str
    request: str
    node_uuid: str


class Bundle(NamedTuple):
    """What a node gets from the master; texts."""

    certificate: str
    authority: str
    hmac_key: str
    domain_secret: str
    role_term: int
    role_record: str
    ssconf: dict[str, str]


def prepare(paths: Paths, cluster_name: str, authority: str, *, force_join: bool) -> Prepared:
    """
    Make the folders, and a key whose certificate the master is to sign.

    @param authority: the certificate of the cluster's authority.
    @param force_join: leave another cluster for this one.
    @raise OpPrereqError: the machine belongs to another cluster.
    """
    durable.make_directories(paths)
    theirs = read_ssconf(paths, "cluster_name")
    ours = _knows_authority(paths, authority)
    if theirs is not None and not ours and not force_join:
        raise OpPrereqError(
            f"The machine belongs to the cluster {theirs}, and not to {cluster_name};"
            " take it out of that one first, or use --force-join",
            ErrorCode.WRONG_STATE,
        )
    request = certificates.make_request(paths).decode()
    uuid = _known_uuid(paths) if ours else ""
    return Prepared(version.PROTOCOL_VERSION, version.RELEASE, request, uuid)


def _knows_authority(paths: Paths, authority: str) -> bool:
    return os.path.exists(paths.ca_pem) and clusterfiles.read_text(paths.ca_pem) == authority


def _known_uuid(paths: Paths) -> str:
    try:
        return certificates.load_identity(paths).uuid
    except X509CertError:
        return ""


def install(paths: Paths, bundle: Bundle) -> None:
    """
    Write keys, certificate, role record and ssconf; the node daemon is stopped for it.

    What another cluster left is removed first.
    """
    daemons.stop(paths, NODED)
    if not _knows_authority(paths, bundle.authority):
        _leave_other_cluster(paths)
    certificates.install_certificate(paths, bundle.certificate.encode(), bundle.authority.encode())
    clusterfiles.write_keys(paths, bundle.hmac_key, bundle.domain_secret)
    create_node_database(paths.node_db, bundle.role_term, bundle.role_record.encode())
    clusterfiles.write_ssconf(paths, bundle.ssconf)


def _leave_other_cluster(paths: Paths) -> None:
    """Remove what is there, but not the key that waits for its certificate."""
    pending = f"{paths.server_pem}.new"
    key = durable.read_limited(pending, 1 << 16)
    clusterfiles.forget_cluster(paths)
    durable.make_directories(paths)
    durable.write_atomic(pending, key, 0o600)


def start(paths: Paths) -> None:
    """Let the node daemon run. @raise GanetiError: it does not come up."""
    daemons.start(paths, NODED)


# -- The steps as JSON, for another machine


def run_step(paths: Paths, text: str) -> str:
    """
    Do what C{text} says, and answer in JSON: C{{"step": "prepare", ...}}.

    @raise GanetiError: it failed, or is not understood.
    """
    try:
        message: Mapping[str, Any] = json.loads(text)
        step, values = message["step"], message["values"]
        if step == "prepare":
            return json.dumps(prepare(paths, **values)._asdict())
        if step == "install":
            install(paths, Bundle(**values))
            return "{}"
    except (ValueError, TypeError, KeyError) as err:
        raise ParseError(f"Not a step of node setup: {err!r}") from err
    if step == "start":
        start(paths)
        return "{}"
    raise ParseError(f"Not a step of node setup: '{step}'")


def build_step(step: str, values: Mapping[str, Any]) -> str:
    """The JSON of one step."""
    return json.dumps({"step": step, "values": dict(values)})


def read_prepared(text: str) -> Prepared:
    """
    The answer to C{prepare}.

    @raise ParseError: it is something else.
    """
    try:
        answer = json.loads(text)
        protocol, release = int(answer["protocol"]), str(answer["release"])
        return Prepared(protocol, release, str(answer["request"]), str(answer["node_uuid"]))
    except (ValueError, TypeError, KeyError) as err:
        raise ParseError(f"The machine did not answer as node-daemon-setup does: {err!r}") from err
