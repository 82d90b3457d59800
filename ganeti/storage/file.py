"""
Disks that are files, on the node's own file system or on a shared one.

A file is sparse, as it always was in Ganeti; its first block is allocated, so
that a full file system refuses here and not in the guest. Whose a file is, its
name says: the names that Ganeti makes begin with a uuid that is used once.
"""

from __future__ import annotations

import os
import re

from twisted.logger import Logger
from zope.interface import implementer

from ganeti.errors import FileStoragePathError, GanetiError, StorageError
from ganeti.model.disk import Disk
from ganeti.model.live import StorageSpace
from ganeti.model.templates import DiskTemplate
from ganeti.paths import Paths
from ganeti.storage import files
from ganeti.storage.allowed import (
    Place,
    find_place,
    in_configuration,
    is_below,
    on_node,
    parse_allowed,
)
from ganeti.storage.interface import IBlockDevice
from ganeti.utils.durable import read_limited
from ganeti.utils.threads import Threads

log = Logger()

MIB = 1 << 20
_PATHS_LIMIT = 1 << 16
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.")


@implementer(IBlockDevice)
class FileBlockDevices:
    """
    The disks of template C{file} or C{sharedfile}; see L{IBlockDevice}.

    They may only be in the directories listed in C{/etc/ganeti/file-storage-paths}
    on this node, which is read at each call. No name below such a directory may be
    a symbolic link.
    """

    def __init__(self, template: DiskTemplate, paths: Paths, threads: Threads) -> None:
        self.template = template
        self._paths = paths
        self._threads = threads

    async def create(self, disk: Disk) -> None:
        await self._threads.run(self._thd_create, disk)

    async def remove(self, disk: Disk, own_only: bool = False) -> None:
        await self._threads.run(self._thd_remove, disk, own_only)

    async def rename(self, disk: Disk, renamed: Disk) -> None:
        await self._threads.run(self._thd_rename, disk, renamed)

    async def activate(self, disk: Disk) -> str:
        return await self._threads.run(self._thd_activate, disk)

    async def deactivate(self, disk: Disk) -> None:
        """Files need nothing."""

    async def size(self, disk: Disk) -> int | None:
        return await self._threads.run(self._thd_size, disk)

    async def grow(self, disk: Disk, to_mib: int) -> None:
        await self._threads.run(self._thd_grow, disk, to_mib)

    async def list(self) -> tuple[str, ...]:
        return await self._threads.run(self._thd_list)

    async def space(self, key: str) -> StorageSpace:
        return await self._threads.run(self._thd_space, key)

    def _thd_place(self, disk: Disk) -> Place:
        if len(disk.logical_id) != 2:
            raise StorageError(f"Disk {disk.uuid} is not described as a file: {disk.logical_id}")
        return find_place(str(disk.logical_id[1]), thd_read_allowed(self._paths), self._paths.root)

    def _thd_create(self, disk: Disk) -> None:
        place = self._thd_place(disk)
        try:
            files.make(place, disk.size * MIB, is_own=_is_own(place, disk))
        except OSError as err:
            raise _as_storage_error(err, f"Cannot create disk {place} of {disk.size} MiB") from err

    def _thd_remove(self, disk: Disk, own_only: bool) -> None:
        try:
            place = self._thd_place(disk)
            if own_only and not _is_own(place, disk):
                raise FileStoragePathError(f"{place} is not certainly disk {disk.uuid}")
            files.unlink(place)
        except (FileStoragePathError, NotADirectoryError) as err:
            if not own_only:
                raise _as_storage_error(err, f"Cannot remove disk {disk.uuid}") from err
            log.warn("Leaving what is there: {err}", err=err)  # so create() left it, too
        except OSError as err:
            raise _as_storage_error(err, f"Cannot remove disk {place}") from err

    def _thd_rename(self, disk: Disk, renamed: Disk) -> None:
        old, new = self._thd_place(disk), self._thd_place(renamed)
        try:
            files.move(old, new)
        except OSError as err:
            raise _as_storage_error(err, f"Cannot move disk {old} to {new}") from err

    def _thd_activate(self, disk: Disk) -> str:
        place = self._thd_place(disk)
        try:
            files.length(place)
        except OSError as err:
            raise _as_storage_error(err, f"Cannot use disk {place}") from err
        return str(place)

    def _thd_size(self, disk: Disk) -> int | None:
        place = self._thd_place(disk)
        try:
            return files.length(place) // MIB
        except FileNotFoundError:
            return None
        except OSError as err:
            raise _as_storage_error(err, f"Cannot look at disk {place}") from err

    def _thd_grow(self, disk: Disk, to_mib: int) -> None:
        place = self._thd_place(disk)
        try:
            files.lengthen(place, to_mib * MIB)
        except OSError as err:
            raise _as_storage_error(err, f"Cannot grow disk {place} to {to_mib} MiB") from err

    def _thd_list(self) -> tuple[str, ...]:
        found = thd_list_files(self._paths)
        return tuple(path for path in found if self._is_disk(os.path.basename(path)))

    def _is_disk(self, name: str) -> bool:
        shared = ".sharedfile." in name
        return bool(_UUID.match(name)) and shared is (self.template is DiskTemplate.SHAREDFILE)

    def _thd_space(self, key: str) -> StorageSpace:
        try:
            status = os.statvfs(on_node(self._paths.root, key))
        except OSError as err:
            raise _as_storage_error(err, f"Cannot look at {self.template} storage {key}") from err
        return StorageSpace(
            kind=self.template.value,
            name=key,
            free_mib=status.f_bavail * status.f_frsize // MIB,
            size_mib=status.f_blocks * status.f_frsize // MIB,
        )


