"""
Handling files below an allowed directory, so that nothing leads out of it.

Directories are opened one by one, each in the one above, never through a
symbolic link. All functions block, and are for threads; all raise OSError.
Failpoints: C{disk.create.before}, C{.made}, C{.after}; C{disk.remove.before},
C{.unlinked}, C{.after}, with the file's name as detail.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator

from ganeti.storage.allowed import Place
from ganeti.utils.failpoints import reach

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FIRST_BLOCK = 4096
_DEPTH_LIMIT = 8


@contextlib.contextmanager
def folder(place: Place, make: bool = False) -> Iterator[int]:
    """
    The directory that C{place} is in, open.

    @param make: make what is missing, but never the allowed directory itself: when
        that is missing, a mount may be.
    """
    current = os.open(place.base, _FOLDER)
    try:
        for part in place.parts[:-1]:
            below = _enter(current, part, make)
            os.close(current)
            current = below
        yield current
    finally:
        os.close(current)


def _enter(above: int, name: str, make: bool) -> int:
    if make:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=above)
            os.fsync(above)
    return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=above)


def make(place: Place, size: int, is_own: bool) -> None:
    """
    Make a file of C{size} bytes, durably; after a failure nothing of it is left.

    @param is_own: a file that is there is the same one made before, and keeps its data.
    """
    name = place.parts[-1]
    reach("disk.create.before", name)
    if not os.path.isdir(place.base):
        raise FileNotFoundError(errno.ENOENT, "the allowed directory does not exist", place.base)
    if is_own and _exists(place):
        lengthen(place, size)
    else:
        try:
            _make_new(place, size)
        except Exception:
            with contextlib.suppress(OSError):
                _remove_empty_folders(place)
            raise
    reach("disk.create.after", name)


def _exists(place: Place) -> bool:
    try:
        length(place)
    except FileNotFoundError:
        return False
    return True


def _make_new(place: Place, size: int) -> None:
    name = place.parts[-1]
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with folder(place, make=True) as above:
        fd = os.open(name, flags, 0o600, dir_fd=above)
        try:
            reach("disk.create.made", name)
            _extend(fd, size)
            os.fsync(above)
        except Exception:
            os.unlink(name, dir_fd=above)
            raise
        finally:
            os.close(fd)


def _extend(fd: int, size: int) -> None:
    if os.fstat(fd).st_size < size:
        os.ftruncate(fd, size)
    if size:
        _allocate(fd, min(size, _FIRST_BLOCK))
    os.fsync(fd)


def _allocate(fd: int, size: int) -> None:
    try:
        os.posix_fallocate(fd, 0, size)
    except OSError as err:
        if err.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise


def lengthen(place: Place, size: int) -> None:
    """Make a file at least C{size} bytes long; what is there stays."""
    with _opened(place, os.O_RDWR) as fd:
        _extend(fd, size)


def length(place: Place) -> int:
    """A file's length in bytes."""
    with _opened(place, os.O_RDONLY) as fd:
        return os.fstat(fd).st_size


@contextlib.contextmanager
def _opened(place: Place, flags: int) -> Iterator[int]:
    with folder(place) as above:
        mode = flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        fd = os.open(place.parts[-1], mode, dir_fd=above)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "not a regular file", str(place))
            yield fd
        finally:
            os.close(fd)


def unlink(place: Place) -> None:
    """Remove a file durably, and the directories that are empty then; none is fine."""
    name = place.parts[-1]
    reach("disk.remove.before", name)
    try:
        with folder(place) as above:
            if not stat.S_ISREG(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode):
                raise OSError(errno.EINVAL, "not a regular file", str(place))
            os.unlink(name, dir_fd=above)
            os.fsync(above)
    except FileNotFoundError:
        pass  # removed before, or never made
    reach("disk.remove.unlinked", name)
    _remove_empty_folders(place)
    reach("disk.remove.after", name)


def move(old: Place, new: Place) -> None:
    """
    Give a file another place durably, and remove the directories that are empty then.

    One that is at the new place only was moved before.
    """
    name = new.parts[-1]
    reach("disk.rename.before", name)
    if old == new or not _exists(old):
        length(new)
    elif _exists(new):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(new))
    else:
        _move(old, new)
    reach("disk.rename.moved", name)
    _remove_empty_folders(old)
    reach("disk.rename.after", name)


def _move(old: Place, new: Place) -> None:
    try:
        with folder(old) as source, folder(new, make=True) as target:
            os.rename(old.parts[-1], new.parts[-1], src_dir_fd=source, dst_dir_fd=target)
            os.fsync(target)
            os.fsync(source)
    except OSError:
        with contextlib.suppress(OSError):
            _remove_empty_folders(new)
        raise


def _remove_empty_folders(place: Place) -> None:
    for depth in range(len(place.parts) - 1, 0, -1):
        inner = Place(place.base, place.parts[:depth])
        try:
            with folder(inner) as above:
                os.rmdir(inner.parts[-1], dir_fd=above)
                os.fsync(above)
        except FileNotFoundError:
            continue
        except OSError as err:
            if err.errno in (errno.ENOTEMPTY, errno.EEXIST):
                return
            raise


def walk(base: str, depth: int = _DEPTH_LIMIT) -> Iterator[str]:
    """All files below C{base}, and its empty directories with a slash at their end."""
    for entry in _entries(base):
        if depth and entry.is_dir(follow_symlinks=False):
            inner = list(walk(entry.path, depth - 1))
            yield from inner or [entry.path + "/"]
        else:
            yield entry.path


def _entries(directory: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:  # it was removed meanwhile, or never made
        return []
