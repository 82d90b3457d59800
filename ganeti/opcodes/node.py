"""Opcodes about nodes."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import Meta

from ganeti.opcodes.base import NonEmpty, OpCode


class OpNodeAdd(OpCode, frozen=True, kw_only=True, tag="OP_NODE_ADD"):
    """Make a prepared node part of the cluster, or take back one that was away."""

    SUMMARY_FIELD: ClassVar[str | None] = "node_name"

    node_name: Annotated[NonEmpty, Meta(description="Name of the node")]
    hv_state: Annotated[dict[str, Any] | None, Meta(description="Static hypervisor state, by hypervisor")] = None
    disk_state: Annotated[dict[str, Any] | None, Meta(description="Static disk state, by storage type")] = None
    primary_ip: Annotated[NonEmpty | None, Meta(description="Address for node calls; default: of the name")] = None
    secondary_ip: Annotated[NonEmpty | None, Meta(description="Address for replication; default: the primary")] = None
    readd: Annotated[bool, Meta(description="The node is known and comes back")] = False
    group: Annotated[NonEmpty | None, Meta(description="Node group; default: the only or default one")] = None
    master_capable: Annotated[bool | None, Meta(description="May become master candidate; default: yes")] = None
    vm_capable: Annotated[bool | None, Meta(description="May hold instances; default: yes")] = None
    ndparams: Annotated[dict[str, Any] | None, Meta(description="Node parameters that differ from the group's")] = None
    node_setup: Annotated[bool, Meta(description="Was the node prepared over SSH in the same command")] = False


class OpNodeRemove(OpCode, frozen=True, kw_only=True, tag="OP_NODE_REMOVE"):
    """Take an empty node out of the cluster."""

    SUMMARY_FIELD: ClassVar[str | None] = "node_name"

    node_name: Annotated[NonEmpty, Meta(description="Name of the node")]
    node_uuid: Annotated[NonEmpty | None, Meta(description="UUID of the node; goes before the name")] = None
