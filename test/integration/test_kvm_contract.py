"""kvm on libvirt's embedded driver: real QEMUs, in which nothing boots."""

from __future__ import annotations

import shutil
import tempfile
from typing import Any

import pytest
from contracts.hypervisor import HypervisorContract
from support.kvm import kvm_spec, why_no_guests
from support.reaping import Reaper
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from ganeti.errors import HypervisorError
from ganeti.hypervisor.libvirt.kvm import KvmHypervisor
from ganeti.hypervisor.libvirt.node import kvm_on_libvirt
from ganeti.model.live import InstanceSpec
from ganeti.paths import Paths
from ganeti.utils.threads import ReactorThreads

WHY_NOT = why_no_guests()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


class EmbeddedDriverTests(HypervisorContract, TestCase):
    """The contract; a process can have one embedded driver only, so all tests share a root."""

    timeout = 60
    folder = ""
    paths = Paths()
    reaper: Reaper

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.mkdtemp(prefix="ganeti-kvm-")
        cls.paths = Paths(root=f"{cls.folder}/node1.example.com")
        cls.reaper = Reaper(cls.paths)
        cls.reaper.start()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.reaper.stop()
        shutil.rmtree(cls.folder)

    def setUp(self) -> None:
        self.hypervisors: list[KvmHypervisor] = []
        self.hypervisor = self.restarted()
        self.addCleanup(self.clear)

    def restarted(self) -> KvmHypervisor:
        made = kvm_on_libvirt(self.paths, reactor, ReactorThreads(reactor))
        self.hypervisors.append(made)
        return made

    def clear(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._clear())

    async def _clear(self) -> None:
        cleaner = self.restarted()
        for guest in await cleaner.list():
            await cleaner.stop(guest.name, force=True)
        for each in self.hypervisors:
            await each.close()

    async def test_set_memory(self) -> None:
        """A guest without a system is asked, and gives nothing; what is not there is refused."""
        name = self.spec(1).instance.name
        await self.hypervisor.start(self.spec(1), ())
        await self.hypervisor.set_memory(name, 128)
        self.assertEqual((await self.hypervisor.get(name)).memory_mib, 256)
        with self.assertRaisesRegex(HypervisorError, "Not enough memory"):
            await self.hypervisor.set_memory(name, 1 << 30)

    def spec(self, number: int, **settings: Any) -> InstanceSpec:
        return kvm_spec(number, **settings)
