"""hail answers random requests as Ganeti 3.0.2's does: kept in htools/answers.json."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from compat.hail_answers import ANSWERS, COUNT, DIFFERENT, without_texts
from support.randomrequests import KINDS, RandomRequest

from ganeti.cli.htools.main import main

KNOWN = json.loads(ANSWERS.read_text())


@pytest.mark.parametrize("kind", KINDS)
def test_answers(kind: str, tmp_path: Path) -> None:
    """The same places, moves and opcodes; what is different has a reason."""
    different = []
    for seed in range(COUNT):
        path = tmp_path / "request.json"
        path.write_text(json.dumps(RandomRequest(seed, kind).message()))
        out = io.StringIO()
        assert main("hail", [str(path)], {}, stdout=out, stderr=out) == 0
        if without_texts(kind, json.loads(out.getvalue())) != KNOWN[kind][seed]:
            different.append(seed)
    assert different == sorted(DIFFERENT.get(kind, {}))


def test_recorded() -> None:
    """There are answers of every kind, and most requests could be met."""
    met: dict[str, Any] = {kind: sum(one["success"] for one in KNOWN[kind]) for kind in KINDS}
    assert all(met.values()), met
