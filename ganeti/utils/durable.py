"""
Files that must survive a crash: written whole, or not at all.

Every write that matters goes through here, and so through the failpoints
C{file.write.before}, C{.written} (the new file is on disk under its temporary
name) and C{.after} (it is in place), C{file.remove.before} and C{.after}, each
with the file's name as detail.
"""

from __future__ import annotations

import contextlib
import os
from threading import Lock, RLock
from weakref import WeakValueDictionary

from ganeti.errors import ConfigurationError
from ganeti.paths import Paths
from ganeti.utils.failpoints import reach

_writing: WeakValueDictionary[str, RLock] = WeakValueDictionary()
"""By path the lock of the thread that writes there."""
_finding = Lock()


def write_atomic(path: str, data: bytes, mode: int = 0o600) -> None:
    """
    Make C{path} contain C{data}, durably; a crash leaves the old content or the new.

    One process writes a file at a time, its threads one after another. Blocks for an fsync.

    @raise OSError: not written, and the old content stays.
    """
    with _lock_of(path):
        _write(path, data, mode)


def _lock_of(path: str) -> RLock:
    with _finding:
        lock = _writing.get(path)
        if lock is None:
            lock = _writing[path] = RLock()
        return lock


def _write(path: str, data: bytes, mode: int) -> None:
    folder, name = os.path.split(path)
    reach("file.write.before", name)
    temporary = os.path.join(folder, f".{name}.new")
    try:
        _write_new(temporary, data, mode)
        reach("file.write.written", name)
        os.rename(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    fsync_directory(folder)
    reach("file.write.after", name)


def _write_new(path: str, data: bytes, mode: int) -> None:
    with contextlib.suppress(FileNotFoundError):  # left by a crash
        os.unlink(path)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(fd, mode)
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        os.fsync(fd)
    finally:
        os.close(fd)


def fsync_directory(path: str) -> None:
    """Make the names in a directory durable."""
    fd = os.open(path or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def remove(path: str) -> None:
    """Remove a file durably; none is fine."""
    folder, name = os.path.split(path)
    reach("file.remove.before", name)
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    fsync_directory(folder)
    reach("file.remove.after", name)


def read_limited(path: str, limit: int) -> bytes:
    """
    The content of a file of at most C{limit} bytes.

    @raise ConfigurationError: it is larger.
    @raise OSError: it cannot be read.
    """
    with open(path, "rb") as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise ConfigurationError(f"File {path} is larger than {limit} bytes")
    return data


def make_directories(paths: Paths) -> None:
    """Make the directories that a node needs; what exists keeps its mode."""
    for path, mode in paths.directories():
        if not os.path.isdir(path):
            os.makedirs(path, exist_ok=True)
            os.chmod(path, mode)
