"""Questions to nodes that units ask while they plan."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from ganeti.errors import ErrorCode, GanetiError, OpPrereqError, RpcError
from ganeti.model.node import Node
from ganeti.operations.unit import JobContext
from ganeti.rpc.calls import Call
from ganeti.utils.text import nice_sort_key

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
            f"Error checking node {node.name}: {reason(err)}", ErrorCode.ENVIRONMENT
        ) from err


def reason(error: GanetiError) -> str:
    """What a node's error says, without the node's name in front: for texts that name it."""
    if isinstance(error, RpcError):
        return str(error).removeprefix(f"Node {error.node}: ")
    return str(error)


def check_online(node: Node) -> None:
    """@raise OpPrereqError: the node is marked offline."""
    if node.offline:
        raise OpPrereqError(f"Can't use offline node: {node.name}", ErrorCode.WRONG_STATE)


def online(nodes: Iterable[Node]) -> tuple[str, ...]:
    """Uuids of those nodes that can be called, in natural order of their names."""
    known = sorted(nodes, key=lambda node: nice_sort_key(node.name))
    return tuple(node.uuid for node in known if not node.offline)
