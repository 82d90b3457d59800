"""A wait that tests the machinery around it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.locks import Level, exclusive
from ganeti.model.node import Node
from ganeti.model.state import State
from ganeti.opcodes.test import OpTestDelay
from ganeti.operations.asking import check_online
from ganeti.operations.describing import node_name
from ganeti.operations.test.interruption import wait_or_interruption
from ganeti.operations.unit import END, LockRequest, Unit
from ganeti.rpc.calls import Delay
from ganeti.utils.aio import gather, sleep

MAX_DURATION_S = 7 * 86400


@dataclass(frozen=True, kw_only=True)
class DelayPlan:
    """Which nodes wait."""

    node_uuids: tuple[str, ...]


class TestDelay(Unit[OpTestDelay, DelayPlan]):
    """Wait on the master, then on all the nodes at once; as often as asked."""

    OP = OpTestDelay
    __test__ = False  # pytest: this is none of yours

    def locks(self, state: State) -> LockRequest:
        if self.op.no_locks:
            return ()
        return exclusive(Level.NODE, *(node.uuid for node in self._nodes(state)))

    async def plan(self) -> DelayPlan:
        duration = self.op.duration
        if not 0 <= duration <= MAX_DURATION_S or math.isnan(duration):
            raise OpPrereqError(
                f"The duration must be between 0 and {MAX_DURATION_S} seconds, not {duration}",
                ErrorCode.WRONG_INPUT,
            )
        if self.op.interruptible and (self.op.on_nodes or self.op.on_node_uuids):
            raise OpPrereqError(
                "Only a delay on the master can be interrupted", ErrorCode.WRONG_INPUT
            )
        nodes = self._nodes(self.job.snapshot())
        for node in nodes:
            check_online(node)
        return DelayPlan(node_uuids=tuple(node.uuid for node in nodes))

    def _nodes(self, state: State) -> list[Node]:
        given = self.op.on_nodes if self.op.on_node_uuids is None else self.op.on_node_uuids
        return [state.config.find_node(name) for name in given]

    def describe(self, plan: DelayPlan) -> list[str]:
        config = self.job.snapshot().config
        names = (node_name(config, uuid) for uuid in plan.node_uuids)
        return [f"wait {self.op.duration} s on {name}" for name in names]

    async def execute(self, plan: DelayPlan) -> None:
        if self.op.repeat == 0:
            await self._wait(plan)
            return
        last = self.op.repeat - 1
        for iteration in range(self.op.repeat):
            self.job.info(f"Test delay iteration {iteration}/{last}")
            await self.job.checkpoint()
            await self._wait(plan)

    async def _wait(self, plan: DelayPlan) -> None:
        duration = self.op.duration
        if self.op.on_master and self.op.interruptible:
            await wait_or_interruption(self.job, duration)
        elif self.op.on_master and duration:
            await sleep(self.job.clock, duration)
        if plan.node_uuids:
            call = Delay(duration_s=duration)
            await gather(self.job.step(uuid, call, END) for uuid in plan.node_uuids)
