"""kvm on libvirt's test driver: all of it but QEMU."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("libvirt", reason="Python's bindings of libvirt are not installed")

import libvirt
from contracts.hypervisor import HypervisorContract
from support.kvm import kvm_spec
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from ganeti.errors import HypervisorError
from ganeti.hypervisor.libvirt.driver import LibvirtDriver
from ganeti.hypervisor.libvirt.guests import thd_note_ended, thd_press_power_button
from ganeti.hypervisor.libvirt.host import thd_disk_source
from ganeti.hypervisor.libvirt.kvm import KvmHypervisor
from ganeti.hypervisor.libvirt.lives import Start
from ganeti.hypervisor.libvirt.states import Ended
from ganeti.hypervisor.libvirt.surroundings import Surroundings
from ganeti.hypervisor.machine import Machine, Memory, Processors
from ganeti.model.live import InstanceSpec, RunState

URI = "test:///default"
MACHINE = Machine(Memory(total=4096, free=3072), Processors(4, 2, 1), "boot-1")


FOREIGN_UUID = "f0000000-0000-4000-8000-000000000001"
FOREIGN = f"""<domain type="test"><name>inst1.example.com</name><uuid>{FOREIGN_UUID}</uuid>
<memory>65536</memory><os><type>hvm</type></os></domain>"""


def thd_define(connection: Any, description: str) -> None:
    connection.defineXML(description)


def thd_describe(connection: Any, name: str) -> str:
    return str(connection.lookupByName(name).XMLDesc(0))


def refuse(_domain: Any, _paused: bool) -> None:
    """As libvirt when QEMU dies at once."""
    error = libvirt.libvirtError("")
    error.err = (1, 10, "internal error:\n last words", 2, "", "", "", -1, -1)
    raise error


class TestNode:
    """A node whose libvirt pretends to run guests."""

    __test__ = False

    async def survey(
        self, spec: InstanceSpec, disk_paths: tuple[str, ...]
    ) -> tuple[InstanceSpec, Surroundings]:
        try:
            disks = tuple(map(thd_disk_source, disk_paths))
        except HypervisorError as err:
            raise HypervisorError(f"Cannot start instance {spec.instance.name}: {err}") from err
        around = Surroundings(
            domain_type="test", serial_socket="/serial", serial_log="/log", disks=disks
        )
        return spec, around

    async def problems(self) -> tuple[str, ...]:
        return ()

    async def machine(self) -> Machine:
        return MACHINE

    async def has_guests(self) -> bool:
        return True

    async def touched_mib(self, names: tuple[str, ...]) -> int:
        return 0

    async def started(self, name: str) -> None:
        pass

    async def trim_logs(self, names: tuple[str, ...]) -> None:
        pass


def start_domain(domain: Any, paused: bool) -> None:
    """The test driver cannot start a domain paused."""
    domain.create()
    if paused:
        domain.suspend()


def make_hypervisor(uri: str = URI, start: Start = start_domain) -> KvmHypervisor:
    def make_driver(thd_opened: Any, on_lifecycle: Any) -> LibvirtDriver:
        return LibvirtDriver(reactor, lambda: uri, thd_opened, on_lifecycle)

    return KvmHypervisor(make_driver, TestNode(), reactor, start)


def thd_clear(connection: Any) -> None:
    """Remove all domains, also the one that the driver begins with."""
    for domain in connection.listAllDomains(0):
        if domain.isActive():
            domain.destroy()
        domain.undefine()


class TestDriverTests(HypervisorContract, TestCase):
    """The contract, and what guests do by themselves."""

    async def setUp(self) -> None:
        # The driver forgets all when its last connection is closed.
        anchor = make_hypervisor()
        self.hypervisors = [anchor]
        await anchor.list()
        self.hypervisor = self.restarted()
        await self.driver.run(thd_clear)
        self.addCleanup(self.clear)

    def restarted(self) -> KvmHypervisor:
        made = make_hypervisor()
        self.hypervisors.append(made)
        return made

    @property
    def driver(self) -> LibvirtDriver:
        return self.hypervisors[-1]._driver

    def clear(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._clear())

    async def _clear(self) -> None:
        cleaner = make_hypervisor()
        await cleaner._driver.run(thd_clear)
        for each in (*self.hypervisors, cleaner):
            await each.close()

    def spec(self, number: int, **settings: Any) -> InstanceSpec:
        return kvm_spec(number, **settings)

    async def test_domains_of_others(self) -> None:
        """What is none of ours is not seen, not stopped, not noted; its name is taken."""
        await self.driver.run(thd_define, FOREIGN)
        self.assertEqual(await self.hypervisor.list(), ())
        await self.hypervisor.stop("inst1.example.com", force=True)
        with self.assertRaisesRegex(HypervisorError, "another one of that name exists"):
            await self.hypervisor.start(self.spec(1), ())
        await self.driver.run(thd_note_ended, FOREIGN_UUID, Ended.CRASHED)
        text = await self.driver.run(thd_describe, "inst1.example.com")
        self.assertNotIn("ganeti", text)

    async def test_notes(self) -> None:
        """How a guest ended is kept once; what is gone is left."""
        await self.hypervisor.start(self.spec(1, hvparams={"user_shutdown": True}), ())
        uuid = self.spec(1).instance.uuid
        await self.driver.run(thd_note_ended, uuid, Ended.CRASHED)  # it lives
        await self.driver.run(thd_press_power_button, "inst1.example.com")
        for ended in (Ended.SHUTDOWN, Ended.CRASHED):
            await self.driver.run(thd_note_ended, uuid, ended)
        (guest,) = await self.restarted().list()
        self.assertEqual(guest.state, RunState.SHUTDOWN)
        await self.hypervisor.stop("inst1.example.com")
        await self.driver.run(thd_note_ended, uuid, Ended.CRASHED)
        self.assertEqual(await self.hypervisor.list(), ())

    async def test_dies_at_start(self) -> None:
        """libvirt's words are told, and nothing is left."""
        hypervisor = make_hypervisor(start=refuse)
        self.hypervisors.append(hypervisor)
        with self.assertRaisesRegex(HypervisorError, "Cannot start instance inst1.*last words"):
            await hypervisor.start(self.spec(1), ())
        self.assertEqual(await self.hypervisor.list(), ())

    async def test_no_libvirt(self) -> None:
        """verify tells that libvirt cannot be reached, and what to do."""
        hypervisor = make_hypervisor("nosuch:///x")
        self.hypervisors.append(hypervisor)
        (problem,) = await hypervisor.verify()
        self.assertRegex(problem, "Cannot connect to nosuch:///x: .*is libvirtd installed")
