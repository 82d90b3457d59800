"""What a node group sets itself, as requests change it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from ganeti.errors import ErrorCode, OpPrereqError, ParameterError
from ganeti.model.config import Configuration
from ganeti.model.group import NodeGroup
from ganeti.model.parameters import NDPARAM_TYPES, change_partial
from ganeti.model.policy_request import change_group_policy
from ganeti.model.templates import change_diskparams, facts
from ganeti.opcodes.group import OpGroupAdd, OpGroupSetParams
from ganeti.operations.node.static_state import (
    check_disk_state,
    check_hv_state,
    merged_state,
)
from ganeti.utils.text import nice_sort_key


def changed_group(
    config: Configuration, group: NodeGroup, op: OpGroupAdd | OpGroupSetParams
) -> NodeGroup:
    """
    The group as it is after a request; what the request does not name stays.

    @raise OpPrereqError, TypeEnforcementError: a value is impossible.
    """
    changes: dict[str, Any] = {}
    if op.alloc_policy is not None:
        changes["alloc_policy"] = op.alloc_policy
    if op.ndparams is not None:
        changes["ndparams"] = change_partial(group.ndparams, op.ndparams, NDPARAM_TYPES)
    if op.diskparams is not None:
        changes["diskparams"] = _diskparams(group, op)
    if op.ipolicy is not None:
        cluster = config.cluster.ipolicy
        changes["ipolicy"] = change_group_policy(group.ipolicy, op.ipolicy, cluster)
    if op.hv_state is not None:
        changes["hv_state_static"] = merged_state(
            group.hv_state_static, check_hv_state(op.hv_state)
        )
    if op.disk_state is not None:
        changes["disk_state_static"] = merged_state(
            group.disk_state_static, check_disk_state(op.disk_state)
        )
    return replace(group, **changes)


def _diskparams(group: NodeGroup, op: OpGroupAdd | OpGroupSetParams) -> dict[Any, dict[str, Any]]:
    try:
        return change_diskparams(group.diskparams, op.diskparams or {})
    except ParameterError as err:
        raise OpPrereqError(str(err), ErrorCode.WRONG_INPUT) from err


def check_exclusive_storage(before: Configuration, after: Configuration) -> None:
    """
    Nodes may be switched to exclusive storage only while all their disks can live with it.

    @raise OpPrereqError: an instance has others.
    """
    for node in sorted(after.nodes.values(), key=lambda node: nice_sort_key(node.name)):
        was = before.filled_ndparams(before.nodes[node.uuid]).exclusive_storage
        if was or not after.filled_ndparams(node).exclusive_storage:
            continue
        for uuid in sorted(after.instances_on(node.uuid)):
            instance = after.instances[uuid]
            for disk in after.instance_disks(instance):
                known = facts(disk.dev_type)
                if known.lvm and not known.exclusive_storage:
                    raise OpPrereqError(
                        f"Exclusive storage cannot be switched on: instance {instance.name} has"
                        f" disks of template {disk.dev_type} on node {node.name}",
                        ErrorCode.WRONG_STATE,
                    )
