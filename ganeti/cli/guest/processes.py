"""The guests that a node of a virtual cluster runs, seen from outside: their processes."""

from __future__ import annotations

import glob
import os
import signal
import time
from typing import NamedTuple

from ganeti.errors import GanetiError
from ganeti.paths import Paths

_KILL_LIMIT_S = 10.0
_SHORT_PATH_FILE = "short-path"  # as written by the node daemon


class Guest(NamedTuple):
    """A QEMU that lives."""

    name: str
    pid: int


def find_guests(paths: Paths) -> list[Guest]:
    """Those of one node, by libvirt's files of process ids."""
    found = []
    for path in sorted(glob.glob(f"{glob.escape(paths.libvirt_dir)}/run/qemu/*.pid")):
        name = os.path.basename(path).removesuffix(".pid")
        pid = _read_pid(path)
        if pid and _is_guest(pid, name, _short_path(paths)):
            found.append(Guest(name, pid))
    return found


def _read_pid(path: str) -> int:
    try:
        with open(path, encoding="ascii") as stream:
            return int(stream.read(32))
    except (OSError, ValueError):
        return 0


def _is_guest(pid: int, name: str, root: str) -> bool:
    """Whether the process is that guest of that node, and not one that got its number."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            line = stream.read()
    except OSError:
        return False
    return f"guest={name},".encode() in line and f"{root}/".encode() in line


def _short_path(paths: Paths) -> str:
    """What libvirt calls the node's folder."""
    try:
        with open(f"{paths.libvirt_dir}/{_SHORT_PATH_FILE}", encoding="utf-8") as stream:
            return stream.read().strip()
    except OSError:
        return paths.libvirt_dir


def kill_guests(paths: Paths) -> None:
    """
    End what runs, and remove the link that the node needed for it.

    @raise GanetiError: a guest does not end.
    """
    guests = find_guests(paths)
    for guest in guests:
        _signal(guest.pid, signal.SIGKILL)
    deadline = time.monotonic() + _KILL_LIMIT_S
    while alive := [guest.name for guest in guests if _signal(guest.pid, 0)]:
        if time.monotonic() > deadline:
            raise GanetiError(f"Guests of {paths.hostname} do not end: {', '.join(alive)}")
        time.sleep(0.02)
    short = _short_path(paths)
    if short != paths.libvirt_dir and os.path.islink(short):
        os.unlink(short)


def _signal(pid: int, number: int) -> bool:
    """False when there is no such process any more, or it is only waited for."""
    try:
        os.kill(pid, number)
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stream:
            return stream.read().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
