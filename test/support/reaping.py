"""
Keep the QEMUs that a test starts: none survives it, and their deaths are seen at once.

libvirt starts a QEMU so that init becomes its parent, and takes it for alive until its
parent has noticed its death. The init of a container may take seconds for that.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import threading
import time
from pathlib import Path

from ganeti.cli.guest.processes import find_emulators
from ganeti.paths import Paths

_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
_EVERY_S = 0.01
_END_LIMIT_S = 10.0


class Reaper:
    """Adopts the QEMUs of one node of a virtual cluster."""

    def __init__(self, paths: Paths) -> None:
        self._folder = paths.libvirt_dir
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._thd_reap, name="reaper", daemon=True)

    def start(self) -> None:
        _adopt(True)
        self._thread.start()

    def pid(self, name: str) -> int:
        """Of a guest. @raise AssertionError: it does not run."""
        found = [each.pid for each in find_emulators(self._folder) if each.name == name]
        assert len(found) == 1, f"{len(found)} QEMUs of {name}"
        return found[0]

    def names(self) -> list[str]:
        """Of the guests that have a QEMU."""
        return sorted(each.name for each in find_emulators(self._folder))

    def stop(self) -> None:
        """Kill what is left."""
        deadline = time.monotonic() + _END_LIMIT_S
        while alive := find_emulators(self._folder):
            assert time.monotonic() < deadline, f"{alive} do not die"
            for each in alive:
                os.kill(each.pid, signal.SIGKILL)
            time.sleep(_EVERY_S)
        self._stopping.set()
        self._thread.join()
        _adopt(False)

    def _thd_reap(self) -> None:
        while not self._stopping.wait(_EVERY_S):
            for pid in _children():
                if _is_emulator(pid):
                    _bury(pid)


def _children() -> list[int]:
    """Of this process, adopted ones too; there may be others dead than QEMUs, and before them."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that has just ended
            found += (task / "children").read_text().split()
    return [int(pid) for pid in found]


def _bury(pid: int) -> None:
    """Notice a child's death, if it is dead."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _is_emulator(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().startswith("qemu-")
    except OSError:
        return False


def _adopt(whether: bool) -> None:
    """Become the father of descendants that lose theirs."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(whether), 0, 0, 0)
