"""What a node says it has."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import HypervisorError
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.live import NodeResources, StorageSpace
from ganeti.noded.drivers import SimulatedMachine
from ganeti.noded.info import collect_info
from ganeti.paths import Paths
from ganeti.storage.registry import block_devices
from ganeti.utils.threads import NoThreads


class InfoTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1.5)
        self.drivers = SimulatedMachine().drivers(self.clock)

    def collect(self, *arguments: Any, storage: Any = None) -> Deferred[NodeResources]:
        return Deferred.fromCoroutine(
            collect_info(
                self.drivers.hypervisors,
                storage or self.drivers.storage,
                self.clock,
                NoThreads(),
                *arguments,
            )
        )

    def test_all(self) -> None:
        """Memory and processors of the first hypervisor, room of each storage, clock and boot."""
        units = [("file", "/srv/a"), ("lvm-vg", "xenvg"), ("diskless", "")]
        found = self.successResultOf(self.collect([HypervisorName.FAKE], units))
        self.assertEqual(
            found,
            NodeResources(
                memory_total=16384,
                memory_free=16384,
                memory_dom0=0,
                cpus=4,
                cpu_nodes=1,
                cpu_sockets=1,
                cpu_dom0=1,
                bootid="simulated",
                time_ns=1_500_000_000,
                storage=(
                    StorageSpace(kind="file", name="/srv/a", free_mib=1 << 20, size_mib=1 << 20),
                    StorageSpace(kind="lvm-vg", name="xenvg"),
                    StorageSpace(kind="diskless", name=""),
                ),
            ),
        )

    def test_nothing_asked(self) -> None:
        """Clock and boot id are always told."""
        found = self.successResultOf(self.collect([], []))
        self.assertIsNone(found.memory_total)
        self.assertRegex(found.bootid, "^[0-9a-f-]{36}$")

    def test_storage_that_fails(self) -> None:
        """A storage that cannot tell has no figures; the rest is told."""
        real = block_devices(Paths(root="/no/such/node"), NoThreads())
        found = self.successResultOf(self.collect([], [("file", "/srv/x")], storage=real))
        self.assertEqual(found.storage, (StorageSpace(kind="file", name="/srv/x"),))

    def test_unknown_hypervisor(self) -> None:
        """A hypervisor that the node does not have is an error."""
        self.failureResultOf(self.collect([HypervisorName.KVM], []), HypervisorError)
