"""What a request to change an instance may not ask for, as far as other modules do not say."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.config import Configuration
from ganeti.model.disk import Disk
from ganeti.model.instance import AdminState, Instance
from ganeti.model.node import Node
from ganeti.model.policy import InstanceSizes
from ganeti.model.templates import TEMPLATES, DiskTemplate
from ganeti.opcodes.instance import OpInstanceSetParams
from ganeti.operations.asking import ask
from ganeti.operations.instance.policy import enforce_policy
from ganeti.operations.instance.state import check_marked, check_not_running, find_guest, is_running
from ganeti.operations.unit import JobContext
from ganeti.rpc.calls import ListDisks

_CHANGES = (
    "nics",
    "disks",
    "beparams",
    "runtime_mem",
    "hvparams",
    "disk_template",
    "pnode",
    "pnode_uuid",
    "os_name",
    "osparams",
    "osparams_private",
)


def check_request(op: OpInstanceSetParams) -> None:
    """@raise OpPrereqError: it asks for nothing, or for what is not available yet."""
    asked = [name for name in _CHANGES if getattr(op, name)]
    if not asked and op.offline is None and op.instance_communication is None:
        _refuse("No changes submitted")
    if op.instance_communication is not None:
        _refuse("Instance communication is not available yet")
    if op.disk_template is not None and op.disks:
        _refuse("Disk template conversion and other disk changes not supported at the same time")
    only_for_conversion = {
        "A secondary node": op.remote_node or op.remote_node_uuid,
        "An instance allocator": op.iallocator,
        "A provider's parameters": op.ext_params,
    }
    for what, given in only_for_conversion.items():
        if given and op.disk_template is None:
            _refuse(f"{what} can be given only when the disk template is changed")


def _refuse(why: str) -> None:
    raise OpPrereqError(why, ErrorCode.WRONG_INPUT)


def check_conversion(config: Configuration, instance: Instance, wanted: DiskTemplate) -> None:
    """@raise OpPrereqError: always; disks cannot be converted yet, and some never can."""
    enabled = config.cluster.enabled_disk_templates
    if wanted not in enabled:
        raise OpPrereqError(
            f"Disk template '{wanted}' is not enabled for this cluster"
            f" (enabled templates: {', '.join(enabled)})",
            ErrorCode.WRONG_STATE,
        )
    now = config.disk_template(instance)
    if now == wanted:
        _refuse(f"Instance '{instance.name}' already has the '{wanted}' disk template")
    if now in frozenset(DiskTemplate) and not TEMPLATES[DiskTemplate(now)].convertible_from:
        _refuse(f"Conversion from the '{now}' disk template is not supported")
    if not TEMPLATES[wanted].convertible_to:
        _refuse(f"Conversion to the '{wanted}' disk template is not supported")
    _refuse(f"Conversion from the '{now}' to the '{wanted}' disk template is not available yet")


async def check_removable(
    job: JobContext, config: Configuration, instance: Instance, verb: str, *, hotplug: bool
) -> None:
    """
    A disk may be taken from an instance only while that does not run.

    @param verb: C{remove} or C{detach}.
    @param hotplug: changing the devices of a running guest is wished.
    @raise OpPrereqError: it runs, or is marked to.
    """
    problem = f"can't {verb} volume from a running instance without using hotplug"
    if hotplug:
        problem += f" (hypervisor {instance.hypervisor} cannot: shut the instance down first)"
    check_marked(instance, (AdminState.DOWN, AdminState.OFFLINE), problem)
    node = config.nodes[instance.primary_node]
    if not node.offline:
        await check_not_running(job, node, instance, problem)


async def new_state(
    job: JobContext, config: Configuration, instance: Instance, *, offline: bool
) -> AdminState:
    """
    @raise OpPrereqError: the instance cannot be put away, or is not away.
    """
    if not offline:
        allowed = (AdminState.DOWN, AdminState.OFFLINE)
        check_marked(instance, allowed, "can't change to online without being offline first")
        return AdminState.DOWN
    problem = "can't change to offline without being down first"
    check_marked(instance, (AdminState.DOWN, AdminState.OFFLINE), problem)
    node = config.nodes[instance.primary_node]
    if not node.offline:
        await check_not_running(job, node, instance, problem)
    return AdminState.OFFLINE


async def check_new_primary(
    job: JobContext,
    config: Configuration,
    instance: Instance,
    disks: Sequence[Disk],
    node: Node,
    *,
    force: bool,
) -> None:
    """
    May C{node} be the primary one? The admin has moved the data there already.

    @param disks: that must be there; C{force} skips that check and whether the instance runs.
    @raise OpPrereqError: it may not.
    """
    for problem in ("offline", "drained"):
        if getattr(node, problem):
            raise OpPrereqError(
                f"Cannot use {problem} primary node '{node.name}'", ErrorCode.WRONG_STATE
            )
    if not node.vm_capable:
        raise OpPrereqError(
            f"Cannot use non-vm_capable primary node '{node.name}'", ErrorCode.WRONG_STATE
        )
    if any(TEMPLATES[disk.dev_type].mirrored_internal for disk in disks):
        _refuse("The primary node of an instance with mirrored disks cannot be changed like this")
    if not force:
        await _check_moved(job, config, instance, disks, node)


async def _check_moved(
    job: JobContext,
    config: Configuration,
    instance: Instance,
    disks: Sequence[Disk],
    node: Node,
) -> None:
    old = config.nodes[instance.primary_node]
    if old.offline:
        job.warn(f"Node {old.name} is offline: cannot see whether the instance runs there")
    elif is_running(await find_guest(job, old, instance)):
        raise OpPrereqError(f"Instance is still running on {old.name}", ErrorCode.WRONG_STATE)
    found = {disk.place for disk in await ask(job, node, ListDisks())}
    for place, disk in enumerate(disks):
        if str(disk.logical_id[-1]) not in found:
            raise OpPrereqError(
                f"Disk {place} is not on node {node.name}: there is no {disk.logical_id[-1]}",
                ErrorCode.WRONG_STATE,
            )


def check_sizes(
    job: JobContext,
    config: Configuration,
    before: Instance,
    instance: Instance,
    disks: Sequence[Disk],
    *,
    ignore: bool,
) -> None:
    """
    @param instance: as it will be, and its C{disks}.
    @raise OpPrereqError: its group's policy does not allow that.
    """
    group_uuid = config.nodes[instance.primary_node].group
    stays = group_uuid == config.nodes[before.primary_node].group
    enforce_policy(
        job,
        config,
        config.groups[group_uuid],
        _sizes(config, instance, disks),
        ignore=ignore,
        before=_sizes(config, before, config.instance_disks(before)) if stays else None,
    )


def _sizes(config: Configuration, instance: Instance, disks: Sequence[Disk]) -> InstanceSizes:
    beparams = config.filled_beparams(instance)
    return InstanceSizes(
        memory=beparams.maxmem,
        vcpus=beparams.vcpus,
        disks=tuple(disk.size for disk in disks),
        nics=len(instance.nics),
        spindle_use=beparams.spindle_use,
        disk_template=disks[0].dev_type if disks else DiskTemplate.DISKLESS,
    )
