"""Which allocator is asked, the built-in one or a program, and who waits for it."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from support.masterrig import MasterRig
from support.osdirs import write_script
from support.samples import make_config, node_uuid
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import ErrorCode, OpExecError, OpPrereqError
from ganeti.masterd.allocators import Allocators, JobAllocator
from ganeti.masterd.context import Reads
from ganeti.model.live import NodeResources
from ganeti.model.templates import DiskTemplate
from ganeti.operations.allocators.requests import Allocate
from ganeti.paths import Paths
from ganeti.rpc.calls import AllocatorOutput, GetNodeInfo, ListInstances, RunAllocator
from ganeti.store.thread import InPlace

RESOURCES = NodeResources(memory_total=1024, memory_free=1024, cpus=4)
NEW = Allocate(
    name="new.example.com",
    memory=128,
    vcpus=1,
    disks=(),
    disk_space_total=0,
    disk_template=DiskTemplate.DISKLESS,
    hypervisor="fake",
    required_nodes=1,
    restrict_to_nodes=("node2.example.com",),
)


class ChoiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        root = tempfile.mkdtemp(prefix="ganeti-test-")
        self.addCleanup(shutil.rmtree, root)
        paths = Paths(root=root)
        self.local, self.packaged = map(Path, paths.iallocator_search_path)
        self.local.mkdir(parents=True)
        self.packaged.mkdir(parents=True)
        rig = MasterRig({GetNodeInfo: RESOURCES, ListInstances: ()}, config=make_config(nodes=3))
        master, given = rig.master, rig.master.given
        reads = Reads(master.rpc, given.noded_port)
        self.allocators = Allocators(
            master.store, master.reservations, reads, InPlace(), given.clock, paths
        )
        self.calls: list[tuple[str, RunAllocator]] = []
        self.answer: Any = b'{"success":true,"info":"","result":["node3.example.com"]}'

    def job(self) -> JobAllocator:
        return self.allocators.for_job(1, self.consult)

    async def consult(self, node_uuid: str, call: RunAllocator) -> AllocatorOutput:
        self.calls.append((node_uuid, call))
        answer = await self.answer if isinstance(self.answer, Deferred) else self.answer
        return AllocatorOutput(stdout=answer)

    def start(self, name: str) -> Deferred[Any]:
        return Deferred.fromCoroutine(self.job().ask(name, NEW))

    def output(self, name: str) -> Deferred[bytes]:
        return Deferred.fromCoroutine(self.job().output(name, NEW))

    def nodes(self, name: str) -> Any:
        return self.successResultOf(self.start(name)).result

    def test_built_in(self) -> None:
        """hail needs no program; one that came with a package is not asked."""
        write_script(self.packaged / "hail", "exit 0")
        self.assertEqual(self.nodes("hail"), ["node2.example.com"])
        self.assertEqual(self.calls, [])

    def test_own_hail(self) -> None:
        """An admin's own one is."""
        write_script(self.local / "hail", "exit 0")
        self.assertEqual(self.nodes("hail"), ["node3.example.com"])

    def test_program(self) -> None:
        """A program runs on the master, and is told of the cluster and the request."""
        write_script(self.packaged / "mine", "exit 0")
        self.assertEqual(self.nodes("mine"), ["node3.example.com"])
        [(node, call)] = self.calls
        self.assertEqual((node, call.name), (node_uuid(1), "mine"))
        told = json.loads(bytes(call.document))
        self.assertEqual(told["request"]["name"], "new.example.com")
        self.assertEqual(told["nodes"]["node2.example.com"]["free_memory"], 1024)

    def test_unknown(self) -> None:
        """Neither built in nor a program: it is said where it would have to be."""
        for start in (self.start, self.output):
            error = self.failureResultOf(start("nosuch"), OpPrereqError).value
            self.assertEqual(error.code, ErrorCode.NOT_FOUND)
            self.assertIn(str(self.local), str(error))

    def test_senseless(self) -> None:
        """What makes no sense is an error; whoever tries it out sees it as it is."""
        write_script(self.local / "mine", "exit 0")
        self.answer = b"hello"
        self.assertIn("hello", str(self.failureResultOf(self.start("mine"), OpExecError).value))
        self.assertEqual(self.successResultOf(self.output("mine")), b"hello")

    def test_output_of_the_built_in(self) -> None:
        """The answer as the program of that name prints it."""
        shown = self.successResultOf(self.output("hail"))
        self.assertTrue(shown.startswith(b'{"success":true,"info":"Request successful: '))
        self.assertTrue(shown.endswith(b'"result":["node2.example.com"]}\n'))

    def test_turns(self) -> None:
        """Allocations wait for a program that chooses, but not for one that is tried out."""
        write_script(self.local / "slow", "exit 0")
        self.answer = Deferred()
        trying = self.output("slow")
        self.assertEqual(self.nodes("hail"), ["node2.example.com"])
        self.answer.callback(b"late")
        self.assertEqual(self.successResultOf(trying), b"late")
        self.answer = Deferred()
        choosing, other = self.start("slow"), self.start("hail")
        self.assertNoResult(other)
        self.answer.callback(b'{"success":true,"info":"","result":["node1.example.com"]}')
        self.assertEqual(self.successResultOf(choosing).result, ["node1.example.com"])
        self.assertEqual(self.successResultOf(other).result, ["node2.example.com"])
