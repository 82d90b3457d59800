"""Do the nodes permit a change of the cluster's settings?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ganeti.errors import ErrorCode, GanetiError, OpPrereqError, RemoteFailure
from ganeti.model.allocators import parse_hail_parameters
from ganeti.model.cluster import Cluster
from ganeti.model.config import Configuration
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.live import NodeResources
from ganeti.opcodes.cluster import OpClusterSetParams
from ganeti.operations.asking import online, reason
from ganeti.operations.instance.os_check import check_os
from ganeti.operations.unit import JobContext
from ganeti.paths import Paths
from ganeti.rpc.calls import Call, CheckFileStorage, GetNodeInfo
from ganeti.utils.allocators import BUILT_IN, find_allocator, is_allocator

R = TypeVar("R")

_MIN_VG_SIZE_MIB = 20480


async def check_nodes(
    job: JobContext, op: OpClusterSetParams, config: Configuration, changed: Cluster
) -> None:
    """
    Ask all nodes that hold instances; one that does not answer is left out with a warning.

    @raise OpPrereqError: a node cannot do what is wanted of it, and C{force} was not given.
    """
    checks = _Checks(job, config, force=op.force)
    for name in changed.enabled_hypervisors:
        if name not in config.cluster.enabled_hypervisors:
            await checks.hypervisor(name)
    if op.vg_name:
        await checks.volume_group(op.vg_name)
    for field in ("file_storage_dir", "shared_file_storage_dir"):
        folder = getattr(changed, field)
        if folder and folder != getattr(config.cluster, field):
            await checks.folder(folder)
    await _check_osparams(job, op, config, changed)


async def _check_osparams(
    job: JobContext, op: OpClusterSetParams, config: Configuration, changed: Cluster
) -> None:
    """What the master's definition of an OS, if it has one, does not know is refused."""
    public, private = op.osparams or {}, op.osparams_private_cluster or {}
    for name in sorted({*public, *private}):
        parameters = {
            *changed.osparams.get(name, {}),
            *changed.osparams_private_cluster.get(name, {}),
        }
        if parameters:
            await check_os(job, config.master, name, parameters, force_variant=True, required=False)


class _Checks:
    def __init__(self, job: JobContext, config: Configuration, *, force: bool) -> None:
        self._job = job
        self._config = config
        self._force = force

    async def hypervisor(self, name: HypervisorName) -> None:
        """Each node can drive it."""
        what = f"hypervisor {name} cannot be used there"
        await self._each(GetNodeInfo(hypervisors=(name,)), what, lambda _: "")

    async def volume_group(self, name: str) -> None:
        """Each node has it, and it is large enough."""

        def problem(found: NodeResources) -> str:
            (space,) = found.storage
            if space.size_mib is None:
                return f"volume group '{name}' was not found"
            if space.size_mib < _MIN_VG_SIZE_MIB:
                return (
                    f"volume group '{name}' is too small ({space.size_mib} MiB,"
                    f" {_MIN_VG_SIZE_MIB} are needed)"
                )
            return ""

        call = GetNodeInfo(storage=(("lvm-vg", name),))
        await self._each(call, f"volume group '{name}' cannot be used", problem)

    async def folder(self, path: str) -> None:
        """Each node allows it for disks."""
        what = f"'{path}' cannot be used for disks"
        await self._each(CheckFileStorage(path=path), what, lambda found: found)

    async def _each(self, call: Call[R], what: str, problem: Callable[[R], str]) -> None:
        nodes = self._config.nodes
        asked = online(node for node in nodes.values() if node.vm_capable)
        answers = await self._job.rpc.call_all(asked, call)
        for uuid in asked:
            answer, name = answers[uuid], nodes[uuid].name
            if isinstance(answer, RemoteFailure):
                self._refuse(f"Node {name}: {what}: {reason(answer)}")
            elif isinstance(answer, GanetiError):
                self._job.warn(f"Node {name} was not asked, it does not answer: {reason(answer)}")
            elif problem(answer):
                self._refuse(f"Node {name}: {problem(answer)}")

    def _refuse(self, text: str) -> None:
        if not self._force:
            raise OpPrereqError(text, ErrorCode.ENVIRONMENT)
        self._job.warn(text)


def check_allocator(paths: Paths, name: str, parameters: Mapping[str, Any]) -> None:
    """
    Is there such an instance allocator on this node, built in or as a program?

    @param parameters: what it is to be given.
    @raise OpPrereqError: there is not, or the built-in one does not take these parameters.
    """
    if name and not is_allocator(paths, name):
        raise OpPrereqError(
            f"Invalid default iallocator script '{name}' specified", ErrorCode.WRONG_INPUT
        )
    if name == BUILT_IN and find_allocator(paths, name) is None:
        parse_hail_parameters(parameters)
