"""Checks of a new instance against its group's policy and its node."""

from __future__ import annotations

import posixpath

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.config import Configuration
from ganeti.model.live import InstanceSpec
from ganeti.model.node import Node
from ganeti.model.policy import InstanceSizes
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes.instance import OpInstanceCreate
from ganeti.operations.asking import ask
from ganeti.operations.instance.create_request import InstanceRequest
from ganeti.operations.instance.disks import storage_folder
from ganeti.operations.instance.hypervisor_check import check_parameter_files
from ganeti.operations.instance.memory import reserve_memory
from ganeti.operations.instance.os_check import check_os
from ganeti.operations.instance.policy import enforce_policy
from ganeti.operations.instance.spec import secret_osparams
from ganeti.operations.unit import JobContext
from ganeti.rpc.calls import CheckFileStorage


def check_policy(
    job: JobContext,
    op: OpInstanceCreate,
    config: Configuration,
    request: InstanceRequest,
    spec: InstanceSpec,
    node: Node,
) -> None:
    """
    Do the sizes follow the group's policy? If that is to be ignored, the log tells.

    @raise OpPrereqError: they do not.
    """
    group = config.groups[node.group]
    sizes = InstanceSizes(
        memory=spec.beparams.maxmem,
        vcpus=spec.beparams.vcpus,
        disks=tuple(disk.size for disk in request.disks),
        nics=len(spec.nics),
        spindle_use=spec.beparams.spindle_use,
        disk_template=request.template,
    )
    enforce_policy(job, config, group, sizes, ignore=op.ignore_ipolicy)


async def check_node(
    job: JobContext,
    op: OpInstanceCreate,
    config: Configuration,
    request: InstanceRequest,
    spec: InstanceSpec,
    node: Node,
) -> None:
    """
    Has the node the OS, all files, a place for the disks, and the memory, which is reserved?

    @raise OpPrereqError: it has not, or does not answer.
    @raise OpExecError: the OS is not usable there, or files of hypervisor parameters are missing.
    """
    await check_parameter_files(job, node, spec.hypervisor, spec.hvparams)
    if op.os_type is not None and not op.no_install:
        secret = secret_osparams(config, spec.instance, op.osparams_secret)
        await check_os(
            job,
            node,
            request.os_name,
            {*spec.osparams, *secret},
            force_variant=op.force_variant,
        )
    if request.template is not DiskTemplate.DISKLESS:
        folder = storage_folder(config, request.template, None, request.name)
        await check_storage(job, node, folder)
    if request.start:
        await reserve_memory(
            job,
            node,
            request.hypervisor,
            request.name,
            spec.beparams.maxmem,
            "creating",
        )


async def check_storage(job: JobContext, node: Node, folder: str) -> None:
    """
    May file-based disks be in the folder of an instance?

    @raise OpPrereqError: not on this node, or it does not say.
    """
    problem = await ask(job, node, CheckFileStorage(path=posixpath.dirname(folder)))
    if problem:
        raise OpPrereqError(f"Node {node.name}: {problem}", ErrorCode.ENVIRONMENT)
