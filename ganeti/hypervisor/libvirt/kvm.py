"""kvm: guests in QEMU, run by libvirt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from ganeti.errors import HypervisorError
from ganeti.hypervisor.interface import IHypervisor
from ganeti.hypervisor.libvirt.domain import build_domain
from ganeti.hypervisor.libvirt.driver import LibvirtDriver, OnLifecycle
from ganeti.hypervisor.libvirt.guests import (
    thd_find,
    thd_list,
    thd_note_all_ended,
    thd_note_ended,
    thd_resume,
    thd_set_memory,
)
from ganeti.hypervisor.libvirt.lives import Boot, Lives, Start, thd_start_domain
from ganeti.hypervisor.libvirt.reconnecting import thd_await_guests
from ganeti.hypervisor.libvirt.room import Room, promised_mib
from ganeti.hypervisor.libvirt.shutdown import Changes, PowerButton
from ganeti.hypervisor.libvirt.states import DomainFacts, parse_domain, parse_stopped
from ganeti.hypervisor.libvirt.surroundings import Node
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.live import InstanceRuntime, InstanceSpec, NodeResources
from ganeti.utils.aio import as_deferred, uncancelled
from ganeti.utils.failpoints import reach

log = Logger()

MakeDriver = Callable[[Callable[[Any], None], OnLifecycle], LibvirtDriver]
"""Takes what to do with each new connection, and with each event."""

NOTE_LIMIT_S = 20.0
"""How long the end of the daemon may wait until it is noted how a guest ended."""


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
        self._driver = make_driver(thd_opened, self._on_lifecycle)
        self._node = node
        self._lives = Lives(start_domain)
        self._room = Room(node, self._alive)
        self._changes = Changes(clock)
        self._power_button = PowerButton(self._driver, clock, self._changes)
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
        return await self._room.resources()

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
        if found is not None and found.active and found.uuid == spec.instance.uuid:
            log.info("{name} runs already", name=name)
            return
        description = await self._describe(spec, disk_paths)
        boot = Boot(name=name, uuid=spec.instance.uuid, description=description, paused=paused)
        async with self._room.keep(name, spec.start_memory_mib):
            await self._driver.run(self._lives.thd_start, boot)
        await self._node.started(name)

    async def reboot(self, spec: InstanceSpec, disk_paths: tuple[str, ...], mark: str = "") -> None:
        name = spec.instance.name
        found = await self._known(name)
        reach("hypervisor.reboot.before", name)
        description = await self._describe(spec, disk_paths, mark)
        boot = Boot(name=name, uuid=spec.instance.uuid, description=description, anew=True)
        async with self._room.keep(name, spec.start_memory_mib, promised_mib(found)):
            await self._driver.run(self._lives.thd_start, boot)
        await self._node.started(name)
        reach("hypervisor.reboot.after", name)

    async def _describe(
        self, spec: InstanceSpec, disk_paths: tuple[str, ...], mark: str = ""
    ) -> str:
        located, around = await self._node.survey(spec, disk_paths)
        try:
            return build_domain(located, around, mark)
        except HypervisorError as err:
            raise HypervisorError(f"Cannot start instance {spec.instance.name}: {err}") from err

    async def stop(self, name: str, timeout_s: float = 0.0, force: bool = False) -> None:
        found = await self._find(name)
        if found is None:
            return
        if found.active and not force and not await self._power_button.shut_down(name, timeout_s):
            log.warn("{name} did not shut itself down in time", name=name)
        reach("hypervisor.stop.before", name)
        await self._driver.run(self._lives.thd_remove, name)
        reach("hypervisor.stop.after", name)

    async def resume(self, name: str) -> None:
        await self._known(name)
        if not await self._driver.run(thd_resume, name):
            raise _not_running(name)

    async def set_memory(self, name: str, memory_mib: int) -> None:
        guest = await self._known(name)
        reach("hypervisor.set_memory.before", name)
        async with self._room.keep(name, memory_mib, promised_mib(guest)):
            if not await self._driver.run(thd_set_memory, name, memory_mib):
                raise _not_running(name)
        reach("hypervisor.set_memory.after", name)

    async def close(self) -> None:
        for note in list(self._notes):
            await uncancelled(note)
        await self._driver.close()

    # -- guests

    async def _may_have_guests(self) -> bool:
        return self._driver.used or await self._node.has_guests()

    async def _guests(self) -> tuple[DomainFacts, ...]:
        return await self._driver.run(thd_list) if await self._may_have_guests() else ()

    async def _alive(self) -> tuple[DomainFacts, ...]:
        return tuple(guest for guest in await self._guests() if guest.active)

    async def _find(self, name: str) -> DomainFacts | None:
        return await self._driver.run(thd_find, name) if await self._may_have_guests() else None

    async def _known(self, name: str) -> DomainFacts:
        guest = await self._find(name)
        if guest is None or not guest.active:
            raise _not_running(name)
        return guest

    # -- their end

    def _on_lifecycle(self, uuid: str, event: int, detail: int) -> None:
        ended = parse_stopped(event, detail)
        if ended is not None:
            log.info("Guest {uuid} has ended: {ended}", uuid=uuid, ended=ended)
            self._note(self._driver.run_within(NOTE_LIMIT_S, thd_note_ended, uuid, ended))
        self._changes.add()

    def _note(self, noting: Awaitable[None]) -> None:
        """Keep how a guest ended; C{close} waits for it."""
        note = as_deferred(_logged(noting))
        self._notes.add(note)
        note.addBoth(lambda _: self._notes.discard(note))


def _not_running(name: str) -> HypervisorError:
    return HypervisorError(f"Instance {name} is not running")


async def _logged(noting: Awaitable[None]) -> None:
    try:
        await noting
    except CancelledError:
        raise
    except HypervisorError as err:
        log.warn("Cannot keep how a guest ended: {error}", error=str(err))


def thd_opened(connection: Any) -> None:
    """What is done first with a new connection."""
    thd_await_guests(connection)
    thd_note_all_ended(connection)
