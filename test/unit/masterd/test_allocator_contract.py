"""The allocators of jobs, and those of tests of units, keep the contract."""

from __future__ import annotations

from typing import Any

from contracts.allocator import AllocatorContract
from support.fakejob import FakeAllocator
from support.masterrig import MasterRig
from support.samples import make_config

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.htools.requests import Answer
from ganeti.masterd.allocators import Allocators
from ganeti.masterd.context import Reads
from ganeti.model.live import NodeResources
from ganeti.operations.allocators.requests import Allocate
from ganeti.rpc.calls import GetNodeInfo, ListInstances
from ganeti.store.thread import InPlace

RESOURCES = NodeResources(memory_total=1024, memory_free=1024, cpus=4)


class JobAllocatorTests(AllocatorContract):
    __test__ = True

    def make(self) -> Any:
        answers = {GetNodeInfo: RESOURCES, ListInstances: ()}
        rig = MasterRig(answers, config=make_config(nodes=3))
        master, given = rig.master, rig.master.given
        allocators = Allocators(
            master.store,
            master.reservations,
            Reads(master.rpc, given.noded_port),
            InPlace(),
            given.clock,
            given.paths,
        )
        return allocators.for_job(1, self.consult)

    async def consult(self, *_: Any) -> Any:
        raise AssertionError("the built-in one runs no program")


class FakeAllocatorTests(AllocatorContract):
    __test__ = True

    def make(self) -> Any:
        fake = FakeAllocator()
        fake.explanation = ["new.example.com fits nowhere."]
        fake.answers = {
            "hail": lambda request: (
                ["node1.example.com"]
                if isinstance(request, Allocate) and request.memory <= 1024
                else Answer(success=False, info="too large", result=[])
            ),
            "nosuch": OpPrereqError("There is no such allocator", ErrorCode.NOT_FOUND),
        }
        return fake
