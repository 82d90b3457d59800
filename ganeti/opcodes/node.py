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


class OpNodeSetParams(OpCode, frozen=True, kw_only=True, tag="OP_NODE_SET_PARAMS"):
    """Change roles, flags and settings of a node; what is not given stays."""

    SUMMARY_FIELD: ClassVar[str | None] = "node_name"
    RESULT: ClassVar[str] = "what was changed: name and new value of each"

    node_name: Annotated[NonEmpty, doc("Name of the node")]
    node_uuid: Annotated[NonEmpty | None, doc("UUID of the node; goes before the name")] = None
    force: Annotated[bool, doc("Go on where a check would stop it")] = False
    hv_state: Annotated[dict[str, Any] | None, doc("Static state, by hypervisor")] = None
    disk_state: Annotated[dict[str, Any] | None, doc("Static state, by storage type")] = None
    master_candidate: Annotated[bool | None, doc("Keep a copy of the cluster's state")] = None
    offline: Annotated[bool | None, doc("Out of service: it is not called any more")] = None
    drained: Annotated[bool | None, doc("Takes no new instances")] = None
    auto_promote: Annotated[bool, doc("Make others master candidates in its place")] = False
    master_capable: Annotated[bool | None, doc("May become master candidate")] = None
    vm_capable: Annotated[bool | None, doc("May hold instances")] = None
    secondary_ip: Annotated[NonEmpty | None, doc("Address for replication")] = None
    ndparams: Annotated[dict[str, Any] | None, doc("Node parameters of its own")] = None
    powered: Annotated[bool | None, doc("Whether it has power; needs an OOB program")] = None


class OpNodePowercycle(OpCode, frozen=True, kw_only=True, tag="OP_NODE_POWERCYCLE"):
    """Restart a node at once, without shutting anything down."""

    SUMMARY_FIELD: ClassVar[str | None] = "node_name"
    RESULT: ClassVar[str] = "what the node says about it"

    node_name: Annotated[NonEmpty, doc("Name of the node")]
    node_uuid: Annotated[NonEmpty | None, doc("UUID of the node; goes before the name")] = None
    force: Annotated[bool, doc("Even if it is the master")] = False
