"""The node's memory: what guests have, may come to use, and are about to get."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from ganeti.errors import HypervisorError
from ganeti.hypervisor.libvirt.states import DomainFacts
from ganeti.hypervisor.libvirt.surroundings import Node
from ganeti.hypervisor.machine import Machine
from ganeti.model.live import NodeResources
from ganeti.utils.aio import KeyedLock


class Room:
    """Memory for guests; in MiB."""

    def __init__(self, node: Node, alive: Callable[[], Awaitable[tuple[DomainFacts, ...]]]) -> None:
        """@param alive: the guests that have a QEMU."""
        self._node = node
        self._alive = alive
        self._looking = KeyedLock()
        self._kept: dict[str, int] = {}

    @asynccontextmanager
    async def keep(self, name: str, memory_mib: int, freed_mib: int = 0) -> AsyncIterator[None]:
        """
        Keep memory for a guest that is about to get it, for the length of the block.

        @param freed_mib: what that guest has now, and gives up.
        @raise HypervisorError: there is not enough.
        """
        async with self._looking.hold("node"):
            free = await self._free(await self._node.machine(), await self._alive())
            if memory_mib - freed_mib > max(free, 0):
                raise HypervisorError(
                    f"Not enough memory for instance {name}: {memory_mib} MiB needed,"
                    f" {max(free, 0) + freed_mib} MiB free"
                )
            self._kept[name] = max(0, memory_mib - freed_mib)
        try:
            yield
        finally:
            self._kept.pop(name, None)

    async def resources(self) -> NodeResources:
        """What the node has, and what guests leave of it."""
        machine = await self._node.machine()
        guests = await self._alive()
        free = max(0, await self._free(machine, guests))
        used = sum(map(promised_mib, guests))
        return NodeResources(
            memory_total=machine.memory.total,
            memory_free=free,
            memory_dom0=max(0, machine.memory.total - free - used),
            cpus=machine.processors.count,
            cpu_nodes=machine.processors.numa_nodes,
            cpu_sockets=machine.processors.sockets,
            cpu_dom0=1,
            bootid=machine.boot_id,
        )

    async def _free(self, machine: Machine, guests: tuple[DomainFacts, ...]) -> int:
        """
        What guests could still get.

        The kernel counts memory that guests have not touched yet as free; it is theirs.
        """
        names = tuple(guest.name for guest in guests)
        touched = await self._node.touched_mib(names)
        untouched = max(0, sum(map(promised_mib, guests)) - touched)
        return machine.memory.free - untouched - sum(self._kept.values())


def promised_mib(guest: DomainFacts) -> int:
    """The most that it may come to use."""
    return guest.info[2] // 1024
