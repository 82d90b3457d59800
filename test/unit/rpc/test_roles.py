"""Who is what in the eyes of a node."""

from __future__ import annotations

import pytest

from ganeti.errors import ParseError
from ganeti.rpc.roles import (
    PeerIdentity,
    Role,
    RoleRecord,
    decode_role_record,
    encode_role_record,
    role_of,
)

RECORD = RoleRecord(
    term=3, cluster_name="c", master_uuid="m", master_digest="dm", candidates={"m": "dm", "c": "dc"}
)


@pytest.mark.parametrize(
    ("uuid", "digest", "role"),
    [
        ("m", "dm", Role.MASTER),
        ("c", "dc", Role.CANDIDATE),
        ("m", "dc", Role.NODE),
        ("c", "dm", Role.NODE),
        ("c", "", Role.NODE),
        ("n", "dn", Role.NODE),
        ("", "dm", Role.NONE),
        ("", "", Role.NONE),
    ],
)
def test_role(uuid: str, digest: str, role: Role) -> None:
    """An office needs both uuid and certificate."""
    assert role_of(PeerIdentity(uuid, digest), RECORD) is role


def test_no_record() -> None:
    """A node that was never set up, or has left, knows nobody."""
    assert role_of(PeerIdentity("m", "dm"), None) is Role.NONE
    left = RoleRecord(term=3, master_uuid="", master_digest="", candidates={"c": "dc"})
    assert role_of(PeerIdentity("c", "dc"), left) is Role.NONE
    assert role_of(PeerIdentity("", ""), left) is Role.NONE


def test_kept() -> None:
    """A record comes back as it was kept; one that is damaged is an error."""
    assert decode_role_record(encode_role_record(RECORD)) == RECORD
    for text in (b"", b"{}", b'{"term":0,"master_uuid":"m","master_digest":"d"}'):
        with pytest.raises(ParseError):
            decode_role_record(text)
