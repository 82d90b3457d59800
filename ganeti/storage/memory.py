"""Disks that exist in memory only, for simulated nodes."""

from __future__ import annotations

from zope.interface import implementer

from ganeti.errors import StorageError
from ganeti.model.disk import Disk
from ganeti.model.live import StorageSpace
from ganeti.model.templates import DiskTemplate
from ganeti.storage.interface import IBlockDevice
from ganeti.utils.failpoints import reach


@implementer(IBlockDevice)
class MemoryBlockDevices:
    """
    Sizes by place; outlives the node daemon it is handed to. See L{IBlockDevice}.

    @ivar capacity_mib: what all disks together may have.
    """

    def __init__(self, template: DiskTemplate, capacity_mib: int = 1 << 30) -> None:
        self.template = template
        self.capacity_mib = capacity_mib
        self._disks: dict[str, tuple[str, int]] = {}

    async def create(self, disk: Disk) -> None:
        path = _path(disk)
        reach("disk.create.before", path)
        owner, size = self._disks.get(path, (disk.uuid, 0))
        if owner != disk.uuid:
            raise StorageError(f"Cannot create disk {path}: disk {owner} is there")
        self._take(path, disk.uuid, max(size, disk.size))
        reach("disk.create.after", path)

    async def remove(self, disk: Disk, own_only: bool = False) -> None:
        path = _path(disk)
        reach("disk.remove.before", path)
        owner, _ = self._disks.get(path, (disk.uuid, 0))
        if owner == disk.uuid or not own_only:
            self._disks.pop(path, None)
        reach("disk.remove.after", path)

    async def rename(self, disk: Disk, renamed: Disk) -> None:
        old, new = _path(disk), _path(renamed)
        reach("disk.rename.before", new)
        if old != new:
            owner, _ = self._disks.get(new, ("", 0))
            if owner not in ("", disk.uuid):
                raise StorageError(f"Cannot move disk {old} to {new}: disk {owner} is there")
            if old in self._disks and not owner:
                self._disks[new] = self._disks.pop(old)
        await self.activate(renamed)
        reach("disk.rename.after", new)

    async def activate(self, disk: Disk) -> str:
        path = _path(disk)
        if path not in self._disks:
            raise StorageError(f"Cannot use disk {path}: there is no such disk")
        return path

    async def deactivate(self, disk: Disk) -> None:
        """Memory needs nothing."""

    async def size(self, disk: Disk) -> int | None:
        known = self._disks.get(_path(disk))
        return None if known is None else known[1]

    async def grow(self, disk: Disk, to_mib: int) -> None:
        path = await self.activate(disk)
        owner, size = self._disks[path]
        self._take(path, owner, max(size, to_mib))

    async def list(self) -> tuple[str, ...]:
        return tuple(sorted(self._disks))

    async def space(self, key: str) -> StorageSpace:
        free = self.capacity_mib - sum(size for _, size in self._disks.values())
        return StorageSpace(
            kind=self.template.value, name=key, free_mib=free, size_mib=self.capacity_mib
        )

    def _take(self, path: str, uuid: str, size_mib: int) -> None:
        others = sum(size for other, (_, size) in self._disks.items() if other != path)
        if others + size_mib > self.capacity_mib:
            raise StorageError(f"Cannot give disk {path} {size_mib} MiB: No space left")
        self._disks[path] = (uuid, size_mib)


def _path(disk: Disk) -> str:
    return str(disk.logical_id[-1])
