"""The fake hypervisor, in memory and on files."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Any

from contracts.hypervisor import HypervisorContract
from support.specs import make_spec
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from ganeti.errors import HypervisorError
from ganeti.hypervisor.fake import FakeHypervisor, fake_in_memory, fake_on_files
from ganeti.hypervisor.fake_behaviour import Behaviour, Rule, SetBehaviour
from ganeti.hypervisor.fake_store import FileFakeStore, MemoryFakeStore
from ganeti.hypervisor.machine import Machine, Memory, Processors
from ganeti.hypervisor.registry import hypervisor_of
from ganeti.model.hypervisors import HypervisorName
from ganeti.paths import Paths
from ganeti.utils import failpoints
from ganeti.utils.threads import NoThreads

MACHINE = Machine(Memory(total=4096, free=3072), Processors(4, 2, 1), "boot-1")


class Killed(BaseException):
    """As SIGKILL: no handler of errors sees it."""


class Fixed(FakeHypervisor):
    """One whose machine does not change between two looks."""

    def __init__(self, store: Any, clock: Clock, behaviour: Any, missing: Any) -> None:
        async def machine() -> Machine:
            return MACHINE

        super().__init__(store, clock, machine, missing, behaviour)


def write(path: str, text: str) -> None:
    with open(path, "w") as stream:
        stream.write(text)


async def only_real(paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(path for path in paths if path.startswith("/no/"))


class MemoryTests(HypervisorContract, TestCase):
    """A simulated node's."""

    def setUp(self) -> None:
        self.store = MemoryFakeStore()
        self.hypervisor = self.restarted()

    def restarted(self) -> FakeHypervisor:
        return Fixed(self.store, Clock(), SetBehaviour(), only_real)


class FileTests(HypervisorContract, TestCase):
    """A node daemon's, with this machine's memory."""

    def setUp(self) -> None:
        self.root = tempfile.mkdtemp(prefix="ganeti-test-")
        self.addCleanup(shutil.rmtree, self.root)
        self.paths = Paths(root=self.root)
        os.makedirs(self.paths.fake_hypervisor_dir)
        self.tell('{"memory_total_mib": 8192}')
        self.hypervisor = self.restarted()

    def tell(self, text: str) -> None:
        write(f"{self.paths.fake_hypervisor_dir}/behaviour.json", text)

    def restarted(self) -> FakeHypervisor:
        return fake_on_files(self.paths, Clock(), NoThreads())

    async def test_real_memory(self) -> None:
        """Without being told otherwise, the node has the machine's memory."""
        os.unlink(f"{self.paths.fake_hypervisor_dir}/behaviour.json")
        info = await self.hypervisor.node_info()
        self.assertGreater(info.memory_total, 0)
        self.assertEqual(info.memory_free, info.memory_total - info.memory_dom0)
        self.assertTrue(info.bootid)

    async def test_told_by_file(self) -> None:
        """A file makes a running daemon's hypervisor fail, until it is removed."""
        self.tell('{"rules": [{"method": "start", "instance": "inst1*", "error": "no kvm"}]}')
        with self.assertRaisesRegex(HypervisorError, "start inst1.example.com: no kvm"):
            await self.hypervisor.start(make_spec(1), ())
        await self.hypervisor.start(make_spec(2), ())
        os.unlink(f"{self.paths.fake_hypervisor_dir}/behaviour.json")
        await self.hypervisor.start(make_spec(1), ())

    async def test_broken_behaviour(self) -> None:
        """A file that cannot be understood is named, not ignored."""
        for text in ("{", '{"rules": [{"metod": "start"}]}', '{"rules": [{"delay_s": -1}]}'):
            self.tell(text)
            with self.assertRaisesRegex(HypervisorError, "behaviour.json is of no use"):
                await self.hypervisor.list()
        self.assertEqual(len(await self.hypervisor.verify()), 1)

    async def test_sudden_death(self) -> None:
        """A guest whose file is removed has died."""
        await self.hypervisor.start(make_spec(1), ())
        os.unlink(f"{self.paths.fake_hypervisor_dir}/guests/inst1.example.com.json")
        self.assertIsNone(await self.hypervisor.get("inst1.example.com"))

    async def test_damaged_record(self) -> None:
        """A record that cannot be read is an error that names the file, not a stopped guest."""
        await self.hypervisor.start(make_spec(1), ())
        path = f"{self.paths.fake_hypervisor_dir}/guests/inst1.example.com.json"
        write(path, "{}")
        with self.assertRaisesRegex(HypervisorError, path):
            await self.hypervisor.list()

    async def test_name_is_no_path(self) -> None:
        """No name leads out of the directory."""
        store = FileFakeStore(f"{self.paths.fake_hypervisor_dir}/guests", NoThreads())
        for name in ("../evil", "a/b", ".hidden", "", "x" * 300, "nul\0"):
            with self.assertRaisesRegex(HypervisorError, "cannot be a file name"):
                await store.delete(name)


