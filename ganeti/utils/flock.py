"""Locks on files, which end with the last process that has the file open (flock(2))."""

from __future__ import annotations

import fcntl
import time

_POLL_S = 0.1


def lock_within(fd: int, limit_s: float) -> bool:
    """Take the lock of an open file; False when others keep it for so long."""
    deadline = time.monotonic() + limit_s
    while not _lock(fd):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
