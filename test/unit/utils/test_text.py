"""Sizes, sorting, abbreviated names."""

import pytest

from ganeti.errors import UnitParseError
from ganeti.utils.text import format_unit, match_name, nice_sort_key, parse_unit, printable


@pytest.mark.parametrize(
    ("text", "mib"),
    [("1", 4), ("512", 512), ("64M", 64), ("1G", 1024), ("1.5g", 1536), ("2T", 2 << 20)]
    + [("0", 0), ("0.1g", 104), ("100.2", 104), (" 5 m ", 8)],
)
def test_parse_unit(text: str, mib: int) -> None:
    """Sizes are in MiB, rounded up to a multiple of 4."""
    assert parse_unit(text) == mib


@pytest.mark.parametrize("text", ["", "x", "3x", "-1", "1..2", "G", "1 2", "9" * 400])
def test_parse_no_unit(text: str) -> None:
    """What is no size is refused, and named."""
    with pytest.raises(UnitParseError, match=text[:20] or "''"):
        parse_unit(text)


@pytest.mark.parametrize(
    ("mib", "units", "text"),
    [(256, "h", "256M"), (1024, "h", "1.0G"), (258019, "h", "252.0G"), (2 << 20, "h", "2.0T")]
    + [(256, "g", "0.2"), (1079, "g", "1.1"), (1079, "m", "1079"), (0, "h", "0M")]
    + [(1 << 20, "t", "1.0")],
)
def test_format_unit(mib: int, units: str, text: str) -> None:
    """As the original's commands print them."""
    assert format_unit(mib, units) == text


def test_nice_sort() -> None:
    """Numbers in names sort by value."""
    names = ["node10", "node2", "alpha", "node1.b", "node1", "10", "9"]
    expected = ["9", "10", "alpha", "node1", "node1.b", "node2", "node10"]
    assert sorted(names, key=nice_sort_key) == expected


def test_match_name() -> None:
    """A full name, or the only one that begins with the given parts."""
    names = ["node1.example.com", "node10.example.com", "node2.example.com", "node2.example.org"]
    assert match_name(names, "node1.example.com") == "node1.example.com"
    assert match_name(names, "node1") == "node1.example.com"
    assert match_name(names, "node1.example") == "node1.example.com"
    assert match_name(names, "NODE10") == "node10.example.com"
    assert match_name(names, "node2") is None
    assert match_name(names, "node") is None
    assert match_name(names, "node1.ex") is None
    assert match_name([], "x") is None


def test_printable() -> None:
    """What would command a terminal is shown instead; text of any language stays."""
    assert printable(b"\x1b[2Jgone\x07\x00\xc2\x9b1m") == r"\x1b[2Jgone\x07\x00\x9b1m"
    assert printable("a\tb\nöß 日本".encode()) == "a\tb\nöß 日本"
    assert printable(b"0/8\b\b\bdone\r100%") == "0/8done 100%"
    assert printable(b"\xff") == "\N{REPLACEMENT CHARACTER}"
