"""Trying instance allocators out."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar

from ganeti.model.hypervisors import HypervisorName
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes.base import NonEmpty, NonNegative, OpCode, doc
from ganeti.opcodes.instance import NicRequest


class AllocatorDirection(StrEnum):
    """What is wanted of an instance allocator that is tried out."""

    IN = "in"
    """What it is told."""
    OUT = "out"
    """What it answers."""


class AllocatorMode(StrEnum):
    """What an instance allocator is asked."""

    ALLOCATE = "allocate"
    ALLOCATE_SECONDARY = "allocate-secondary"
    CHANGE_GROUP = "change-group"
    MULTI_ALLOCATE = "multi-allocate"
    NODE_EVACUATE = "node-evacuate"
    RELOCATE = "relocate"


class EvacuationMode(StrEnum):
    """Which instances leave a node."""

    ALL = "all"
    PRIMARY_ONLY = "primary-only"
    SECONDARY_ONLY = "secondary-only"


class OpTestAllocator(OpCode, frozen=True, kw_only=True, tag="OP_TEST_ALLOCATOR"):
    """Try an instance allocator out; nothing is done with its answer."""

    SUMMARY_FIELD: ClassVar[str | None] = "iallocator"
    RESULT: ClassVar[str] = "what the allocator is told, or what it answers, as text"

    direction: Annotated[AllocatorDirection, doc("Show what it is told, or what it answers")]
    mode: Annotated[AllocatorMode, doc("What it is asked")]
    name: Annotated[NonEmpty, doc("Name of the instance, new or there")]
    nics: Annotated[tuple[NicRequest, ...] | None, doc("Interfaces of a new instance")] = None
    disks: Annotated[tuple[Any, ...] | None, doc("Disks of a new instance: size, mode")] = None
    hypervisor: Annotated[HypervisorName | None, doc("Default: the cluster's first")] = None
    iallocator: Annotated[NonEmpty | None, doc("Program; default: the cluster's")] = None
    tags: Annotated[tuple[NonEmpty, ...], doc("Tags of a new instance")] = ()
    memory: Annotated[NonNegative | None, doc("MiB of a new instance")] = None
    vcpus: Annotated[NonNegative | None, doc("Virtual processors of a new instance")] = None
    os: Annotated[NonEmpty | None, doc("OS definition of a new instance")] = None
    disk_template: Annotated[DiskTemplate | None, doc("Kind of a new instance's disks")] = None
    instances: Annotated[tuple[NonEmpty, ...] | None, doc("Which instances move")] = None
    evac_mode: Annotated[EvacuationMode | None, doc("Which of their nodes they leave")] = None
    target_groups: Annotated[tuple[NonEmpty, ...] | None, doc("Where they may go")] = None
    spindle_use: Annotated[NonNegative, doc("Spindles that a new instance uses")] = 1
    count: Annotated[NonNegative, doc("How many new instances, in mode multi-allocate")] = 1
    group_name: Annotated[NonEmpty | None, doc("Node group for a new instance")] = None
