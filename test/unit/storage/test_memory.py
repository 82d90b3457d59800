"""Disks of simulated nodes, and of diskless instances."""

from __future__ import annotations

from contracts.blockdevice import BlockDeviceContract
from support.specs import file_disk
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from ganeti.errors import StorageError
from ganeti.model.disk import Disk
from ganeti.model.templates import DiskTemplate
from ganeti.paths import Paths
from ganeti.storage.diskless import DisklessBlockDevices
from ganeti.storage.interface import IBlockDevice
from ganeti.storage.memory import MemoryBlockDevices
from ganeti.storage.registry import block_devices, storage_of
from ganeti.utils.threads import NoThreads


class MemoryTests(BlockDeviceContract, TestCase):
    def setUp(self) -> None:
        self.storage = MemoryBlockDevices(DiskTemplate.FILE, capacity_mib=20)

    def restarted(self) -> MemoryBlockDevices:
        return self.storage

    def disk(self, number: int, place: int = 0) -> Disk:
        return file_disk(number, place)

    async def test_full(self) -> None:
        """A disk for which there is no room is refused and leaves nothing."""
        with self.assertRaisesRegex(StorageError, "No space"):
            await self.storage.create(file_disk(1, size=21))
        await self.storage.create(file_disk(1, size=20))
        with self.assertRaisesRegex(StorageError, "No space"):
            await self.storage.grow(file_disk(1), 21)
        self.assertEqual((await self.storage.space("")).free_mib, 0)


class DisklessTests(TestCase):
    def setUp(self) -> None:
        self.storage = DisklessBlockDevices()

    async def test_nothing(self) -> None:
        """No disk can be made or used; none is there."""
        verifyObject(IBlockDevice, self.storage)
        disk = file_disk(1)
        for refused in (
            self.storage.create(disk),
            self.storage.activate(disk),
            self.storage.grow(disk, 8),
            self.storage.rename(disk, disk),
        ):
            with self.assertRaisesRegex(StorageError, disk.uuid):
                await refused
        await self.storage.remove(disk)
        await self.storage.deactivate(disk)
        self.assertIsNone(await self.storage.size(disk))
        self.assertEqual(await self.storage.list(), ())
        self.assertIsNone((await self.storage.space("")).free_mib)

    def test_registry(self) -> None:
        """Each template has its driver; one without is named."""
        devices = block_devices(Paths(), NoThreads())
        for template, storage in devices.items():
            verifyObject(IBlockDevice, storage)
            self.assertIs(storage_of(devices, template).template, template)
        with self.assertRaisesRegex(StorageError, "template 'drbd'"):
            storage_of(devices, DiskTemplate.DRBD)
