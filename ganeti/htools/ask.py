"""Another size to ask for."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from ganeti.htools.records import Instance


class Ask(NamedTuple):
    """Ask for less (or, where a policy wants it, for more); None: as it is."""

    memory: int | None = None
    disks: tuple[int, ...] | None = None
    """The sizes of all of them."""
    cpus: int | None = None
    spindle_use: int | None = None

    def changed(self, instance: Instance) -> Instance:
        """The instance in that size."""
        sizes = [disk.size for disk in instance.disks] if self.disks is None else self.disks
        grown = sum(sizes) - sum(disk.size for disk in instance.disks)
        return msgspec.structs.replace(
            instance,
            memory=instance.memory if self.memory is None else self.memory,
            disk=instance.disk + grown,
            disks=tuple(
                msgspec.structs.replace(disk, size=size)
                for disk, size in zip(instance.disks, sizes, strict=True)
            ),
            vcpus=instance.vcpus if self.cpus is None else self.cpus,
            spindle_use=instance.spindle_use if self.spindle_use is None else self.spindle_use,
        )

    def words(self, instance: Instance) -> str:
        """What to ask for."""
        wanted = (
            (self.memory, instance.memory, "MiB of memory"),
            (self.cpus, instance.vcpus, "virtual CPUs"),
            (self.spindle_use, instance.spindle_use, "of spindle use"),
        )
        told = [
            f"{size} {unit} instead of {now}"
            for size, now, unit in wanted
            if size is not None and size != now
        ]
        sizes = tuple(disk.size for disk in instance.disks)
        if self.disks is not None and self.disks != sizes:
            new, old = (", ".join(map(str, each)) for each in (self.disks, sizes))
            told.append(f"{'a disk' if len(sizes) == 1 else 'disks'} of {new} MiB instead of {old}")
        return f"ask for {' and '.join(told)}"


def cut(sizes: list[int], total: int, least: int) -> tuple[int, ...] | None:
    """Disks of no more than C{total} in all: the largest become smaller; None: they cannot."""
    low, high = least, max(sizes, default=0)
    if sum(min(size, low) for size in sizes) > total:
        return None
    while low < high:
        middle = (low + high + 1) // 2
        if sum(min(size, middle) for size in sizes) <= total:
            low = middle
        else:
            high = middle - 1
    return tuple(min(size, low) for size in sizes)
