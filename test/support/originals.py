"""The original's tools, where Debian's ganeti-htools is installed, and ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

OURS = Path(__file__).resolve().parents[2] / "bin"
_ALLOCATORS = "/usr/lib/ganeti/iallocators"
WHY_NOT = "Debian's ganeti-htools is not installed: apt-get install ganeti-htools"


def find_original(tool: str) -> str | None:
    """The original's program of that name; None: it is not installed."""
    found = shutil.which(tool, path=f"/usr/bin:{_ALLOCATORS}")
    return found if found and not os.path.realpath(found).startswith(str(OURS)) else None


class Outcome(NamedTuple):
    """A whole run of a program; C{status} None: it was not done when the limit came."""

    seconds: float
    status: int | None
    out: str
    err: str


def run_tool(path: str | Path, words: list[str], limit_s: float) -> Outcome:
    """Run a program, start-up included."""
    start = time.perf_counter()
    try:
        done = subprocess.run(
            [str(path), *words], capture_output=True, text=True, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired:
        return Outcome(limit_s, None, "", "")
    return Outcome(time.perf_counter() - start, done.returncode, done.stdout, done.stderr)
