"""
The QEMUs that libvirt's embedded driver started in some folder, seen from outside.

They live on when what started them is killed: guests, and those that libvirt only
asked what they can do.
"""

from __future__ import annotations

import os
import re
import signal
import time
from typing import NamedTuple

from ganeti.errors import GanetiError
from ganeti.utils.procfs import command_line, is_zombie, process_ids

_KILL_LIMIT_S = 10.0
_SHORT_PATH_FILE = "short-path"  # as written by the node daemon
_SIGN = "-no-user-config"
"""libvirt gives this word to every QEMU, whatever that is called."""
_GUEST = re.compile(r"guest=(.*),debug-threads=on")


class Guest(NamedTuple):
    """A QEMU that lives; C{name} is empty when it is no guest."""

    name: str
    pid: int


def find_guests(folder: str) -> list[Guest]:
    """The guests of one folder, by name."""
    return sorted(found for found in find_emulators(folder) if found.name)


def find_emulators(folder: str) -> list[Guest]:
    """All QEMUs of one folder."""
    inside = f"{_short_path(folder)}/"
    lines = ((pid, command_line(pid)) for pid in process_ids())
    return [
        Guest(_name(line), pid)
        for pid, line in lines
        if _SIGN in line and any(inside in word for word in line) and not is_zombie(pid)
    ]


def _name(line: list[str]) -> str:
    found = (_GUEST.fullmatch(word) for word in line)
    return next((match[1] for match in found if match), "")


def _short_path(folder: str) -> str:
    """What libvirt calls it."""
    try:
        with open(os.path.join(folder, _SHORT_PATH_FILE), encoding="utf-8") as stream:
            return stream.read().strip() or folder
    except OSError:
        return folder


def kill_emulators(folder: str) -> None:
    """
    End what runs, and remove the link that libvirt needed for the folder.

    Nothing may start more meanwhile.

    @raise GanetiError: a QEMU does not end.
    """
    deadline = time.monotonic() + _KILL_LIMIT_S
    while alive := find_emulators(folder):
        if time.monotonic() > deadline:
            names = ", ".join(f"{each.name} (process {each.pid})" for each in alive)
            raise GanetiError(f"Guests in {folder} do not end: {names}")
        for each in alive:
            _kill(each.pid)
        time.sleep(0.02)
    short = _short_path(folder)
    if short != folder and os.path.islink(short):
        os.unlink(short)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it was quicker
