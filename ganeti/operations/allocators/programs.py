"""Instance allocators that are programs of the admin."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from ganeti.errors import GanetiError, OpExecError, RemoteFailure
from ganeti.model.cluster import Cluster
from ganeti.model.config import Configuration
from ganeti.rpc.calls import AllocatorOutput, RunAllocator

Consult = Callable[[str, RunAllocator], Awaitable[AllocatorOutput]]
"""C{JobContext.consult}."""


async def run_program(consult: Consult, config: Configuration, name: str, document: bytes) -> bytes:
    """
    What a program on the master node prints.

    @param document: its input file.
    @raise OpExecError: there is no such program, it failed, or took too long.
    """
    call = RunAllocator(
        name=name, document=msgspec.Raw(document), arguments=arguments(config.cluster, name)
    )
    try:
        return (await consult(config.cluster.master_node, call)).stdout
    except RemoteFailure as err:
        raise _readable(err.error) from err


def arguments(cluster: Cluster, name: str) -> tuple[str, ...]:
    """
    The cluster's parameters for allocators, as options of a program: C{--key=value}.

    They are those of the default allocator; without one, of all.
    """
    if cluster.default_iallocator not in ("", name):
        return ()
    return tuple(_argument(*each) for each in cluster.default_iallocator_params.items())


def _argument(name: str, value: Any) -> str:
    return f"--{name}" if value is None or value is True else f"--{name}={value}"


def _readable(error: GanetiError) -> GanetiError:
    """What went wrong on the node is told as it is: it says which program it was."""
    return error if isinstance(error, OpExecError) else OpExecError(str(error))
