"""Encoding of records, and secrets."""

from __future__ import annotations

import pytest

from ganeti.errors import ParseError
from ganeti.model import codec
from ganeti.model.instance import Instance
from ganeti.model.locks import Level, exclusive, lock_name, shared
from ganeti.model.secret import Secret


def test_secrets():
    """A secret travels in clear and prints as stars."""
    assert codec.encode({"a": Secret("x")}) == b'{"a":"x"}'
    assert codec.to_builtins([Secret("x")]) == ["x"]
    assert codec.decode(b'{"a":"x"}', dict[str, Secret]) == {"a": Secret("x")}
    secret = Secret("x")
    assert [repr(secret), str(secret), f"{secret:>4}"] == ["***", "***", " ***"]
    assert len({secret, Secret("x"), Secret("y")}) == 2
    assert secret != "x"
    assert secret.reveal() == "x"


@pytest.mark.parametrize(
    ("data", "wanted", "names"),
    [
        (b"{}", Instance, "Instance.*`uuid`"),
        (b'{"a":1}', dict[str, Secret], "str"),
        (b"{", Instance, "truncated"),
        (b"[1]", list[str], "Expected `str`"),
        (b"[" * 100_000, list[object], "list"),
    ],
)
def test_errors(data, wanted, names):
    """What cannot be read gives a typed error that names record and field."""
    with pytest.raises(ParseError, match=names):
        codec.decode(data, wanted)


def test_convert():
    """Plain values become records, or an error that names the field."""
    assert codec.convert({"a": "x"}, dict[str, Secret]) == {"a": Secret("x")}
    with pytest.raises(ParseError, match="uuid"):
        codec.convert({}, Instance)


def test_strangers():
    """Types that are no part of the model are refused."""
    with pytest.raises(NotImplementedError):
        codec.encode(object())
    with pytest.raises(NotImplementedError):
        codec.decode(b'"x"', ParseError)


def test_lock_names():
    """Locks are named by level; the configuration's lock belongs to the cluster."""
    [lock] = exclusive(Level.NODE, "u")
    assert lock_name(lock) == "node/u"
    assert lock_name(shared(Level.CONFIG, "x")[0]) == "cluster/config"
