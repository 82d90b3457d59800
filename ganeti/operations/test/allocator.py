"""Trying instance allocators out."""

from __future__ import annotations

from dataclasses import dataclass

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.opcodes.allocator import AllocatorDirection, OpTestAllocator
from ganeti.operations.allocators.naming import allocator_name
from ganeti.operations.allocators.requests import AllocatorRequest
from ganeti.operations.describing import NOTHING
from ganeti.operations.test.allocator_request import build_request
from ganeti.operations.unit import Unit
from ganeti.utils.text import printable


@dataclass(frozen=True, kw_only=True)
class AllocatorPlan:
    """
    What is asked of whom.

    @ivar allocator: None: it is only shown what one would be told.
    """

    request: AllocatorRequest
    allocator: str | None


class TestAllocator(Unit[OpTestAllocator, AllocatorPlan]):
    """Show what an allocator is told, or what it says."""

    OP = OpTestAllocator
    __test__ = False  # pytest: this is none of yours

    async def plan(self) -> AllocatorPlan:
        config = self.job.snapshot().config
        allocator = None
        if self.op.direction is AllocatorDirection.OUT:
            allocator = allocator_name(config, self.op.iallocator)
            if not allocator:
                raise OpPrereqError(
                    "Missing allocator name, and the cluster has no default allocator",
                    ErrorCode.WRONG_INPUT,
                )
        return AllocatorPlan(request=build_request(config, self.op), allocator=allocator)

    def describe(self, plan: AllocatorPlan) -> tuple[str, ...]:
        return NOTHING

    async def execute(self, plan: AllocatorPlan) -> str:
        if plan.allocator is None:
            return (await self.job.iallocator.document(plan.request)).decode()
        return printable(await self.job.iallocator.output(plan.allocator, plan.request))