class TroubleTests(SynchronousTestCase):
    """Slow and failing on command; what a crash leaves."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.behaviour = SetBehaviour()
        self.store = MemoryFakeStore()
        self.hypervisor = fake_in_memory(self.store, self.clock, MACHINE, self.behaviour)
        self.addCleanup(failpoints.on_reach, None)

    def begin(self, coroutine: Any) -> Deferred[Any]:
        return Deferred.fromCoroutine(coroutine)

    def names(self) -> list[str]:
        return [g.name for g in self.successResultOf(self.begin(self.hypervisor.list()))]

    def test_memory_left(self) -> None:
        """Free memory is the machine's, less what it uses itself, less the guests'."""
        self.successResultOf(self.begin(self.hypervisor.start(make_spec(1, memory_mib=1000), ())))
        info = self.successResultOf(self.begin(self.hypervisor.node_info()))
        self.assertEqual(
            (info.memory_total, info.memory_dom0, info.memory_free, info.cpus, info.cpu_sockets),
            (4096, 1024, 2072, 4, 2),
        )
        too_much = self.begin(self.hypervisor.start(make_spec(2, memory_mib=2073), ()))
        self.assertIn("2073 MiB needed, 2072 MiB free", str(self.failureResultOf(too_much).value))
        self.successResultOf(self.begin(self.hypervisor.start(make_spec(2, memory_mib=2072), ())))

    def test_starts_at_the_same_time(self) -> None:
        """Two starts that begin together do not get the same memory."""
        self.behaviour.now = Behaviour(rules=(Rule(method="start", delay_s=1),))
        starts = [
            self.begin(self.hypervisor.start(make_spec(n, memory_mib=2000), ())) for n in (1, 2)
        ]
        self.clock.advance(1)
        self.successResultOf(starts[0])
        self.failureResultOf(starts[1], HypervisorError)

    def test_slow(self) -> None:
        """A delay is kept by the clock it was handed, and can be cancelled."""
        self.behaviour.now = Behaviour(rules=(Rule(method="start", delay_s=30),))
        first = self.begin(self.hypervisor.start(make_spec(1), ()))
        second = self.begin(self.hypervisor.start(make_spec(2), ()))
        self.clock.advance(29)
        self.assertNoResult(first)
        second.cancel()
        self.failureResultOf(second)
        self.clock.advance(1)
        self.successResultOf(first)
        self.assertEqual(self.names(), ["inst1.example.com"])

    def test_fails_after_the_effect(self) -> None:
        """A failure may come when what was asked is done already."""
        self.behaviour.now = Behaviour(rules=(Rule(method="start", error="lost", after=True),))
        self.failureResultOf(self.begin(self.hypervisor.start(make_spec(1), ())), HypervisorError)
        self.assertEqual(self.names(), ["inst1.example.com"])

    def test_slow_guest(self) -> None:
        """A guest may take its time to shut down; when that is over it is killed."""
        self.behaviour.now = Behaviour(guest_shutdown_s=60)
        for number in (1, 2, 3):
            self.successResultOf(self.begin(self.hypervisor.start(make_spec(number), ())))
        patient = self.begin(self.hypervisor.stop("inst1.example.com", timeout_s=120))
        hasty = self.begin(self.hypervisor.stop("inst2.example.com", timeout_s=10))
        forced = self.begin(self.hypervisor.stop("inst3.example.com", timeout_s=120, force=True))
        self.clock.advance(0)
        self.successResultOf(forced)
        self.clock.advance(10)
        self.successResultOf(hasty)
        self.assertEqual(self.names(), ["inst1.example.com"])
        self.clock.advance(50)
        self.successResultOf(patient)
        self.assertEqual(self.names(), [])

    def test_cpu_time(self) -> None:
        """Time runs for a guest since its start."""
        self.successResultOf(self.begin(self.hypervisor.start(make_spec(1), ())))
        self.clock.advance(12.5)
        (guest,) = self.successResultOf(self.begin(self.hypervisor.list()))
        self.assertEqual(guest.cpu_time_s, 12.5)

    def test_killed_anywhere(self) -> None:
        """A start or stop cut off at any failpoint is completed by repeating it."""
        effects = {"start": ["inst1.example.com"], "stop": []}
        for method, wanted in effects.items():
            for place in ("before", "after"):
                with self.subTest(method=method, place=place):
                    self.cut_off(f"hypervisor.{method}.{place}", method)
                    self.successResultOf(self.call(method))
                    self.assertEqual(self.names(), wanted)

    def call(self, method: str) -> Deferred[Any]:
        if method == "start":
            return self.begin(self.hypervisor.start(make_spec(1), ()))
        return self.begin(self.hypervisor.stop("inst1.example.com"))

    def cut_off(self, at: str, method: str) -> None:
        self.successResultOf(self.call("stop" if method == "start" else "start"))

        def reached(name: str, detail: str) -> None:
            if name == at:
                raise Killed

        failpoints.on_reach(reached)
        self.failureResultOf(self.call(method), Killed)
        failpoints.on_reach(None)
        self.hypervisor = fake_in_memory(self.store, self.clock, MACHINE, self.behaviour)

    def test_unknown_hypervisor(self) -> None:
        """A hypervisor that this release cannot drive is named."""
        known = {HypervisorName.FAKE: self.hypervisor}
        self.assertIs(hypervisor_of(known, "fake"), self.hypervisor)
        with self.assertRaisesRegex(HypervisorError, "cannot drive hypervisor 'kvm'"):
            hypervisor_of(known, "kvm")
