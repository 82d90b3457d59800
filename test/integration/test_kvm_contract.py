"""kvm on libvirt's embedded driver: real QEMUs, in which nothing boots."""

from __future__ import annotations

from typing import Any

import pytest
from contracts.hypervisor import HypervisorContract
from msgspec.structs import replace
from support.kvm import kvm_spec, why_no_guests
from support.kvmnode import KvmNodeCase
from twisted.trial.unittest import TestCase

from ganeti.errors import HypervisorError
from ganeti.model.live import InstanceSpec

WHY_NOT = why_no_guests()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


class EmbeddedDriverTests(KvmNodeCase, HypervisorContract, TestCase):
    """The contract."""

    timeout = 180

    def spec(self, number: int, **settings: Any) -> InstanceSpec:
        return kvm_spec(number, **settings)

    async def test_set_memory(self) -> None:
        """A guest without a system is asked, and gives nothing; what is not there is refused."""
        name = self.spec(1).instance.name
        await self.hypervisor.start(self.spec(1), ())
        await self.hypervisor.set_memory(name, 128)
        self.assertEqual((await self.hypervisor.get(name)).memory_mib, 256)
        with self.assertRaisesRegex(HypervisorError, "Not enough memory"):
            await self.hypervisor.set_memory(name, 1 << 30)

    async def test_less_memory(self) -> None:
        """It has all memory until it listens."""
        spec = replace(self.spec(1, memory_mib=256), memory_mib=128)
        await self.hypervisor.start(spec, ())
        self.assertEqual((await self.hypervisor.get(spec.instance.name)).memory_mib, 256)
