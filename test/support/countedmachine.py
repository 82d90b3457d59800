"""A simulated machine that counts what is really done on it, however often it is asked for."""

from __future__ import annotations

from collections import Counter

from msgspec.structs import replace

from ganeti.hypervisor.fake_store import FakeGuest, MemoryFakeStore
from ganeti.model.disk import Disk
from ganeti.model.live import OsInfo
from ganeti.model.templates import DiskTemplate
from ganeti.noded.drivers import SimulatedMachine
from ganeti.storage.memory import MemoryBlockDevices

Effects = Counter[tuple[str, str]]
"""How often something was done: (what, to what)."""


class CountedDisks(MemoryBlockDevices):
    """Counts disks made and removed."""

    def __init__(self, template: DiskTemplate, effects: Effects) -> None:
        super().__init__(template, 1 << 20)
        self._effects = effects

    async def create(self, disk: Disk) -> None:
        before = await self.size(disk)
        await super().create(disk)
        if before is None:
            self._effects["disk made", str(disk.logical_id[-1])] += 1

    async def remove(self, disk: Disk, own_only: bool = False) -> None:
        before = await self.size(disk)
        await super().remove(disk, own_only)
        if before is not None and await self.size(disk) is None:
            self._effects["disk removed", str(disk.logical_id[-1])] += 1


class CountedGuests(MemoryFakeStore):
    """Counts guests started and stopped."""

    def __init__(self, effects: Effects) -> None:
        super().__init__()
        self._effects = effects

    async def save(self, guest: FakeGuest) -> None:
        known = {each.name: each for each in await self.load()}.get(guest.name)
        await super().save(guest)
        if known is None or replace(guest, memory_mib=known.memory_mib) != known:
            self._effects["guest started", guest.name] += 1

    async def delete(self, name: str) -> None:
        known = any(guest.name == name for guest in await self.load())
        await super().delete(name)
        if known:
            self._effects["guest stopped", name] += 1


def counted_machine(effects: Effects, oses: tuple[OsInfo, ...]) -> SimulatedMachine:
    """A machine whose drivers count in C{effects}."""
    return SimulatedMachine(
        oses=oses,
        guests=CountedGuests(effects),
        disks=CountedDisks(DiskTemplate.FILE, effects),
    )
