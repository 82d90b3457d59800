"""Calls that run instance allocators."""

from __future__ import annotations

from dataclasses import dataclass

from ganeti.noded.allocators import Allocators, remove_inputs
from ganeti.noded.dispatcher import Dispatcher
from ganeti.noded.handlers_os import script_limit_s
from ganeti.noded.services import NodeServices
from ganeti.noded.work import CallContext
from ganeti.rpc.calls.allocators import ALLOCATOR_OUTPUT_LIMIT, AllocatorOutput, RunAllocator


def register(dispatcher: Dispatcher, node: NodeServices) -> None:
    """Let C{dispatcher} answer the calls of this module."""
    remove_inputs(node.paths.run_dir)
    allocators = Allocators(
        paths=node.paths,
        processes=node.processes,
        threads=node.threads,
        output_limit=ALLOCATOR_OUTPUT_LIMIT,
    )
    dispatcher.register(RunAllocator, _Handlers(allocators).run)


@dataclass(frozen=True)
class _Handlers:
    allocators: Allocators

    async def run(self, call: RunAllocator, context: CallContext) -> AllocatorOutput:
        stdout = await self.allocators.run(
            call.name,
            bytes(call.document),
            call.arguments,
            script_limit_s(call.deadline_s),
            context.on_start,
        )
        return AllocatorOutput(stdout=stdout)
