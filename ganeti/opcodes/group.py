"""Opcodes about node groups."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from ganeti.model.group import AllocPolicy
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes.base import NonEmpty, OpCode, doc

DiskParamsRequest = dict[DiskTemplate, dict[str, Any]]


class OpGroupAdd(OpCode, frozen=True, kw_only=True, tag="OP_GROUP_ADD"):
    """Make an empty node group."""

    SUMMARY_FIELD: ClassVar[str | None] = "group_name"

    group_name: Annotated[NonEmpty, doc("Name of the new group")]
    alloc_policy: Annotated[
        AllocPolicy | None, doc("Whether instances are placed in it; default: preferred")
    ] = None
    ndparams: Annotated[dict[str, Any] | None, doc("Node parameters of its own")] = None
    diskparams: Annotated[
        DiskParamsRequest | None, doc("Disk parameters of its own, by template")
    ] = None
    hv_state: Annotated[dict[str, Any] | None, doc("Static state, by hypervisor")] = None
    disk_state: Annotated[dict[str, Any] | None, doc("Static state, by storage type")] = None
    ipolicy: Annotated[dict[str, Any] | None, doc("Instance policy of its own")] = None


class OpGroupSetParams(OpCode, frozen=True, kw_only=True, tag="OP_GROUP_SET_PARAMS"):
    """Change the settings of a node group; what is not given stays."""

    SUMMARY_FIELD: ClassVar[str | None] = "group_name"
    RESULT: ClassVar[str] = "list of [setting, own values of the group now]"

    group_name: Annotated[NonEmpty, doc("Name of the group")]
    alloc_policy: Annotated[AllocPolicy | None, doc("Whether instances are placed in it")] = None
    ndparams: Annotated[dict[str, Any] | None, doc("Node parameters")] = None
    diskparams: Annotated[DiskParamsRequest | None, doc("Disk parameters, by template")] = None
    hv_state: Annotated[dict[str, Any] | None, doc("Static state, by hypervisor")] = None
    disk_state: Annotated[dict[str, Any] | None, doc("Static state, by storage type")] = None
    ipolicy: Annotated[dict[str, Any] | None, doc("Instance policy")] = None


class OpGroupRename(OpCode, frozen=True, kw_only=True, tag="OP_GROUP_RENAME"):
    """Give a node group another name."""

    RESULT: ClassVar[str] = "the new name"

    group_name: Annotated[NonEmpty, doc("Name of the group")]
    new_name: Annotated[NonEmpty, doc("Its new name")]


class OpGroupRemove(OpCode, frozen=True, kw_only=True, tag="OP_GROUP_REMOVE"):
    """Remove an empty node group."""

    SUMMARY_FIELD: ClassVar[str | None] = "group_name"

    group_name: Annotated[NonEmpty, doc("Name of the group")]


class OpGroupAssignNodes(OpCode, frozen=True, kw_only=True, tag="OP_GROUP_ASSIGN_NODES"):
    """Put nodes into another group."""

    SUMMARY_FIELD: ClassVar[str | None] = "group_name"

    group_name: Annotated[NonEmpty, doc("Name of the group they go to")]
    force: Annotated[bool, doc("Even if instances are then split between groups")] = False
    nodes: Annotated[tuple[NonEmpty, ...], doc("Names of the nodes")]
    node_uuids: Annotated[tuple[NonEmpty, ...] | None, doc("Their UUIDs; go before the names")] = (
        None
    )
