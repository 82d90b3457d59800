"""kvm on libvirt's test driver: all of it but QEMU."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("libvirt", reason="Python's bindings of libvirt are not installed")

from contracts.hypervisor import HypervisorContract
from support.kvm import kvm_spec
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from ganeti.errors import HypervisorError
from ganeti.hypervisor.libvirt.driver import LibvirtDriver
from ganeti.hypervisor.libvirt.host import thd_disk_source
from ganeti.hypervisor.libvirt.kvm import KvmHypervisor
from ganeti.hypervisor.libvirt.surroundings import Surroundings
from ganeti.hypervisor.machine import Machine, Memory, Processors
from ganeti.model.live import InstanceSpec

URI = "test:///default"
MACHINE = Machine(Memory(total=4096, free=3072), Processors(4, 2, 1), "boot-1")


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


def make_hypervisor(uri: str = URI) -> KvmHypervisor:
    def make_driver(thd_opened: Any, on_lifecycle: Any) -> LibvirtDriver:
        return LibvirtDriver(reactor, lambda: uri, thd_opened, on_lifecycle)

    return KvmHypervisor(make_driver, TestNode(), reactor, start_domain)


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
