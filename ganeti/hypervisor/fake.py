"""A hypervisor that runs nothing, and otherwise behaves like one."""

from __future__ import annotations

import os.path
from collections.abc import Awaitable, Callable, Sequence

from msgspec.structs import replace
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from ganeti.errors import HypervisorError
from ganeti.hypervisor.fake_behaviour import Behaviour, BehaviourSource, thd_read_behaviour
from ganeti.hypervisor.fake_store import FakeGuest, FileFakeStore, IFakeStore
from ganeti.hypervisor.interface import IHypervisor
from ganeti.hypervisor.machine import Machine, thd_read_machine
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.live import InstanceRuntime, InstanceSpec, NodeResources, RunState
from ganeti.paths import Paths
from ganeti.utils.aio import KeyedLock, sleep
from ganeti.utils.failpoints import reach
from ganeti.utils.threads import Threads

log = Logger()

MachineReader = Callable[[], Awaitable[Machine]]
MissingDisks = Callable[[tuple[str, ...]], Awaitable[tuple[str, ...]]]
"""Which of some disk paths do not exist."""

BEHAVIOUR_FILE = "behaviour.json"
GUESTS_DIR = "guests"


@implementer(IHypervisor)
class FakeHypervisor:
    """
    Pretends to run guests; see L{IHypervisor}.

    Its guests live in an L{IFakeStore} and so outlive the daemon. It refuses
    what a real one refuses: a guest for which the node has not enough memory
    left, a missing disk, a second guest of the same name. The nodes of a virtual
    cluster share a machine, so each counts only its own guests.
    """

    name = HypervisorName.FAKE

    def __init__(
        self,
        store: IFakeStore,
        clock: IReactorTime,
        machine: MachineReader,
        missing: MissingDisks,
        behaviour: BehaviourSource,
    ) -> None:
        self._store = store
        self._clock = clock
        self._machine = machine
        self._missing = missing
        self._behaviour = behaviour
        self._changes = KeyedLock()

    async def verify(self) -> tuple[str, ...]:
        try:
            await self._trouble("verify")
            await self._store.load()
        except HypervisorError as err:
            return (str(err),)
        return ()

    async def node_info(self) -> NodeResources:
        behaviour = await self._trouble("node_info")
        machine = await self._machine()
        used = sum(guest.memory_mib for guest in await self._store.load())
        total, own = _memory(machine, behaviour)
        return NodeResources(
            memory_total=total,
            memory_free=max(0, total - own - used),
            memory_dom0=own,
            cpus=machine.processors.count,
            cpu_nodes=machine.processors.numa_nodes,
            cpu_sockets=machine.processors.sockets,
            cpu_dom0=1,
            bootid=machine.boot_id,
        )

    async def list(self) -> tuple[InstanceRuntime, ...]:
        await self._trouble("list")
        now = self._clock.seconds()
        return tuple(_runtime(guest, now) for guest in await self._store.load())

    async def get(self, name: str) -> InstanceRuntime | None:
        await self._trouble("get", name)
        guest = await self._find(name)
        return None if guest is None else _runtime(guest, self._clock.seconds())

    async def start(
        self, spec: InstanceSpec, disk_paths: tuple[str, ...], paused: bool = False
    ) -> None:
        name = spec.instance.name
        await self._trouble("start", name)
        async with self._changes.hold("guests"):
            running = await self._find(name)
            if running is not None and running.uuid == spec.instance.uuid:
                log.info("{name} runs already", name=name)
            else:
                await self._start(spec, disk_paths, paused, running)
        await self._trouble("start", name, after=True)

    async def _start(
        self,
        spec: InstanceSpec,
        disk_paths: tuple[str, ...],
        paused: bool,
        running: FakeGuest | None,
    ) -> None:
        name = spec.instance.name
        if running is not None:
            raise HypervisorError(
                f"Cannot start instance {name}: another one of that name runs (uuid {running.uuid})"
            )
        if missing := await self._missing(disk_paths):
            raise HypervisorError(f"Cannot start instance {name}: no disk at {', '.join(missing)}")
        await self._need_memory(name, spec.start_memory_mib)
        await self._save(self._guest(spec, paused), "start")

    async def stop(self, name: str, timeout_s: float = 0.0, force: bool = False) -> None:
        behaviour = await self._trouble("stop", name)
        if await self._find(name) is None:
            return
        if not force:
            await self._wait(min(behaviour.guest_shutdown_s, timeout_s))
        async with self._changes.hold("guests"):
            reach("hypervisor.stop.before", name)
            await self._store.delete(name)
            reach("hypervisor.stop.after", name)
        await self._trouble("stop", name, after=True)

    async def reboot(self, spec: InstanceSpec, disk_paths: tuple[str, ...], mark: str = "") -> None:
        name = spec.instance.name
        await self._trouble("reboot", name)
        async with self._changes.hold("guests"):
            running = await self._known(name)
            if missing := await self._missing(disk_paths):
                raise HypervisorError(
                    f"Cannot reboot instance {name}: no disk at {', '.join(missing)}"
                )
            await self._need_memory(name, spec.start_memory_mib - running.memory_mib)
            await self._save(replace(self._guest(spec, paused=False), mark=mark), "reboot")
        await self._trouble("reboot", name, after=True)

    async def resume(self, name: str) -> None:
        await self._trouble("resume", name)
        async with self._changes.hold("guests"):
            guest = await self._known(name)
            if guest.paused:
                await self._save(replace(guest, paused=False), "resume")

    async def set_memory(self, name: str, memory_mib: int) -> None:
        await self._trouble("set_memory", name)
        async with self._changes.hold("guests"):
            guest = await self._known(name)
            if guest.memory_mib != memory_mib:
                await self._need_memory(name, memory_mib - guest.memory_mib)
                await self._save(replace(guest, memory_mib=memory_mib), "set_memory")

    async def close(self) -> None:
        """There is nothing to let go of."""

    async def _trouble(self, method: str, instance: str = "", after: bool = False) -> Behaviour:
        """Be as slow, or fail, as the behaviour says."""
        behaviour = await self._behaviour()
        for rule in behaviour.matching(method, instance, after):
            await self._wait(rule.delay_s)
            if rule.error:
                raise HypervisorError(f"{' '.join(filter(None, (method, instance)))}: {rule.error}")
        return behaviour

    async def _wait(self, seconds: float) -> None:
        if seconds > 0:
            await sleep(self._clock, seconds)

    async def _find(self, name: str) -> FakeGuest | None:
        return next((guest for guest in await self._store.load() if guest.name == name), None)

    async def _known(self, name: str) -> FakeGuest:
        guest = await self._find(name)
        if guest is None:
            raise HypervisorError(f"Instance {name} is not running")
        return guest

    async def _need_memory(self, name: str, more_mib: int) -> None:
        behaviour = await self._behaviour()
        total, own = _memory(await self._machine(), behaviour)
        free = total - own - sum(guest.memory_mib for guest in await self._store.load())
        if more_mib > max(free, 0):
            raise HypervisorError(
                f"Not enough memory for instance {name}: {more_mib} MiB needed,"
                f" {max(free, 0)} MiB free"
            )

    def _guest(self, spec: InstanceSpec, paused: bool) -> FakeGuest:
        return FakeGuest(
            name=spec.instance.name,
            uuid=spec.instance.uuid,
            memory_mib=spec.start_memory_mib,
            vcpus=spec.beparams.vcpus,
            paused=paused,
            started_s=self._clock.seconds(),
        )

    async def _save(self, guest: FakeGuest, effect: str) -> None:
        reach(f"hypervisor.{effect}.before", guest.name)
        await self._store.save(guest)
        reach(f"hypervisor.{effect}.after", guest.name)


