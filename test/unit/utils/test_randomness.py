"""New identities and addresses."""

import re
import uuid

import pytest

from ganeti.utils.randomness import Randomness, SeededRandomness, SystemRandomness


@pytest.mark.parametrize(
    "source", [SystemRandomness(), SeededRandomness(1)], ids=["system", "seed"]
)
def test_shapes(source: Randomness) -> None:
    """uuids, MACs and secrets have their form, and differ."""
    assert uuid.UUID(source.uuid()).version == 4
    assert re.fullmatch(r"aa:00:0f(:[0-9a-f]{2}){3}", source.mac("AA:00:0f"))
    assert re.fullmatch(r"[0-9a-f]{40}", source.secret())
    assert source.uuid() != source.uuid()


def test_a_seed_repeats() -> None:
    """The same seed gives the same values."""
    first, second = SeededRandomness(7), SeededRandomness(7)
    assert [first.uuid(), first.mac("aa:00:00")] == [second.uuid(), second.mac("aa:00:00")]
