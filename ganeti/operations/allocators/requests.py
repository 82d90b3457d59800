"""
What an instance allocator is asked, as it goes over the wire (iallocator.json, requests).

An allocator's input file has one of these under C{request}; the built-in one gets
C{parse}, which is what it reads from such a file.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from ganeti.htools.reading import Reader
from ganeti.htools.requests import Request, read_request
from ganeti.model import codec
from ganeti.model.disk import DiskMode
from ganeti.model.templates import TEMPLATES, DiskTemplate


class DiskRequest(Struct, frozen=True, kw_only=True):
    """One disk of a new instance. MiB."""

    size: int
    mode: DiskMode = DiskMode.READ_WRITE
    dev_type: DiskTemplate
    spindles: int | None = None


class Allocate(Struct, frozen=True, kw_only=True, tag="allocate", tag_field="type"):
    """Nodes for a new instance."""

    name: str
    memory: int
    """maxmem, in MiB."""
    vcpus: int
    spindle_use: int = 1
    disks: tuple[DiskRequest, ...]
    disk_space_total: int
    """What the disks take on each node, metadata included."""
    disk_template: DiskTemplate
    hypervisor: str
    nics: tuple[dict[str, Any], ...] = ()
    """Each with C{mac}, C{ip}, C{mode}, C{link}, C{network}, and C{bridge} when it is bridged."""
    os: str = ""
    tags: tuple[str, ...] = ()
    required_nodes: int
    group_name: str | None = None
    restrict_to_nodes: tuple[str, ...] | UnsetType = UNSET


class MultiAllocate(Struct, frozen=True, kw_only=True, tag="multi-allocate", tag_field="type"):
    """Nodes for several new instances, one after the other."""

    instances: tuple[Allocate, ...]


class Relocate(Struct, frozen=True, kw_only=True, tag="relocate", tag_field="type"):
    """Another node in place of one."""

    name: str
    disk_space_total: int = 0
    required_nodes: int = 1
    relocate_from: tuple[str, ...]


class AllocateSecondary(
    Struct, frozen=True, kw_only=True, tag="allocate-secondary", tag_field="type"
):
    """A secondary node for an instance that becomes mirrored."""

    name: str


class NodeEvacuate(Struct, frozen=True, kw_only=True, tag="node-evacuate", tag_field="type"):
    """Instances off their nodes."""

    instances: tuple[str, ...]
    evac_mode: str
    """C{primary-only}, C{secondary-only} or C{all}."""


class ChangeGroup(Struct, frozen=True, kw_only=True, tag="change-group", tag_field="type"):
    """Instances to other groups."""

    instances: tuple[str, ...]
    target_groups: tuple[str, ...] = ()
    """uuids; none: any other group."""


AllocatorRequest = (
    Allocate | MultiAllocate | Relocate | AllocateSecondary | NodeEvacuate | ChangeGroup
)


def required_nodes(template: DiskTemplate) -> int:
    """How many nodes an instance with such disks needs."""
    return 2 if TEMPLATES[template].mirrored_internal else 1


def plain_request(request: AllocatorRequest) -> dict[str, Any]:
    """The request as it is in an allocator's input file."""
    plain: dict[str, Any] = msgspec.json.decode(codec.encode(request))
    for part in plain.get("instances", []) if isinstance(request, MultiAllocate) else [plain]:
        if "restrict_to_nodes" in part:
            part["restrict-to-nodes"] = part.pop("restrict_to_nodes")
    return plain


def parse(request: AllocatorRequest) -> Request:
    """
    The request as the built-in allocator takes it.

    @raise ganeti.htools.errors.InputError: a number is out of range.
    """
    return read_request(Reader(plain_request(request), "the request"))