def _memory(machine: Machine, behaviour: Behaviour) -> tuple[int, int]:
    """The node's memory, and what the node itself uses of it."""
    if behaviour.memory_total_mib is not None:
        return behaviour.memory_total_mib, 0
    return machine.memory.total, machine.memory.total - machine.memory.free


def _runtime(guest: FakeGuest, now_s: float) -> InstanceRuntime:
    return InstanceRuntime(
        name=guest.name,
        uuid=guest.uuid,
        memory_mib=guest.memory_mib,
        vcpus=guest.vcpus,
        state=RunState.PAUSED if guest.paused else RunState.RUNNING,
        cpu_time_s=0.0 if guest.paused else max(0.0, now_s - guest.started_s),
        mark=guest.mark,
    )


def thd_missing(paths: Sequence[str]) -> tuple[str, ...]:
    """Which of C{paths} do not exist."""
    return tuple(path for path in paths if not os.path.exists(path))


def fake_on_files(paths: Paths, clock: IReactorTime, threads: Threads) -> FakeHypervisor:
    """The fake hypervisor of a node daemon, with all it knows below the node's root."""
    directory = paths.fake_hypervisor_dir
    behaviour_path = os.path.join(directory, BEHAVIOUR_FILE)

    async def machine() -> Machine:
        return await threads.run(thd_read_machine)

    async def missing(disk_paths: tuple[str, ...]) -> tuple[str, ...]:
        return await threads.run(thd_missing, disk_paths)

    async def behaviour() -> Behaviour:
        return await threads.run(thd_read_behaviour, behaviour_path)

    store = FileFakeStore(os.path.join(directory, GUESTS_DIR), threads)
    return FakeHypervisor(store, clock, machine, missing, behaviour)


def fake_in_memory(
    store: IFakeStore, clock: IReactorTime, machine: Machine, behaviour: BehaviourSource
) -> FakeHypervisor:
    """The fake hypervisor of a simulated node; all disks it is given exist."""

    async def the_machine() -> Machine:
        return machine

    async def none_missing(_disk_paths: tuple[str, ...]) -> tuple[str, ...]:
        return ()

    return FakeHypervisor(store, clock, the_machine, none_missing, behaviour)
