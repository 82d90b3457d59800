"""Certificates of nodes, from files to files."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from support.samples import node_uuid

from ganeti.errors import X509CertError
from ganeti.paths import Paths
from ganeti.rpc import certificates
from ganeti.rpc.certificates import (
    digest_of,
    init_cluster_certificates,
    install_certificate,
    load_authority,
    load_identity,
    make_authority,
    make_node_pem,
    make_request,
    sign_request,
)

NOW = 1.8e9
MASTER, NODE = node_uuid(1), node_uuid(2)


def make_paths(base: Path, name: str) -> Paths:
    paths = Paths(root=str(base / name), hostname=name)
    os.makedirs(paths.data_dir)
    return paths


@pytest.fixture
def master(tmp_path: Path) -> Paths:
    paths = make_paths(tmp_path, "node1.example.com")
    init_cluster_certificates(paths, MASTER, "node1.example.com", NOW)
    return paths


@pytest.fixture
def node(tmp_path: Path) -> Paths:
    return make_paths(tmp_path, "node2.example.com")


def read(path: str) -> bytes:
    return Path(path).read_bytes()


def mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_init(master: Paths) -> None:
    """The first node has the authority, and a certificate of its own."""
    identity = load_identity(master)
    assert (identity.uuid, identity.name) == (MASTER, "node1.example.com")
    assert identity.digest == digest_of(read(master.server_pem))
    assert mode(master.ca_key) == mode(master.server_pem) == 0o600
    assert mode(master.ca_pem) == 0o644
    assert b"PRIVATE" not in read(master.ca_pem)


def test_join(master: Paths, node: Paths) -> None:
    """A new node makes its key; it never leaves the node."""
    request = make_request(node)
    assert b"PRIVATE" not in request
    certificate = sign_request(master, request, NODE, "node2.example.com", NOW)
    digest = install_certificate(node, certificate, read(master.ca_pem))
    identity = load_identity(node)
    assert (identity.uuid, identity.name, identity.digest) == (NODE, "node2.example.com", digest)
    assert mode(node.server_pem) == 0o600
    assert sorted(os.listdir(node.data_dir)) == ["ca.pem", "server.pem"]
    assert install_certificate(node, certificate, read(master.ca_pem)) == digest


def test_only_the_authority_signs(master: Paths, node: Paths) -> None:
    """A node without the authority's key cannot sign."""
    request = make_request(node)
    with pytest.raises(X509CertError, match=r"ca\.pem"):
        sign_request(node, request, NODE, "node2.example.com", NOW)


def test_the_authority_decides(master: Paths, node: Paths) -> None:
    """What the request claims to be is not looked at."""
    certificate = sign_request(master, make_request(node), NODE, "node2.example.com", NOW)
    other = sign_request(master, make_request(node), MASTER, "node2.example.com", NOW)
    assert digest_of(certificate) != digest_of(other)


def test_bad_request(master: Paths) -> None:
    """Not a request, or one that somebody changed."""
    for request in (b"", b"x" * 100, read(master.ca_pem)):
        with pytest.raises(X509CertError):
            sign_request(master, request, NODE, "node2.example.com", NOW)
    with pytest.raises(X509CertError, match="not a node's uuid"):
        sign_request(master, make_request(master), "../x", "node2.example.com", NOW)


def test_certificate_for_another_key(master: Paths, node: Paths) -> None:
    """A certificate that belongs to an earlier request is refused; nothing changes."""
    certificate = sign_request(master, make_request(node), NODE, "node2.example.com", NOW)
    make_request(node)
    with pytest.raises(X509CertError, match="another key"):
        install_certificate(node, certificate, read(master.ca_pem))
    assert not os.path.exists(node.server_pem)


def test_certificate_of_another_cluster(master: Paths, node: Paths, tmp_path: Path) -> None:
    """Certificate and authority must belong together."""
    other = make_paths(tmp_path, "other.example.com")
    init_cluster_certificates(other, MASTER, "other.example.com", NOW)
    certificate = sign_request(master, make_request(node), NODE, "node2.example.com", NOW)
    with pytest.raises(X509CertError, match="not signed"):
        install_certificate(node, certificate, read(other.ca_pem))


def test_identity_needs_our_authority(master: Paths, tmp_path: Path) -> None:
    """A node does not start with files that do not fit together."""
    other = make_paths(tmp_path, "other.example.com")
    init_cluster_certificates(other, MASTER, "other.example.com", NOW)
    Path(other.ca_pem).write_bytes(read(master.ca_pem))
    with pytest.raises(X509CertError, match="not signed"):
        load_identity(other)


def test_missing_and_damaged(node: Paths) -> None:
    """An error names the file."""
    with pytest.raises(X509CertError, match=r"server\.pem: No such file"):
        load_identity(node)
    Path(node.server_pem).write_bytes(b"damaged")
    with pytest.raises(X509CertError, match=r"server\.pem"):
        load_identity(node)
    with pytest.raises(X509CertError, match=r"ca\.pem"):
        load_authority(node)


def test_no_node() -> None:
    """The authority's own certificate names no node."""
    authority = make_authority(NOW)
    assert certificates.node_uuid_of(authority.certificate) is None


def test_long_names() -> None:
    """Host names may be longer than what a subject may hold."""
    name = ".".join(["a" * 60] * 4)
    pem = make_node_pem(make_authority(NOW), NODE, name, NOW)
    assert len(digest_of(pem)) == 64


def test_without_twisted() -> None:
    """Commands use this, and they do not load Twisted."""
    code = "import sys, ganeti.rpc.certificates; print('twisted' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.strip() == b"False"
