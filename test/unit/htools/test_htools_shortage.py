"""The rules for nodes in words, and nodes that are fuller than policies allow."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from support.placement import make_cluster

from ganeti.htools.cluster import prepare
from ganeti.htools.failures import Failure
from ganeti.htools.newcomer import Code
from ganeti.htools.records import Settings
from ganeti.htools.shortage import Shortage, number, words
from ganeti.htools.violations import violating_nodes


@pytest.mark.parametrize(
    ("code", "second", "told"),
    [
        (Code.OFFLINE, False, "n1 is offline, drained or cannot have instances"),
        (Code.MEMORY, False, "n1 needs 1024 MiB of memory and has 1000 (25 short)"),
        (Code.MEMORY, True, "n1 needs 1024 MiB of memory for the copy and has 1000 (25 short)"),
        (Code.DISK, False, "n1 needs 1024 MiB of disk and has 1000 (25 short)"),
        (Code.SPINDLES, True, "n1 needs 1024 spindles for the copy and has 1000 (25 short)"),
        (Code.CPU, False, "n1 needs 1024 virtual CPUs, the policy's ratio leaves 1000 (25 short)"),
        (Code.TAGS, False, "n1 runs an instance with the same exclusion tag"),
        (Code.MIGRATION, False, "n1 takes no instances from the node it is on (migration tags)"),
        (Code.SPINDLE_USE, False, "n1 needs 1024 of spindle use, the policy's ratio leaves 1000"),
        (Code.N1, False, "besides what it keeps free for the case that another node fails (N+1)"),
        (Code.N1, True, "n1 would have to keep 1024 MiB of memory free for the case that a node"),
        (Code.SOON, False, "stopped and forthcoming instances leave 1000 MiB (25 short)"),
        (Code.DISK_SOFT, False, "what has to be left (--min-disk, forthcoming instances) leaves"),
    ],
)
def test_words(code: Code, second: bool, told: str) -> None:
    """Each rule names the node, what is needed, what is there, and the unit."""
    text = words(Shortage(code, 0, 1024.0, 1000.0, 25.0, second), "n1")
    assert told in text
    assert text.startswith("n1 ")
    assert ("short" in text) == (code not in (Code.OFFLINE, Code.TAGS, Code.MIGRATION))


def test_every_code_has_words() -> None:
    """No rule is left without words."""
    for code in Code:
        if code is not Code.FITS:
            assert words(Shortage(code, 0, 1.5, -0.25, 1.75, False), "n1")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.5, "0.5"), (12.0, "12"), (99.999, "100"), (-3.25, "-3.25"), (1e6, "1000000")],
)
def test_number(value: float, text: str) -> None:
    """Whole numbers have no point; fractions of large numbers are left out."""
    assert number(value) == text


def test_failures() -> None:
    """The words of failures are those of Ganeti's hail."""
    assert [each.value for each in Failure if not each.value.startswith("Fail")] == []
    assert len({each.value for each in Failure}) == len(Failure)


def test_violating_nodes() -> None:
    """Nodes with more virtual CPUs, or spindle use, than the policy's ratios allow."""
    data = make_cluster(4, per_node=4)
    assert violating_nodes(prepare(data)) == ()
    nodes = (replace(data.nodes[0], cpus=1), *data.nodes[1:])
    assert violating_nodes(prepare(replace(data, nodes=nodes))) == (0,)
    assert len(violating_nodes(prepare(data, Settings(max_cpu=0.01)))) == 4
    groups = tuple(
        replace(group, policy=replace(group.policy, spindle_ratio=0.1))  # type: ignore[type-var]
        for group in data.groups
    )
    assert len(violating_nodes(prepare(replace(data, groups=groups)))) == 4
