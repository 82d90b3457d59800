"""Are the files that hypervisor parameters name on the instance's node?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganeti.errors import OpExecError
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.node import Node
from ganeti.operations.asking import ask
from ganeti.operations.parameter_files import parameter_files
from ganeti.operations.unit import JobContext
from ganeti.rpc.calls import VerifyNode


async def check_parameter_files(
    job: JobContext, node: Node, hypervisor: HypervisorName, values: Mapping[str, Any]
) -> None:
    """
    Ask the node, if there is anything to ask for.

    @raise OpExecError: something is not there.
    @raise OpPrereqError: the node does not answer.
    """
    wanted = tuple(parameter_files(hypervisor, values, "request"))
    if not wanted:
        return
    found = await ask(job, node, VerifyNode(parameter_files=wanted))
    if found.parameters:
        raise OpExecError(
            f"Hypervisor parameter validation failed on node {node.name}:"
            f" {'; '.join(each.problem for each in found.parameters)}"
        )