def thd_read_allowed(paths: Paths) -> tuple[str, ...]:
    """
    The directories that file storage may use on this node; no file allows none.

    @raise FileStoragePathError: the file cannot be read, or a line is of no use.
    """
    try:
        text = read_limited(paths.file_storage_paths_file, _PATHS_LIMIT).decode()
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as err:
        raise FileStoragePathError(f"Cannot read which directories are allowed: {err}") from err
    return parse_allowed(text, paths.root)


def thd_list_files(paths: Paths) -> tuple[str, ...]:
    """
    All that is below the allowed directories, sorted, as paths of the configuration.

    An empty directory is listed too, with a slash at its end.

    @raise StorageError: a directory cannot be read.
    """
    found: set[str] = set()
    for base in thd_read_allowed(paths):
        try:
            found.update(files.walk(on_node(paths.root, base)))
        except OSError as err:
            raise _as_storage_error(err, f"Cannot list {base}") from err
    return tuple(sorted(in_configuration(paths.root, path) for path in found))


def thd_check_directory(paths: Paths, path: str) -> str:
    """Why C{path} cannot be used for file storage on this node; empty when it can."""
    try:
        allowed = thd_read_allowed(paths)
    except FileStoragePathError as err:
        return str(err)
    local = os.path.normpath(on_node(paths.root, path))
    if not any(is_below(local, on_node(paths.root, base)) for base in allowed):
        return (
            f"'{path}' is not listed in {paths.file_storage_paths_file}, nor below"
            f" a directory that is: {', '.join(allowed) or 'none is'}"
        )
    if not os.path.isdir(local):
        return f"'{path}' is not a directory"
    if not os.access(local, os.R_OK | os.W_OK | os.X_OK):
        return f"'{path}' cannot be written to"
    return ""


def _is_own(place: Place, disk: Disk) -> bool:
    return place.parts[-1].startswith(disk.uuid + ".")


def _as_storage_error(err: Exception, doing: str) -> GanetiError:
    if isinstance(err, OSError):
        where = f" ({err.filename})" if err.filename else ""
        return StorageError(f"{doing}: {err.strerror or type(err).__name__}{where}")
    return FileStoragePathError(f"{doing}: {err}")
