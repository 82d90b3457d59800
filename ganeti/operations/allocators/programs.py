"""Instance allocators that are programs of the admin."""

from __future__ import annotations

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.htools.requests import Answer
from ganeti.model.config import Configuration
from ganeti.operations.unit import NodeCalls


async def ask_program(rpc: NodeCalls, config: Configuration, name: str, document: bytes) -> Answer:
    """
    What a program on the master node answers.

    @param document: its input file.
    @raise OpPrereqError: there is no such program.
    @raise OpExecError: it failed, took too long, or its answer makes no sense.
    """
    raise OpPrereqError(
        f"Can't find the iallocator program '{name}' on the master node", ErrorCode.ENVIRONMENT
    )
