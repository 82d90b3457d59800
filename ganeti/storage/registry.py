"""Which disk templates a node daemon can drive."""

from __future__ import annotations

from collections.abc import Mapping

from ganeti.errors import StorageError
from ganeti.model.templates import DiskTemplate
from ganeti.paths import Paths
from ganeti.storage.diskless import DisklessBlockDevices
from ganeti.storage.file import FileBlockDevices
from ganeti.storage.interface import IBlockDevice
from ganeti.utils.threads import Threads

BlockDevices = Mapping[DiskTemplate, IBlockDevice]


def block_devices(paths: Paths, threads: Threads) -> BlockDevices:
    """The storage of a node daemon."""
    return {
        DiskTemplate.DISKLESS: DisklessBlockDevices(),
        DiskTemplate.FILE: FileBlockDevices(DiskTemplate.FILE, paths, threads),
        DiskTemplate.SHAREDFILE: FileBlockDevices(DiskTemplate.SHAREDFILE, paths, threads),
    }


def storage_of(devices: BlockDevices, template: DiskTemplate) -> IBlockDevice:
    """
    The storage of one template.

    @raise StorageError: this node cannot drive it.
    """
    try:
        return devices[template]
    except KeyError:
        raise StorageError(f"This release cannot handle disks of template '{template}'") from None
