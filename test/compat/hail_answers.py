"""
What Ganeti 3.0.2's hail answers to random requests: kept in htools/answers.json.

To record them anew, where Debian's ganeti-htools is installed:
C{PYTHONPATH=.:test .venv/bin/python test/compat/hail_answers.py}.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from support.originals import WHY_NOT, find_original, run_tool
from support.randomrequests import KINDS, RandomRequest

ANSWERS = Path(__file__).parent / "htools" / "answers.json"
COUNT = 60

# Of each kind the seeds that are answered differently, and why.
OFFLINE_LONER = "an instance outside its policy on an offline node counts for global N+1 here"
OFFLINE_PRIMARY = "from an offline primary node another pair is found; why, was not understood"
DIFFERENT: dict[str, dict[int, str]] = {
    "allocate": {44: OFFLINE_LONER},
    "multi-allocate": {8: OFFLINE_LONER},
    "node-evacuate": {33: OFFLINE_PRIMARY},
    "change-group": {0: OFFLINE_PRIMARY, 30: OFFLINE_LONER},
}


def without_texts(kind: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Whether it can be done, and how; not in which words it is told why not."""
    result = answer["result"]
    if kind in ("node-evacuate", "change-group") and result:
        moved, failed, jobs = result
        result = [moved, [name for name, _reason in failed], jobs]
    return {"success": answer["success"], "result": result}


def record() -> None:
    """Ask the original."""
    path = find_original("hail")
    if path is None:
        raise SystemExit(WHY_NOT)
    known: dict[str, list[dict[str, Any]]] = {}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        for kind in KINDS:
            known[kind] = []
            for seed in range(COUNT):
                Path(file.name).write_text(json.dumps(RandomRequest(seed, kind).message()))
                out = run_tool(path, [file.name], 60).out
                known[kind].append(without_texts(kind, json.loads(out)))
    lines = (f"{json.dumps(kind)}: {json.dumps(known[kind])}" for kind in KINDS)
    ANSWERS.write_text("{" + ",\n".join(lines) + "}\n")


if __name__ == "__main__":
    record()
