"""Clusters that are described, and loads of instances."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganeti.htools.errors import InputError
from ganeti.htools.loaders import Hints, Source, load
from ganeti.htools.loads import parse_loads
from ganeti.htools.numbers import BadValue, parse_size
from ganeti.model.group import AllocPolicy


def test_simulation() -> None:
    """Each description is a group; the last one comes first."""
    specs = ("p,2,100g,16g,4,3", "u,1,10G,1T,2")
    data = load(Source("simulate", specs), Hints())
    assert [group.alloc_policy for group in data.groups] == [
        AllocPolicy.UNALLOCABLE,
        AllocPolicy.PREFERRED,
    ]
    assert [node.name for node in data.nodes] == ["node-01-001", "node-02-001", "node-02-002"]
    assert [node.master for node in data.nodes] == [True, False, False]
    assert data.nodes[0].total_disk == 9536
    assert data.nodes[1].total_disk == 102400
    assert data.nodes[1].spindles == 3


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("p,1,1g", "expected 6 comma-separated sections"),
        ("x,1,1g,1g,1", "allocation policy: 'x'"),
        ("p,-1,1g,1g,1", "node count"),
        ("p,1,1q,1g,1", "disk size: Unknown unit 'q'"),
        ("p,1,1g,,1", "memory size: cannot parse string ''"),
        ("p,9999999,1g,1g,1", "is more than"),
    ],
)
def test_wrong_simulation(spec: str, told: str) -> None:
    """A description that makes no sense is refused."""
    with pytest.raises(InputError) as caught:
        load(Source("simulate", (spec,)), Hints())
    assert told in str(caught.value)


@settings(deadline=None)
@given(st.lists(st.text(max_size=8), max_size=8).map(",".join))
def test_hostile_simulation(spec: str) -> None:
    """Whatever stands in a description: it is read, or refused in one line."""
    try:
        load(Source("simulate", (spec,)), Hints())
    except InputError as err:
        assert len(str(err).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "size"),
    [("100", 100), ("100m", 100), ("100M", 95), ("1t", 1 << 20), ("1 g", 1024), ("1GIB", 1024)],
)
def test_sizes(text: str, size: int) -> None:
    """Small letters are binary units, capital ones those of the SI system."""
    assert parse_size(text, "size") == size


def test_fractions_are_no_sizes() -> None:
    """A size is a whole number, as the original wants it."""
    with pytest.raises(BadValue):
        parse_size("1.5g", "size")


def test_loads(tmp_path: Path) -> None:
    """A file with loads is read; what is wrong is told with its line."""
    path = tmp_path / "loads"
    path.write_text("web1 1 0.5 2 3\n")
    assert parse_loads(str(path))["web1"].memory == 0.5
    for wrong, told in (("web1 1 2 3", "line 1, utilisation"), ("web1 1 x 3 4", "line 1, memory")):
        path.write_text(wrong)
        with pytest.raises(InputError, match=told):
            parse_loads(str(path))


@pytest.mark.parametrize("content", [b"\xff\xfe", b"\x00" * 50, b"|" * 1000])
def test_hostile_files(tmp_path: Path, content: bytes) -> None:
    """A file that is no text is refused."""
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InputError):
        load(Source("text", str(path)), Hints())


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is named."""
    with pytest.raises(InputError, match="nothing: No such file"):
        load(Source("text", str(tmp_path / "nothing")), Hints())
