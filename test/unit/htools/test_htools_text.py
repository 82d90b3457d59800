"""The text format: what is read is what was written, and what is wrong is told with its place."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.placement import make_cluster

from ganeti.htools.errors import InputError
from ganeti.htools.policytext import format_float
from ganeti.htools.text import parse_text
from ganeti.htools.textwriter import format_text
from ganeti.model.templates import DiskTemplate

GOOD = format_text(make_cluster(4, per_node=2, groups=2))
LINES = GOOD.split("\n")
NODE = LINES.index("") + 1
INSTANCE = LINES.index("", NODE) + 1
POLICY = next(number for number, line in enumerate(LINES) if line.startswith("|128"))


def changed(number: int, column: int, cell: str) -> str:
    lines = list(LINES)
    cells = lines[number].split("|")
    cells[column] = cell
    lines[number] = "|".join(cells)
    return "\n".join(lines)


def test_round_trip() -> None:
    """A cluster is the same after it was written and read."""
    for template in (DiskTemplate.DRBD, DiskTemplate.PLAIN):
        data = make_cluster(5, template=template)
        assert parse_text(format_text(data), "file") == data


@pytest.mark.parametrize(
    ("number", "column", "cell", "told"),
    [
        (0, 2, "often", "line 1, allocation policy: 'often' is none of preferred"),
        (NODE, 1, "much", "total memory: 'much' is no number"),
        (NODE, 4, "-5", "total disk: '-5' is negative"),
        (NODE, 2, "9" * 30, "node memory: '99999"),
        (NODE, 8, "nowhere", "node group: there is no group 'nowhere'"),
        (NODE, 11, "Q", "exclusive storage: 'Q' is none of Y, N"),
        (NODE, 14, "0", "CPU speed: a CPU speed of 0 makes no sense"),
        (NODE, 0, "node0001", "node name: 'node0001' is there twice"),
        (INSTANCE, 1, "1.5", "memory: '1.5' is no number"),
        (INSTANCE, 4, "odd", "status: 'odd' is none of"),
        (INSTANCE, 6, "x", "primary node: there is no node 'x'"),
        (INSTANCE, 8, "paper", "disk template: 'paper' is no disk template"),
        (INSTANCE, 0, "", "instance name: it is empty"),
        (POLICY, 1, "1,2", "standard size: '1,2' has 2 of 6 numbers"),
        (POLICY, 0, "lost", "policy owner: there is no group 'lost'"),
        (POLICY, 4, "x", "VCPU ratio: 'x' is no number"),
    ],
)
def test_wrong_cell(number: int, column: int, cell: str, told: str) -> None:
    """One line names the file, the line and the column."""
    with pytest.raises(InputError) as caught:
        parse_text(changed(number, column, cell), "c.data")
    text = str(caught.value)
    assert text.startswith("c.data: line ")
    assert told in text
    assert "\n" not in text


def test_same_node_twice() -> None:
    """An instance cannot have both disks of a mirror on one node."""
    primary = LINES[INSTANCE].split("|")[6]
    with pytest.raises(InputError, match=f"line {INSTANCE + 1}, secondary node: it is the primary"):
        parse_text(changed(INSTANCE, 7, primary), "c.data")


def test_columns_of_old_files() -> None:
    """Columns that came later may be missing; those that were always there may not."""
    lines = list(LINES)
    lines[NODE] = "|".join(lines[NODE].split("|")[:9])
    lines[INSTANCE] = "|".join(lines[INSTANCE].split("|")[:10])
    assert parse_text("\n".join(lines), "old").nodes[0].spindles == 1
    lines[NODE] = "|".join(lines[NODE].split("|")[:8])
    with pytest.raises(InputError, match="node group: it is missing: there are 8 of at least 9"):
        parse_text("\n".join(lines), "old")


def test_unknown_numbers() -> None:
    """A node that did not tell its numbers is offline."""
    node = parse_text(changed(NODE, 3, "?"), "file").nodes[0]
    assert node.offline
    assert node.total_memory == 0


def test_sections() -> None:
    """Four sections are enough, fewer are not."""
    assert parse_text("\n\n\n\n", "file").nodes == ()
    for text in ("", "\n", "\n\n"):
        with pytest.raises(InputError, match="of at least 4 sections"):
            parse_text(text, "file")


def test_a_million_tags() -> None:
    """Tags take no longer than reading them does."""
    tags = [f"tag{number}" for number in range(500_000)]
    text = "\n".join([*LINES[: POLICY - 2], "", *tags, "", *LINES[POLICY:]])
    text = text.replace("|1||N|", f"|1|{','.join(tags)}|N|", 1)
    start = time.perf_counter()
    data = parse_text(text, "file")
    assert time.perf_counter() - start < 10
    assert len(data.tags) == len(data.nodes[0].tags) == 500_000


@settings(deadline=None)
@given(cut=st.integers(0, len(GOOD)), junk=st.text(max_size=30))
def test_truncated_or_garbled(cut: int, junk: str) -> None:
    """Whatever stands in a file: it is read, or refused in one line."""
    for text in (GOOD[:cut], GOOD[:cut] + junk + GOOD[cut:], GOOD[:cut] + junk):
        try:
            parse_text(text, "file")
        except InputError as err:
            assert str(err).startswith("file: line ")
            assert len(str(err).splitlines()) == 1


@settings(deadline=None)
@given(
    number=st.integers(0, len(LINES) - 1),
    column=st.integers(0, 14),
    cell=st.one_of(
        st.text(alphabet=st.characters(blacklist_characters="\n|"), max_size=12),
        st.integers().map(str),
        st.floats().map(str),
        st.sampled_from(["?", "-", "Y", "", "node0001", "١٢", "1_000", " 5", "0x10"]),
    ),
)
def test_hostile_cells(number: int, column: int, cell: str) -> None:
    """Any cell may hold anything."""
    if column >= len(LINES[number].split("|")):
        return
    try:
        data = parse_text(changed(number, column, cell), "file")
    except InputError as err:
        assert len(str(err).splitlines()) == 1
    else:
        assert all(node.total_memory >= 0 for node in data.nodes)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4.0, "4.0"),
        (0.04, "4.0e-2"),
        (1e7, "1.0e7"),
        (0.1, "0.1"),
        (0.0, "0.0"),
        (1.25e-3, "1.25e-3"),
    ],
)
def test_floats(value: float, text: str) -> None:
    """Ratios look as Ganeti's tools write them."""
    assert format_float(value) == text
