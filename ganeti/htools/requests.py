"""Requests to an iallocator and their answers (iallocator.json), as records."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from ganeti.htools.defaults import STATIC_KVM_NODE_MEMORY
from ganeti.htools.errors import InputError
from ganeti.htools.ialloctext import new_instance, parse_cluster
from ganeti.htools.reading import Reader
from ganeti.htools.records import ClusterData, Instance
from ganeti.htools.rows import shown


class AllocateRequest(Struct, frozen=True, kw_only=True, tag="allocate", tag_field="type"):
    """Find a place for a new instance."""

    instance: Instance
    node_count: int
    group: str | None = None
    restrict_to: tuple[str, ...] | None = None


class MultiAllocateRequest(
    Struct, frozen=True, kw_only=True, tag="multi-allocate", tag_field="type"
):
    """Find places for several new instances, one after the other."""

    requests: tuple[AllocateRequest, ...]


class RelocateRequest(Struct, frozen=True, kw_only=True, tag="relocate", tag_field="type"):
    """Find another node in place of one."""

    name: str
    node_count: int
    relocate_from: tuple[str, ...]


class AllocateSecondaryRequest(
    Struct, frozen=True, kw_only=True, tag="allocate-secondary", tag_field="type"
):
    """Find a secondary node for an instance that becomes mirrored."""

    name: str


class EvacuateRequest(Struct, frozen=True, kw_only=True, tag="node-evacuate", tag_field="type"):
    """Move instances off their nodes."""

    instances: tuple[str, ...]
    mode: str
    """primary-only, secondary-only or all."""


class ChangeGroupRequest(Struct, frozen=True, kw_only=True, tag="change-group", tag_field="type"):
    """Move instances to other groups."""

    instances: tuple[str, ...]
    target_groups: tuple[str, ...]
    """uuids; empty: any other."""


Request = (
    AllocateRequest
    | MultiAllocateRequest
    | RelocateRequest
    | AllocateSecondaryRequest
    | EvacuateRequest
    | ChangeGroupRequest
)

EVACUATION_MODES = ("primary-only", "secondary-only", "all")


class Answer(Struct, frozen=True, kw_only=True):
    """What an iallocator prints: encode it as it is."""

    success: bool
    info: str
    result: object
    """A list; for allocate-secondary a node's name."""


def parse_request(
    body: bytes, static_kvm_node_memory: int = STATIC_KVM_NODE_MEMORY
) -> tuple[ClusterData, Request | None]:
    """
    What an iallocator's input file says.

    @param static_kvm_node_memory: what nodes with KVM use themselves; 0: what they say.
    @return: no request: the file tells a cluster only.
    @raise InputError: names the key.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
        raise InputError(f"Not JSON: {err}") from err
    message = Reader(value, "the input")
    data = parse_cluster(message, static_kvm_node_memory)
    return data, read_request(message.within("request")) if message.has("request") else None


def read_request(one: Reader) -> Request:
    """What is asked."""
    kind = one.text("type")
    match kind:
        case "allocate":
            return allocate_request(one)
        case "multi-allocate":
            parts = tuple(allocate_request(part) for part in one.objects("instances"))
            return MultiAllocateRequest(requests=parts)
        case "relocate":
            return RelocateRequest(
                name=one.text("name"),
                node_count=one.optional("required_nodes", one.number, 1),
                relocate_from=one.texts("relocate_from"),
            )
        case "allocate-secondary":
            return AllocateSecondaryRequest(name=one.text("name"))
        case "node-evacuate":
            mode = one.text("evac_mode")
            if mode not in EVACUATION_MODES:
                raise one.fail("evac_mode", f"unknown: {shown(mode)}")
            return EvacuateRequest(instances=one.texts("instances"), mode=mode)
        case "change-group":
            return ChangeGroupRequest(
                instances=one.texts("instances"), target_groups=one.texts("target_groups")
            )
        case _:
            raise InputError(f"Invalid request type {shown(kind)}")


def allocate_request(one: Reader) -> AllocateRequest:
    """One new instance."""
    restricted = one.texts("restrict-to-nodes") if one.has("restrict-to-nodes") else None
    return AllocateRequest(
        instance=new_instance(one.text("name"), one),
        node_count=one.number("required_nodes"),
        group=one.text("group_name") if one.has("group_name") else None,
        restrict_to=restricted,
    )
