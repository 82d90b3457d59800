"""What an instance allocator that is tried out is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.config import Configuration
from ganeti.model.disk import DiskMode
from ganeti.model.instance import Instance
from ganeti.model.templates import disk_room
from ganeti.opcodes.allocator import AllocatorMode, OpTestAllocator
from ganeti.operations.allocators.requests import (
    Allocate,
    AllocateSecondary,
    AllocatorRequest,
    ChangeGroup,
    DiskRequest,
    MultiAllocate,
    NodeEvacuate,
    Relocate,
    required_nodes,
)
from ganeti.operations.instance.create_request import check_new_name
from ganeti.operations.instance.spec import secondary_nodes
from ganeti.utils.resolving import resolved

MAX_COUNT = 10_000
"""New instances that one request may ask for."""

_NEEDED = ("memory", "disks", "disk_template", "os", "tags", "nics", "vcpus")
"""What must be said of new instances."""


class _WishedDisk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One disk of a new instance. MiB."""

    size: Annotated[int, Meta(ge=0)]
    mode: DiskMode = DiskMode.READ_WRITE


def build_request(config: Configuration, op: OpTestAllocator) -> AllocatorRequest:
    """
    What is asked.

    @raise OpPrereqError: something is missing, or is not there.
    """
    match op.mode:
        case AllocatorMode.ALLOCATE:
            return _new_instance(config, op, op.name)
        case AllocatorMode.MULTI_ALLOCATE:
            return _new_instances(config, op)
        case AllocatorMode.RELOCATE:
            return _relocation(config, config.find_instance(op.name))
        case AllocatorMode.ALLOCATE_SECONDARY:
            return AllocateSecondary(name=config.find_instance(op.name).name)
        case AllocatorMode.NODE_EVACUATE:
            if op.evac_mode is None:
                raise _missing("evac_mode")
            return NodeEvacuate(instances=tuple(_instances(config, op)), evac_mode=op.evac_mode)
        case AllocatorMode.CHANGE_GROUP:
            groups = [config.find_group(name).uuid for name in op.target_groups or ()]
            return ChangeGroup(instances=tuple(_instances(config, op)), target_groups=tuple(groups))


def _new_instance(config: Configuration, op: OpTestAllocator, name: str) -> Allocate:
    for field in _NEEDED:
        if getattr(op, field) is None:
            raise _missing(field)
    template = op.disk_template
    assert template is not None
    wished = [_wished_disk(place, disk) for place, disk in enumerate(op.disks or ())]
    disks = [DiskRequest(size=disk.size, mode=disk.mode, dev_type=template) for disk in wished]
    return Allocate(
        name=check_new_name(config, name),
        memory=op.memory or 0,
        vcpus=op.vcpus or 0,
        spindle_use=op.spindle_use,
        disks=tuple(disks),
        disk_space_total=sum(disk_room(template, disk.size) for disk in disks),
        disk_template=template,
        hypervisor=op.hypervisor or config.cluster.default_hypervisor,
        nics=tuple({key.value: value for key, value in nic.items()} for nic in op.nics or ()),
        os=op.os or "",
        tags=op.tags,
        required_nodes=required_nodes(template),
        group_name=None if op.group_name is None else config.find_group(op.group_name).name,
    )


def _wished_disk(place: int, given: Any) -> _WishedDisk:
    try:
        return msgspec.convert(given, resolved(_WishedDisk))
    except msgspec.ValidationError as err:
        raise OpPrereqError(
            f"Invalid contents of the 'disks' parameter, disk {place}: {err}",
            ErrorCode.WRONG_INPUT,
        ) from err


def _new_instances(config: Configuration, op: OpTestAllocator) -> MultiAllocate:
    """As many as asked, all alike, with numbers from 0 behind their name."""
    if op.count > MAX_COUNT:
        raise OpPrereqError(
            f"At most {MAX_COUNT} instances can be asked for, not {op.count}",
            ErrorCode.WRONG_INPUT,
        )
    names = (f"{op.name}{number}" for number in range(op.count))
    return MultiAllocate(instances=tuple(_new_instance(config, op, name) for name in names))


def _relocation(config: Configuration, instance: Instance) -> Relocate:
    """Away from the secondary node, where there is one."""
    disks = config.instance_disks(instance)
    return Relocate(
        name=instance.name,
        disk_space_total=sum(disk_room(disk.dev_type, disk.size) for disk in disks),
        relocate_from=tuple(config.nodes[uuid].name for uuid in secondary_nodes(instance, disks)),
    )


def _instances(config: Configuration, op: OpTestAllocator) -> Iterator[str]:
    """The full names of those that move."""
    if not op.instances:
        raise _missing("instances")
    return (config.find_instance(name).name for name in op.instances)


def _missing(field: str) -> OpPrereqError:
    return OpPrereqError(f"Missing attribute '{field}' on opcode input", ErrorCode.WRONG_INPUT)
