"""No disks: what instances of template C{diskless} have."""

from __future__ import annotations

from typing import NoReturn

from zope.interface import implementer

from ganeti.errors import StorageError
from ganeti.model.disk import Disk
from ganeti.model.live import StorageSpace
from ganeti.model.templates import DiskTemplate
from ganeti.storage.interface import IBlockDevice


@implementer(IBlockDevice)
class DisklessBlockDevices:
    """Refuses to make or find a disk; has nothing to remove or list. See L{IBlockDevice}."""

    template = DiskTemplate.DISKLESS

    async def create(self, disk: Disk) -> None:
        self._refuse(disk)

    async def remove(self, disk: Disk, own_only: bool = False) -> None:
        """There is none."""

    async def rename(self, disk: Disk, renamed: Disk) -> None:
        self._refuse(disk)

    async def activate(self, disk: Disk) -> str:
        self._refuse(disk)

    async def deactivate(self, disk: Disk) -> None:
        """There is none."""

    async def size(self, disk: Disk) -> int | None:
        return None

    async def grow(self, disk: Disk, to_mib: int) -> None:
        self._refuse(disk)

    async def list(self) -> tuple[str, ...]:
        return ()

    async def space(self, key: str) -> StorageSpace:
        return StorageSpace(kind=self.template.value, name=key)

    def _refuse(self, disk: Disk) -> NoReturn:
        raise StorageError(f"Diskless instances have no disk, and so no disk {disk.uuid}")
