"""
A daemon's pid file, locked for as long as the daemon lives.

The kernel drops the lock with the process, so what a killed daemon leaves is
never taken for a running one, whoever has its pid now.
"""

from __future__ import annotations

import fcntl
import os
import struct

from ganeti.errors import PidFileLockError

RUNNING_ALREADY = "the daemon is running already"
"""How the message of a refused lock ends."""

# struct flock of fcntl(2): type, whence, start, length, pid.
_FLOCK = struct.Struct("hhqqi0q")


class PidFile:
    """Holds the lock of one daemon on one node."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1

    def acquire(self) -> None:
        """
        Lock the file and write our pid into it. Locks do not survive a fork.

        @raise PidFileLockError: the daemon is running already.
        """
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        except OSError as err:
            os.close(fd)
            if isinstance(err, BlockingIOError | PermissionError):
                raise PidFileLockError(f"{self._path} is locked: {RUNNING_ALREADY}") from err
            raise
        self._fd = fd

    def release(self) -> None:
        """Empty the file and unlock it; it stays, so that nobody locks a removed one."""
        if self._fd >= 0:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = -1


def holder(path: str) -> int | None:
    """The pid of the process that holds a pid file; None when none does."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        question = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = _FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_GETLK, question))
        if kind == fcntl.F_UNLCK:
            return None
        # 0: a process of another pid namespace; the file says what it is there.
        return int(pid) or int(os.pread(fd, 20, 0) or 0) or None
    finally:
        os.close(fd)
