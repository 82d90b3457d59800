"""What every kind of disk storage can do on one node."""

from __future__ import annotations

from zope.interface import Attribute, Interface

from ganeti.model.disk import Disk
from ganeti.model.live import StorageSpace


class IBlockDevice(Interface):
    """
    The disks of one template on one node.

    Every method may be repeated after a crash at any point of its first run.
    Calls about one disk come one after another; calls about different disks may
    overlap. Sizes are in MiB. All raise L{ganeti.errors.StorageError} when the
    storage fails (L{ganeti.errors.FileStoragePathError} for a place that is not
    allowed); the text names the disk's place.
    """

    template = Attribute("DiskTemplate: whose disks these are")

    async def create(disk: Disk) -> None:
        """
        Make a disk of C{disk.size}, durably; a new one reads as zeros.

        The same disk (by uuid) made before is fine, and keeps its data.

        @raise StorageError: no room, or something else is at its place; nothing is left behind.
        """

    async def remove(disk: Disk, own_only: bool = False) -> None:
        """
        Remove a disk and its data, durably; one that does not exist is fine.

        @param own_only: only what is certainly this disk. For taking back a C{create}
            that may have been refused because something else is at the disk's place.
        """

    async def rename(disk: Disk, renamed: Disk) -> None:
        """
        Move a disk, which is not in use, from its place to that of C{renamed}, durably.

        Both describe the same disk (by uuid). One that is there already is fine.

        @raise StorageError: there is no such disk at either place, or something else at the
            new one; nothing changed.
        """

    async def activate(disk: Disk) -> str:
        """
        Make a disk usable on this node, and return its path.

        @raise StorageError: there is no such disk.
        """

    async def deactivate(disk: Disk) -> None:
        """Undo C{activate}; an inactive or unknown disk is fine."""

    async def size(disk: Disk) -> int | None:
        """Its size, or None when there is no such disk."""

    async def grow(disk: Disk, to_mib: int) -> None:
        """
        Make a disk larger, also while it is used; one of that size or larger is fine.

        @raise StorageError: there is no such disk, or no room; nothing changed.
        """

    async def list() -> tuple[str, ...]:
        """
        All disks that Ganeti made here, sorted; also those that nothing claims any more.

        Each as at the end of its C{logical_id}.
        """

    async def space(key: str) -> StorageSpace:
        """
        Room in one unit of this storage.

        @param key: which one; for file storage a directory.
        """
