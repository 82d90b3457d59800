"""Run an OS definition's create script."""

from __future__ import annotations

from ganeti.errors import OpExecError, RpcError
from ganeti.operations.asking import reason
from ganeti.operations.unit import END, JobContext
from ganeti.rpc.calls import RunOsCreate


async def run_os_create(job: JobContext, node_name: str, call: RunOsCreate, cannot: str) -> None:
    """
    Fill an instance's disks on its primary node, called C{node_name}.

    @param cannot: what failed, if it does: C{Could not add os}.
    @raise OpExecError: it did.
    """
    instance = call.spec.instance
    try:
        await job.step(instance.primary_node, call, END)
    except RpcError as err:
        raise OpExecError(
            f"{cannot} for instance {instance.name} on node {node_name}: {reason(err)}"
        ) from err
