"""The contract of L{IBlockDevice}."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from zope.interface.verify import verifyObject

from ganeti.errors import GanetiError, StorageError
from ganeti.model.disk import Disk
from ganeti.model.templates import DiskTemplate
from ganeti.storage.interface import IBlockDevice


class BlockDeviceContract:
    """
    Mixed into a C{twisted.trial.unittest.TestCase}.

    There must be room for some MiB, and no disks.
    """

    timeout = 90
    storage: Any
    """A provider, made by C{setUp}."""

    def disk(self, number: int, place: int = 0) -> Disk:
        """The description of a disk of 4 MiB of this template."""
        raise NotImplementedError

    def restarted(self) -> Any:
        """Another provider for the same storage, as after the node daemon was killed."""
        raise NotImplementedError

    def same_place(self, disk: Disk) -> Disk:
        """Another disk, at the place of C{disk}."""
        return replace(disk, uuid=self.disk(99).uuid)

    def test_interface(self: Any) -> None:
        """It provides IBlockDevice, for one template."""
        verifyObject(IBlockDevice, self.storage)
        self.assertIsInstance(self.storage.template, DiskTemplate)
        self.assertIs(self.disk(1).dev_type, self.storage.template)

    async def test_create(self: Any) -> None:
        """A disk that was made has its size, can be used, and is listed."""
        disk = self.disk(1)
        self.assertIsNone(await self.storage.size(disk))
        await self.storage.create(disk)
        self.assertEqual(await self.storage.size(disk), 4)
        self.assertTrue((await self.storage.activate(disk)).endswith(str(disk.logical_id[-1])))
        self.assertEqual(await self.storage.list(), (disk.logical_id[-1],))

    async def test_create_again(self: Any) -> None:
        """Making the same disk again is fine, also after a restart."""
        disk = self.disk(1)
        await self.storage.create(disk)
        await self.restarted().create(disk)
        self.assertEqual(await self.restarted().list(), (disk.logical_id[-1],))

    async def test_create_over_another(self: Any) -> None:
        """What is at the place already is kept, also when the refused creation is taken back."""
        disk = self.disk(1)
        await self.storage.create(disk)
        other = self.same_place(disk)
        with self.assertRaises(StorageError):
            await self.storage.create(other)
        await self.storage.remove(other, own_only=True)
        self.assertEqual(await self.storage.size(disk), 4)

    async def test_remove(self: Any) -> None:
        """A removed disk is gone; removing it again, or one that never was, is fine."""
        first, second = self.disk(1, 0), self.disk(1, 1)
        for disk in (first, second):
            await self.storage.create(disk)
        for own_only in (False, True, False):
            await self.storage.remove(first, own_only=own_only)
        self.assertEqual(await self.storage.list(), (second.logical_id[-1],))
        await self.storage.remove(second, own_only=True)
        await self.storage.remove(self.disk(7))
        self.assertEqual(await self.storage.list(), ())

    def moved(self, disk: Disk) -> Disk:
        """The same disk, at a place in another folder."""
        *folders, name = str(disk.logical_id[-1]).split("/")
        place = "/".join([*folders[:-1], "renamed.example.com", name])
        return replace(disk, logical_id=(*disk.logical_id[:-1], place))

    async def test_rename(self: Any) -> None:
        """A disk can be given another place, and its old one back; both may be repeated."""
        disk = self.disk(1)
        moved = self.moved(disk)
        await self.storage.create(disk)
        for there, back in ((disk, moved), (moved, disk)):
            await self.storage.rename(there, back)
            await self.restarted().rename(there, back)
            self.assertEqual(await self.storage.list(), (back.logical_id[-1],))
            self.assertEqual(await self.storage.size(back), 4)
            self.assertIsNone(await self.storage.size(there))
        await self.storage.rename(disk, disk)
        self.assertEqual(await self.storage.size(disk), 4)

    async def test_rename_refused(self: Any) -> None:
        """Nothing is overwritten, and what is not there is named; nothing is left behind."""
        disk, other = self.disk(1), self.disk(2)
        await self.storage.create(other)
        with self.assertRaisesRegex(GanetiError, str(self.moved(disk).logical_id[-1])):
            await self.storage.rename(disk, self.moved(disk))
        await self.storage.create(disk)
        taken = replace(disk, logical_id=other.logical_id)
        with self.assertRaisesRegex(StorageError, str(other.logical_id[-1])):
            await self.storage.rename(disk, taken)
        found = sorted(str(each.logical_id[-1]) for each in (disk, other))
        self.assertEqual(list(await self.storage.list()), found)

    async def test_unknown(self: Any) -> None:
        """A disk that is not there cannot be used, as the text says; deactivating is fine."""
        disk = self.disk(1)
        for refused in (self.storage.activate(disk), self.storage.grow(disk, 8)):
            with self.assertRaisesRegex(GanetiError, str(disk.logical_id[-1])):
                await refused
        await self.storage.deactivate(disk)
        self.assertEqual(await self.storage.list(), ())

    async def test_activate_and_deactivate(self: Any) -> None:
        """Both may be repeated."""
        disk = self.disk(1)
        await self.storage.create(disk)
        paths = [await self.storage.activate(disk) for _ in range(2)]
        self.assertEqual(paths[0], paths[1])
        await self.storage.deactivate(disk)
        await self.storage.deactivate(disk)
        self.assertEqual(await self.storage.size(disk), 4)

    async def test_grow(self: Any) -> None:
        """A disk grows to a size; growing to what it has, or less, changes nothing."""
        disk = self.disk(1)
        await self.storage.create(disk)
        for to_mib, size_mib in ((8, 8), (8, 8), (2, 8)):
            await self.storage.grow(disk, to_mib)
            self.assertEqual(await self.storage.size(disk), size_mib)
        await self.storage.create(disk)
        self.assertEqual(await self.storage.size(disk), 8)

    async def test_space(self: Any) -> None:
        """There is room, and not more free than there is."""
        space = await self.storage.space("/srv/ganeti/" + self.storage.template)
        self.assertEqual(space.kind, self.storage.template)
        self.assertLessEqual(space.free_mib, space.size_mib)
        self.assertGreater(space.size_mib, 0)
