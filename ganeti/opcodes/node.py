"""Opcodes about nodes."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from ganeti.opcodes.base import NonEmpty, OpCode, doc


class OpNodeAdd(OpCode, frozen=True, kw_only=True, tag="OP_NODE_ADD"):
    """Make a prepared node part of the cluster, or take back one that was away."""

    SUMMARY_FIELD: ClassVar[str | None] = "node_name"

    node_name: Annotated[NonEmpty, doc("Name of the node")]
    hv_state: Annotated[dict[str, Any] | None, doc("Static state, by hypervisor")] = None
    disk_state: Annotated[dict[str, Any] | None, doc("Static state, by storage type")] = None
    primary_ip: Annotated[NonEmpty | None, doc("Default: what the name resolves to")] = None
    secondary_ip: Annotated[NonEmpty | None, doc("For replication; default: the primary")] = None
    readd: Annotated[bool, doc("The node is known and comes back")] = False
    group: Annotated[NonEmpty | None, doc("Node group; default: the only one")] = None
    master_capable: Annotated[bool | None, doc("May become candidate; default: yes")] = None
    vm_capable: Annotated[bool | None, doc("May hold instances; default: yes")] = None
    ndparams: Annotated[dict[str, Any] | None, doc("Node parameters of its own")] = None
    node_setup: Annotated[bool, doc("Was the node prepared over SSH in the same command")] = False


class OpNodeRemove(OpCode, frozen=True, kw_only=True, tag="OP_NODE_REMOVE"):
    """Take an empty node out of the cluster."""

    SUMMARY_FIELD: ClassVar[str | None] = "node_name"

    node_name: Annotated[NonEmpty, doc("Name of the node")]
    node_uuid: Annotated[NonEmpty | None, doc("UUID of the node; goes before the name")] = None
