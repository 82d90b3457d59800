"""Is an OS definition fit for an instance?"""

from __future__ import annotations

from collections.abc import Iterable

from ganeti.errors import ErrorCode, OpExecError, OpPrereqError
from ganeti.model.levels import base_os
from ganeti.model.live import OsInfo
from ganeti.model.node import Node
from ganeti.operations.asking import ask
from ganeti.operations.unit import JobContext
from ganeti.rpc.calls import GetOs

PARAMETERS_FROM_API = 20


async def check_os(
    job: JobContext,
    node: Node,
    os_name: str,
    parameters: Iterable[str],
    *,
    force_variant: bool,
    required: bool = True,
) -> None:
    """
    Check that the OS is on the node, and takes this variant and these parameters.

    @param os_name: C{os} or C{os+variant}.
    @param parameters: names of all OS parameters.
    @param required: it must be there; else there is nothing to check when it is not.
    @raise OpExecError: it is not there, not valid, or does not know a parameter.
    @raise OpPrereqError: the variant does not fit, or the node does not answer.
    """
    found = await ask(job, node, GetOs(name=base_os(os_name)))
    if found is None and not required:
        return
    if found is None:
        raise _failed(node, f"Directory for OS {base_os(os_name)} not found in search path")
    if not found.valid:
        raise _failed(node, f"OS {found.name} is not valid: {found.reason}")
    if not found.trusted:
        raise OpPrereqError(
            f"OS {found.name} is untrusted (it has a create_untrusted script);"
            " installing in a helper VM is not available yet",
            ErrorCode.WRONG_INPUT,
        )
    if not force_variant:
        check_variant(found, os_name)
    unknown = sorted(set(parameters) - {name for name, _ in found.parameters})
    if unknown and max(found.api_versions, default=0) >= PARAMETERS_FROM_API:
        raise _failed(
            node,
            f"The following parameters are not supported by the OS {found.name}:"
            f" {', '.join(unknown)}",
        )


def _failed(node: Node, why: str) -> OpExecError:
    return OpExecError(f"OS Parameters validation failed on node {node.name}: {why}")


def check_variant(found: OsInfo, os_name: str) -> None:
    """@raise OpPrereqError: the OS has no such variant, or needs one to be named."""
    _, _, variant = os_name.partition("+")
    if not found.variants:
        if variant:
            raise OpPrereqError(
                f"OS '{found.name}' does not support variants ('{variant}' passed)",
                ErrorCode.WRONG_INPUT,
            )
    elif not variant:
        raise OpPrereqError(
            f"OS name '{found.name}' must include a variant:"
            f" one of {', '.join(f'{found.name}+{each}' for each in found.variants)}",
            ErrorCode.WRONG_INPUT,
        )
    elif variant not in found.variants:
        raise OpPrereqError(
            f"Unsupported variant '{variant}' of OS '{found.name}':"
            f" it is one of {', '.join(found.variants)}",
            ErrorCode.WRONG_INPUT,
        )
