"""The original's tools, where Debian's ganeti-htools is installed, and ours."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
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
    user_s: float = 0.0
    peak_mib: float = 0.0


def run_tool(path: str | Path, words: list[str], limit_s: float) -> Outcome:
    """Run a program, start-up included."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        start = time.perf_counter()
        program = subprocess.Popen([str(path), *words], stdout=out, stderr=err)
        alarm = threading.Timer(limit_s, program.kill)
        alarm.start()
        _pid, status, used = os.wait4(program.pid, 0)
        alarm.cancel()
        seconds = time.perf_counter() - start
        program.returncode = os.waitstatus_to_exitcode(status)
        if program.returncode == -signal.SIGKILL:
            return Outcome(limit_s, None, "", "", used.ru_utime, used.ru_maxrss / 1024)
        out.seek(0)
        err.seek(0)
        told = out.read(), err.read()
    return Outcome(seconds, program.returncode, *told, used.ru_utime, used.ru_maxrss / 1024)
