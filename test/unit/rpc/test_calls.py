"""The table of calls is complete and consistent."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from support.samplecalls import sample

from ganeti.errors import ParseError
from ganeti.rpc.calls import CALLS, Call, decode_call, encode_call, result_type, tag_of
from ganeti.rpc.roles import Role

EVERY = pytest.mark.parametrize("kind", CALLS.values(), ids=list(CALLS))


@EVERY
def test_declares_its_roles(kind: type[Call[Any]]) -> None:
    """Each call says itself who may send it; the master always may, ordinary nodes never."""
    assert "roles" in vars(kind)
    assert Role.MASTER in kind.roles
    assert not kind.roles & {Role.NODE, Role.NONE}


@EVERY
def test_travels(kind: type[Call[Any]]) -> None:
    """It comes back as it was sent."""
    call = sample(kind)
    again = decode_call(encode_call(call))
    assert type(again) is kind
    assert encode_call(again) == encode_call(call)


@EVERY
def test_is_consistent(kind: type[Call[Any]]) -> None:
    """Tasks and repeatable calls change something; limits are limits; answers have a type."""
    call = sample(kind)
    assert call.changes or not (call.task or call.repeatable or call.object_key())
    assert 0 < call.limit_s() <= 7 * 86400 + 300
    assert call.task or call.limit_s() <= 300
    assert call.answer_limit <= 8 << 20
    assert tag_of(call) in CALLS
    msgspec.json.Decoder(result_type(kind))


def test_who_may_read_what() -> None:
    """Candidates may ask which release runs and how far a copy goes: nothing else."""
    of_candidates = {tag for tag, kind in CALLS.items() if Role.CANDIDATE in kind.roles}
    assert of_candidates == {"node_version", "store_position"}


def test_unknown() -> None:
    """A call of a later release is no call of ours."""
    with pytest.raises(ParseError, match="fly"):
        decode_call(b'{"call":"fly"}')


def test_fields_are_checked() -> None:
    """Ranges and patterns are part of the type."""
    for text in (
        b'{"call":"delay","duration_s":-1}',
        b'{"call":"delay","duration_s":1e9}',
        b'{"call":"end_request","request_id":"x"}',
        b'{"call":"watch_task","request_id":"1/0/0","since":-1}',
        b'{"call":"run_hooks","path":"../x","phase":"pre","env":{}}',
        b'{"call":"upload_file","name":"/etc/passwd","content":"x"}',
    ):
        with pytest.raises(ParseError):
            decode_call(text)
