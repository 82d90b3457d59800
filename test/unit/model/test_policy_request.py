"""Requests to change instance policies."""

from __future__ import annotations

from typing import Any

import pytest

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.policy import Bounds, InstancePolicy, PartialPolicy, Spec
from ganeti.model.policy_request import (
    SPEC_TYPES,
    change_group_policy,
    change_policy,
    parse_bounds,
    parse_specs,
)
from ganeti.model.templates import DiskTemplate

LOW = dict.fromkeys(SPEC_TYPES, 1)
HIGH = dict.fromkeys(SPEC_TYPES, 4096)
PAIR = {"min": LOW, "max": HIGH}


def refused(text: str, request: dict[str, Any]) -> None:
    with pytest.raises(OpPrereqError) as caught:
        change_policy(InstancePolicy(), request, InstancePolicy())
    assert (str(caught.value), caught.value.code) == (text, ErrorCode.WRONG_INPUT)


def test_specs() -> None:
    """Sizes come in as people type them."""
    assert parse_specs("std", {"memory-size": "1g", "cpu-count": "2", "disk-size": 5}) == {
        "memory-size": 1024,
        "cpu-count": 2,
        "disk-size": 5,
    }


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {"memory-size": "abc"},
            "Invalid parameter memory-size (abc) in std instance specs: Invalid format",
        ),
        (
            {"cpu-count": "abc"},
            "Invalid parameter cpu-count (abc) in std instance specs: not a number",
        ),
        (
            {"cpu-count": -1},
            "Invalid parameter cpu-count (-1) in std instance specs: must not be negative",
        ),
        (
            {"cows": 1},
            "Unknown parameter cows in std instance specs: it is one of cpu-count, disk-count,"
            " disk-size, memory-size, nic-count, spindle-use",
        ),
        ("x", "Invalid std instance specs: 'x'"),
    ],
)
def test_wrong_specs(given: Any, text: str) -> None:
    """What is wrong is told with the bound it is in."""
    refused(text, {"std": given})


def test_bounds() -> None:
    """Pairs of bounds are complete."""
    pair = Bounds(
        min=Spec(**{key.replace("-", "_"): 1 for key in LOW}),
        max=Spec(**{key.replace("-", "_"): 4096 for key in LOW}),
    )
    assert parse_bounds([PAIR, PAIR]) == (pair, pair)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("x", "Invalid bounds of the instance policy: 'x'"),
        (5, "Invalid bounds of the instance policy: 5"),
        ([5], "Each pair of bounds of the instance policy needs min and max"),
        ([{"min": LOW}], "Each pair of bounds of the instance policy needs min and max"),
        (
            [PAIR | {"max": {"cpu-count": 1}}],
            "Missing in the max bound of the policy: disk-count, disk-size, memory-size,"
            " nic-count, spindle-use",
        ),
        ([], "The policy has no bounds"),
        (
            [{"min": HIGH | {"cpu-count": 5000}, "max": HIGH}],
            "Invalid specification of min/max values for cpu-count/0: 5000/4096; "
            + "; ".join(
                f"Invalid specification of min/std/max values for {key}: {low}/{std}/4096"
                for key, low, std in (
                    ("cpu-count", 5000, 1),
                    ("disk-count", 4096, 1),
                    ("disk-size", 4096, 1024),
                    ("memory-size", 4096, 128),
                    ("nic-count", 4096, 1),
                    ("spindle-use", 4096, 1),
                )
            ),
        ),
    ],
)
def test_wrong_bounds(given: Any, text: str) -> None:
    """Bounds that are malformed, or contradict each other or the usual size, are refused."""
    refused(text, {"minmax": given})


def test_std() -> None:
    """The usual size keeps what is not named, and must lie within one pair of bounds."""
    default = InstancePolicy()
    changed = change_policy(default, {"std": {"memory-size": "512"}}, default)
    assert changed.std == Spec(memory_size=512)
    refused(
        "Invalid specification of min/std/max values for memory-size: 128/64/32768",
        {"std": {"memory-size": 64}},
    )
    small = {"min": LOW, "max": LOW}
    two = change_policy(default, {"minmax": [small, PAIR]}, default)
    assert len(two.minmax) == 2


def test_others() -> None:
    """Templates and ratios."""
    default = InstancePolicy()
    request = {"disk-templates": ["plain", "file", "file"], "vcpu-ratio": 2.5, "spindle-ratio": 8.0}
    changed = change_policy(default, request, default)
    assert changed.disk_templates == (DiskTemplate.FILE, DiskTemplate.PLAIN)
    assert (changed.vcpu_ratio, changed.spindle_ratio) == (2.5, 8)
    again = change_policy(changed, dict.fromkeys((*request, "std", "minmax")), default)
    assert again == default


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ({"cows": 1}, "Unknown keys of the instance policy: cows"),
        (
            {"disk-templates": ["cow"]},
            "Invalid disk templates of the instance policy ['cow']: there are blockdev, diskless,"
            " drbd, ext, file, gluster, plain, rbd, sharedfile",
        ),
        ({"disk-templates": []}, "The policy allows no disk template"),
        ({"vcpu-ratio": "x"}, "Invalid vcpu-ratio of the instance policy: 'x' is no number"),
        ({"vcpu-ratio": 0}, "The ratios of a policy are greater than zero"),
    ],
)
def test_wrong_others(request_: dict[str, Any], text: str) -> None:
    """What makes no sense is refused."""
    refused(text, request_)


def test_group() -> None:
    """A group sets some keys itself and inherits the others."""
    cluster = InstancePolicy()
    own = change_group_policy(PartialPolicy(), {"vcpu-ratio": 2, "minmax": [PAIR]}, cluster)
    assert own.vcpu_ratio == 2
    own = change_group_policy(own, {"minmax": "default"}, cluster)
    assert own == PartialPolicy(vcpu_ratio=2)
    with pytest.raises(OpPrereqError, match="whole cluster only"):
        change_group_policy(own, {"std": {}}, cluster)
