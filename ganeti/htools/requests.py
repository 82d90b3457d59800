"""Requests to an iallocator and their answers (iallocator.json), as records."""

from __future__ import annotations

from msgspec import Struct

from ganeti.htools.cluster import Cluster
from ganeti.htools.records import ClusterData, Instance


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


class Answer(Struct, frozen=True, kw_only=True):
    """What an iallocator prints: encode it as it is."""

    success: bool
    info: str
    result: list[object]


def parse_request(body: bytes) -> tuple[ClusterData, Request | None]:
    """
    What an iallocator's input file says.

    @return: no request: the file tells a cluster only.
    @raise InputError: names the key.
    """


def serve(
    cluster: Cluster, request: Request, *, ignore_soft_errors: bool = False,
    capacity_checks: bool = True, restrict_to: tuple[str, ...] | None = None,
) -> tuple[Answer, Cluster]:
    """Answer a request; also the cluster after what was answered is done."""
