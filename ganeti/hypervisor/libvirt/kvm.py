"""kvm: guests in QEMU, run by libvirt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from ganeti.errors import HypervisorError
from ganeti.hypervisor.interface import IHypervisor
from ganeti.hypervisor.libvirt.domain import build_domain
from ganeti.hypervisor.libvirt.driver import LibvirtDriver, NoAnswer, OnLifecycle
from ganeti.hypervisor.libvirt.guests import (
    Start,
    thd_find,
    thd_list,
    thd_note_all_ended,
    thd_note_ended,
    thd_press_power_button,
    thd_remove,
    thd_resume,
    thd_set_memory,
    thd_start,
    thd_start_domain,
)
from ganeti.hypervisor.libvirt.states import DomainFacts, parse_domain, parse_stopped
from ganeti.hypervisor.libvirt.surroundings import Surroundings
from ganeti.hypervisor.machine import Machine
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.live import InstanceRuntime, InstanceSpec, NodeResources
from ganeti.utils.aio import Condition, KeyedLock, as_deferred, uncancelled, with_timeout
from ganeti.utils.failpoints import reach

log = Logger()

MakeDriver = Callable[[Callable[[Any], None], OnLifecycle], LibvirtDriver]
"""Takes what to do with each new connection, and with each event."""

PRESS_EVERY_S = 5.0
"""A press of the power button is lost on a guest that is still booting; so it is repeated."""


class Node(Protocol):
    """The machine that guests run on, beside libvirt."""

    async def survey(
        self, spec: InstanceSpec, disk_paths: tuple[str, ...]
    ) -> tuple[InstanceSpec, Surroundings]:
        """
        What the guest's description needs; files of C{spec} are where they are on this machine.

        @raise HypervisorError: something is missing that the guest needs.
        """

    async def problems(self) -> tuple[str, ...]:
        """What keeps all guests from running."""

    async def machine(self) -> Machine:
        """Memory and processors."""

    async def has_guests(self) -> bool:
        """Whether libvirt may know guests; as long as not, it is left alone."""

    async def touched_mib(self, names: tuple[str, ...]) -> int:
        """How much of their memory these guests have in use, as far as it can be known."""

    async def started(self, name: str) -> None:
        """A guest was started; keeps what makes the next start quicker."""

    async def trim_logs(self, names: tuple[str, ...]) -> None:
        """Keep the logs of serial consoles from growing for ever."""


@implementer(IHypervisor)
class KvmHypervisor:
    """
    Guests in QEMU; see L{IHypervisor}.

    They live on without the node daemon, and libvirt finds them again. One that ended by itself
    stays known, with how it ended, until it is stopped or started.
    """

    name = HypervisorName.KVM

    def __init__(
        self,
        make_driver: MakeDriver,
        node: Node,
        clock: IReactorTime,
        start_domain: Start = thd_start_domain,
    ) -> None:
        self._driver = make_driver(thd_note_all_ended, self._on_lifecycle)
        self._node = node
        self._clock = clock
        self._start_domain = start_domain
        self._memory = KeyedLock()
        self._promised: dict[str, int] = {}
        self._changed = Condition()
        self._notes: set[Deferred[None]] = set()

    async def verify(self) -> tuple[str, ...]:
        problems = await self._node.problems()
        if problems:
            return problems
        try:
            await self._guests()
        except HypervisorError as err:
            return (str(err),)
        return ()

    async def node_info(self) -> NodeResources:
        machine = await self._node.machine()
        guests = await self._alive()
        free = await self._free_mib(machine, guests)
        promised = sum(map(_memory_mib, guests))
        return NodeResources(
            memory_total=machine.memory.total,
            memory_free=max(0, free),
            memory_dom0=max(0, machine.memory.total - max(0, free) - promised),
            cpus=machine.processors.count,
            cpu_nodes=machine.processors.numa_nodes,
            cpu_sockets=machine.processors.sockets,
            cpu_dom0=1,
            bootid=machine.boot_id,
        )

    async def list(self) -> tuple[InstanceRuntime, ...]:
        guests = await self._guests()
        if guests:
            await self._node.trim_logs(tuple(each.name for each in guests))
        return tuple(map(parse_domain, guests))

    async def get(self, name: str) -> InstanceRuntime | None:
        guest = await self._find(name)
        return None if guest is None else parse_domain(guest)

    async def start(
        self, spec: InstanceSpec, disk_paths: tuple[str, ...], paused: bool = False
    ) -> None:
        name = spec.instance.name
        found = await self._find(name)
        if found is not None and found.active:
            if found.uuid != spec.instance.uuid:
                raise HypervisorError(
                    f"Cannot start instance {name}: another one of that name runs"
                    f" (uuid {found.uuid})"
                )
            log.info("{name} runs already", name=name)
            return
        await self._start(spec, disk_paths, paused)

    async def _start(
        self,
        spec: InstanceSpec,
        disk_paths: tuple[str, ...],
        paused: bool,
        freed_mib: int = 0,
        mark: str = "",
    ) -> None:
        """@param freed_mib: what a guest has now that makes room for this one."""
        name = spec.instance.name
        located, around = await self._node.survey(spec, disk_paths)
        try:
            description = build_domain(located, around, mark)
        except HypervisorError as err:
            raise HypervisorError(f"Cannot start instance {name}: {err}") from err
        await self._promise(name, spec.beparams.maxmem, freed_mib)
        try:
            await self._driver.run(thd_start, description, name, paused, self._start_domain)
        finally:
            self._promised.pop(name, None)
        await self._node.started(name)

    async def stop(self, name: str, timeout_s: float = 0.0, force: bool = False) -> None:
        found = await self._find(name)
        if found is None:
            return
        if found.active and not force:
            await self._shut_down(name, timeout_s)
        reach("hypervisor.stop.before", name)
        await self._driver.run(thd_remove, name)
        reach("hypervisor.stop.after", name)

    async def reboot(self, spec: InstanceSpec, disk_paths: tuple[str, ...], mark: str = "") -> None:
        name = spec.instance.name
        found = await self._known(name)
        reach("hypervisor.reboot.before", name)
        await self._start(spec, disk_paths, False, _memory_mib(found), mark)
        reach("hypervisor.reboot.after", name)

    async def resume(self, name: str) -> None:
        if not (await self._node.has_guests() and await self._driver.run(thd_resume, name)):
            raise _not_running(name)

    async def set_memory(self, name: str, memory_mib: int) -> None:
        guest = await self._known(name)
        reach("hypervisor.set_memory.before", name)
        await self._promise(name, memory_mib, _memory_mib(guest))
        try:
            if not await self._driver.run(thd_set_memory, name, memory_mib):
                raise _not_running(name)
        finally:
            self._promised.pop(name, None)
        reach("hypervisor.set_memory.after", name)

    async def close(self) -> None:
        for note in list(self._notes):
            await uncancelled(note)
        await self._driver.close()

    # -- guests

    async def _guests(self) -> tuple[DomainFacts, ...]:
        if not (self._driver.used or await self._node.has_guests()):
            return ()
        return await self._driver.run(thd_list)

    async def _alive(self) -> tuple[DomainFacts, ...]:
        return tuple(guest for guest in await self._guests() if guest.active)

    async def _find(self, name: str) -> DomainFacts | None:
        if not (self._driver.used or await self._node.has_guests()):
            return None
        return await self._driver.run(thd_find, name)

    async def _known(self, name: str) -> DomainFacts:
        guest = await self._find(name)
        if guest is None or not guest.active:
            raise _not_running(name)
        return guest

    # -- their end

    async def _shut_down(self, name: str, timeout_s: float) -> None:
        """Ask a guest to end, until it has or the time is over."""
        deadline = self._clock.seconds() + timeout_s
        while (left := deadline - self._clock.seconds()) > 0:
            try:
                if not await self._driver.run_within(left, thd_press_power_button, name):
                    return
            except NoAnswer:
                break
            left = deadline - self._clock.seconds()
            await self._until_changed(max(0, min(PRESS_EVERY_S, left)))
            found = await self._driver.run(thd_find, name)
            if found is None or not found.active:
                return
        log.warn("{name} did not shut itself down in time", name=name)

    async def _until_changed(self, seconds: float) -> None:
        """Until some guest's state changes, at most so long."""
        try:
            await with_timeout(self._changed.wait(), seconds, self._clock, _NotYet())
        except _NotYet:
            pass

    def _on_lifecycle(self, uuid: str, event: int, detail: int) -> None:
        ended = parse_stopped(event, detail)
        if ended is not None:
            log.info("Guest {uuid} has ended: {ended}", uuid=uuid, ended=ended)
            self._note(self._driver.run(thd_note_ended, uuid, ended))
        self._changed.notify_all()

    def _note(self, noting: Awaitable[None]) -> None:
        """Keep how a guest ended; C{close} waits for it."""
        note = as_deferred(_logged(noting))
        self._notes.add(note)
        note.addBoth(lambda _: self._notes.discard(note))

    # -- memory

    async def _promise(self, name: str, memory_mib: int, freed_mib: int) -> None:
        """
        Keep memory for a guest that is about to get it.

        @raise HypervisorError: there is not enough.
        """
        async with self._memory.hold("node"):
            free = await self._free_mib(await self._node.machine(), await self._alive())
            if memory_mib - freed_mib > max(free, 0):
                raise HypervisorError(
                    f"Not enough memory for instance {name}: {memory_mib} MiB needed,"
                    f" {max(free, 0) + freed_mib} MiB free"
                )
            self._promised[name] = max(0, memory_mib - freed_mib)

    async def _free_mib(self, machine: Machine, guests: tuple[DomainFacts, ...]) -> int:
        """
        What guests could still get.

        The kernel counts memory that guests have not touched yet as free; it is theirs.
        """
        names = tuple(guest.name for guest in guests)
        touched = await self._node.touched_mib(names)
        untouched = max(0, sum(map(_memory_mib, guests)) - touched)
        return machine.memory.free - untouched - sum(self._promised.values())


class _NotYet(Exception):
    """Nothing has changed."""


def _memory_mib(guest: DomainFacts) -> int:
    """The most that it may come to use."""
    return guest.info[2] // 1024


def _not_running(name: str) -> HypervisorError:
    return HypervisorError(f"Instance {name} is not running")


async def _logged(noting: Awaitable[None]) -> None:
    try:
        await noting
    except CancelledError:
        raise
    except HypervisorError as err:
        log.warn("Cannot keep how a guest ended: {error}", error=str(err))
