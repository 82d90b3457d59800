"""The contract of L{IHypervisor}."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from support.samples import instance_uuid
from support.specs import make_spec
from zope.interface.verify import verifyObject

from ganeti.errors import HypervisorError
from ganeti.hypervisor.interface import IHypervisor
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.live import InstanceRuntime, InstanceSpec, RunState


def still(guests: tuple[InstanceRuntime, ...]) -> list[InstanceRuntime]:
    """Guests without what changes while they run."""
    return [replace(guest, cpu_time_s=0.0) for guest in guests]


class HypervisorContract:
    """
    Mixed into a C{twisted.trial.unittest.TestCase}.

    The node must have at least 1 GiB of free memory, and no guests.
    """

    timeout = 90
    hypervisor: Any
    """A provider, made by C{setUp}."""

    def spec(self, number: int, **settings: Any) -> InstanceSpec:
        """An instance that this hypervisor can run."""
        return make_spec(number, **settings)

    def restarted(self) -> Any:
        """Another provider for the same node, as after the node daemon was killed."""
        raise NotImplementedError

    async def names(self) -> list[str]:
        return [guest.name for guest in await self.hypervisor.list()]

    def test_interface(self: Any) -> None:
        """It provides IHypervisor, under a name that the configuration knows."""
        verifyObject(IHypervisor, self.hypervisor)
        self.assertIsInstance(self.hypervisor.name, HypervisorName)

    async def test_verify(self: Any) -> None:
        """Nothing keeps it from running guests."""
        self.assertEqual(await self.hypervisor.verify(), ())

    async def test_start(self: Any) -> None:
        """A started guest is listed and found, with its memory and processors."""
        spec = self.spec(1, memory_mib=256)
        await self.hypervisor.start(spec, ())
        guest = await self.hypervisor.get(spec.instance.name)
        self.assertEqual(still(await self.hypervisor.list()), still((guest,)))
        self.assertEqual(
            (guest.name, guest.uuid, guest.memory_mib, guest.vcpus, guest.state),
            (spec.instance.name, spec.instance.uuid, 256, 2, RunState.RUNNING),
        )

    async def test_list_is_sorted(self: Any) -> None:
        """Guests are listed by name."""
        for number in (2, 3, 1):
            await self.hypervisor.start(self.spec(number), ())
        self.assertEqual(await self.names(), [f"inst{n}.example.com" for n in (1, 2, 3)])

    async def test_start_again(self: Any) -> None:
        """Starting what runs changes nothing, also after a restart and with other parameters."""
        spec = self.spec(1)
        await self.hypervisor.start(spec, ())
        await self.restarted().start(self.spec(1, memory_mib=128), (), paused=True)
        (guest,) = await self.hypervisor.list()
        self.assertEqual((guest.memory_mib, guest.state), (256, RunState.RUNNING))

    async def test_start_another_of_that_name(self: Any) -> None:
        """A name is taken while a guest with another uuid runs under it."""
        await self.hypervisor.start(self.spec(1), ())
        other = self.spec(1, uuid=instance_uuid(99))
        with self.assertRaisesRegex(HypervisorError, "inst1.example.com.*another"):
            await self.hypervisor.start(other, ())
        self.assertEqual((await self.hypervisor.list())[0].uuid, instance_uuid(1))

    async def test_too_little_memory(self: Any) -> None:
        """A guest that does not fit is refused and leaves nothing; the text says how much."""
        with self.assertRaisesRegex(HypervisorError, "inst1.example.com: 1073741824 MiB needed"):
            await self.hypervisor.start(self.spec(1, memory_mib=1 << 30), ())
        self.assertEqual(await self.hypervisor.list(), ())

    async def test_less_memory(self: Any) -> None:
        """A guest may start with less than it can come to have."""
        spec = replace(self.spec(1, memory_mib=256), memory_mib=128)
        await self.hypervisor.start(spec, ())
        name = spec.instance.name
        self.assertEqual((await self.hypervisor.get(name)).memory_mib, 128)
        await self.hypervisor.set_memory(name, 256)
        self.assertEqual((await self.hypervisor.get(name)).memory_mib, 256)

    async def test_memory_is_counted(self: Any) -> None:
        """What guests have is not free."""
        before = await self.hypervisor.node_info()
        await self.hypervisor.start(self.spec(1, memory_mib=512), ())
        after = await self.hypervisor.node_info()
        self.assertEqual(before.memory_total, after.memory_total)
        self.assertLessEqual(after.memory_free, after.memory_total - after.memory_dom0 - 512)
        self.assertGreaterEqual(after.cpus, 1)

    async def test_stop(self: Any) -> None:
        """A stopped guest is not known any more, and stopping again is fine."""
        name = self.spec(1).instance.name
        await self.hypervisor.start(self.spec(1), ())
        await self.hypervisor.start(self.spec(2), ())
        await self.hypervisor.stop(name)
        await self.hypervisor.stop(name, force=True)
        self.assertIsNone(await self.hypervisor.get(name))
        self.assertEqual(await self.names(), ["inst2.example.com"])

    async def test_stop_unknown(self: Any) -> None:
        """Stopping what never ran is fine."""
        await self.hypervisor.stop("unknown.example.com", timeout_s=5)

    async def test_survives_restart(self: Any) -> None:
        """Guests run on while the node daemon is down."""
        await self.hypervisor.start(self.spec(1), (), paused=True)
        before = await self.hypervisor.list()
        self.assertEqual(still(await self.restarted().list()), still(before))

    async def test_pause_and_resume(self: Any) -> None:
        """A guest started paused runs after resume; resuming again is fine."""
        spec = self.spec(1)
        await self.hypervisor.start(spec, (), paused=True)
        self.assertEqual((await self.hypervisor.list())[0].state, RunState.PAUSED)
        await self.hypervisor.resume(spec.instance.name)
        await self.hypervisor.resume(spec.instance.name)
        self.assertEqual((await self.hypervisor.list())[0].state, RunState.RUNNING)

    async def test_reboot(self: Any) -> None:
        """A rebooted guest has the parameters of its new description, and its mark."""
        await self.hypervisor.start(self.spec(1), ())
        await self.hypervisor.reboot(self.spec(1, memory_mib=384), (), "7/0/1")
        (guest,) = await self.restarted().list()
        self.assertEqual((guest.memory_mib, guest.mark), (384, "7/0/1"))

    async def test_set_memory(self: Any) -> None:
        """Memory shrinks and grows while a guest runs, but not beyond what the node has."""
        name = self.spec(1).instance.name
        await self.hypervisor.start(self.spec(1), ())
        for memory_mib in (128, 128, 256, 192):
            await self.hypervisor.set_memory(name, memory_mib)
            self.assertEqual((await self.hypervisor.get(name)).memory_mib, memory_mib)
        with self.assertRaisesRegex(HypervisorError, "Not enough memory"):
            await self.hypervisor.set_memory(name, 1 << 30)
        self.assertEqual((await self.hypervisor.get(name)).memory_mib, 192)

    async def test_unknown(self: Any) -> None:
        """What needs a running guest says which one does not run."""
        name = "inst7.example.com"
        for refused in (
            self.hypervisor.resume(name),
            self.hypervisor.set_memory(name, 128),
            self.hypervisor.reboot(self.spec(7), ()),
        ):
            with self.assertRaisesRegex(HypervisorError, f"{name} is not running"):
                await refused
        self.assertIsNone(await self.hypervisor.get(name))

    async def test_close(self: Any) -> None:
        """Guests run on when their hypervisor is let go of; that may be said twice."""
        await self.hypervisor.start(self.spec(1), ())
        await self.hypervisor.close()
        await self.hypervisor.close()
        self.assertEqual(
            [guest.name for guest in await self.restarted().list()], ["inst1.example.com"]
        )

    async def test_missing_disk(self: Any) -> None:
        """A guest whose disk is not there is refused."""
        with self.assertRaisesRegex(HypervisorError, "no disk at /no/such/disk"):
            await self.hypervisor.start(self.spec(1), ("/no/such/disk",))
        self.assertEqual(await self.hypervisor.list(), ())
