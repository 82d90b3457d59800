"""Questions to nodes that units ask while they plan."""

from __future__ import annotations

from typing import TypeVar

from ganeti.errors import ErrorCode, OpPrereqError, RpcError
from ganeti.model.node import Node
from ganeti.operations.unit import JobContext
from ganeti.rpc.calls import Call

R = TypeVar("R")


async def ask(job: JobContext, node: Node, call: Call[R]) -> R:
    """
    What a node answers.

    @raise OpPrereqError: it does not, so nothing can be planned on it.
    """
    try:
        return await job.rpc.call(node.uuid, call)
    except RpcError as err:
        raise OpPrereqError(
            f"Error checking node {node.name}: {err}", ErrorCode.ENVIRONMENT
        ) from err


def check_online(node: Node) -> None:
    """@raise OpPrereqError: the node is marked offline."""
    if node.offline:
        raise OpPrereqError(f"Can't use offline node: {node.name}", ErrorCode.WRONG_STATE)


def online(nodes: list[Node]) -> tuple[str, ...]:
    """Uuids of those nodes that can be called."""
    return tuple(node.uuid for node in nodes if not node.offline)
