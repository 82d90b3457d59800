"""Who may call a node: roles, and the record that a node judges them by."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import msgspec

from ganeti.model import codec


class Role(StrEnum):
    """What a caller is in the eyes of the node it calls."""

    MASTER = "master"
    CANDIDATE = "candidate"
    NODE = "node"
    """Holds a certificate of the cluster and no office; so does a node that was removed."""
    NONE = "none"


class RoleRecord(msgspec.Struct, frozen=True, kw_only=True):
    """
    Who holds which office in which term, as one node knows it.

    Written first by node setup, then replaced by the master. A record with no
    master (C{master_uuid} empty) admits nobody: the node has left its cluster.
    """

    term: Annotated[int, msgspec.Meta(ge=1)]
    cluster_name: str = ""
    master_uuid: str
    master_digest: str
    """Digest of the master's certificate (L{ganeti.rpc.certificates.digest_of})."""
    candidates: dict[str, str] = {}
    """Node uuid to certificate digest; the master need not be among them."""


@dataclass(frozen=True)
class PeerIdentity:
    """
    Whom a verified certificate names.

    @ivar uuid: the node's; empty when the certificate names none.
    @ivar digest: of the certificate.
    """

    uuid: str
    digest: str


def role_of(peer: PeerIdentity, record: RoleRecord | None) -> Role:
    """
    The role of a caller; asked at every call, never kept.

    An office needs the very certificate in the record: one made for an earlier
    membership of the same node does not do.
    """
    if record is None or not peer.uuid or not record.master_uuid:
        return Role.NONE
    if (peer.uuid, peer.digest) == (record.master_uuid, record.master_digest):
        return Role.MASTER
    if record.candidates.get(peer.uuid) == peer.digest:
        return Role.CANDIDATE
    return Role.NODE


def encode_role_record(record: RoleRecord) -> bytes:
    """As it is kept in node.db."""
    return codec.encode(record)


def decode_role_record(data: bytes) -> RoleRecord:
    """@raise ParseError: it is not a role record."""
    return codec.decode(data, RoleRecord)
