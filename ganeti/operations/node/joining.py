"""Records of nodes that join the cluster, for the first time or again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.config import Configuration
from ganeti.model.delta import Change, Delta, put
from ganeti.model.group import NodeGroup
from ganeti.model.node import Node
from ganeti.model.parameters import PartialNdParams
from ganeti.model.roles import joins_pool
from ganeti.model.state import State
from ganeti.opcodes.node import OpNodeAdd
from ganeti.operations.node.ndparams import node_ndparams
from ganeti.operations.node.static_state import check_disk_state, check_hv_state
from ganeti.rpc.calls import VersionInfo


def new_node(
    config: Configuration,
    op: OpNodeAdd,
    name: str,
    primary: str,
    secondary: str,
    version: VersionInfo,
) -> Node:
    """
    A machine that was no node before, as its record will be.

    @raise OpPrereqError: it is a node already, or a setting is impossible.
    """
    if version.uuid in config.nodes:
        raise OpPrereqError(
            f"Node {name} says that it is {config.nodes[version.uuid].name}"
            f" (uuid {version.uuid}), which is in the cluster",
            ErrorCode.EXISTS,
        )
    return Node(
        uuid=version.uuid,
        name=name,
        primary_ip=primary,
        secondary_ip=secondary,
        group=find_group(config, op.group).uuid,
        master_capable=op.master_capable is not False,
        vm_capable=op.vm_capable is not False,
        ndparams=_ndparams(op.ndparams, PartialNdParams()),
        hv_state_static=check_hv_state(op.hv_state or {}),
        disk_state_static=check_disk_state(op.disk_state or {}),
    )


def returning_node(
    config: Configuration,
    op: OpNodeAdd,
    old: Node,
    primary: str,
    secondary: str,
    version: VersionInfo,
) -> Node:
    """
    A node that was away, as its record will be: online, powered and not drained.

    @raise OpPrereqError: it is another machine, or a setting is impossible.
    """
    if version.uuid != old.uuid:
        raise OpPrereqError(
            f"Node {old.name} comes back with uuid {version.uuid}, it had {old.uuid}",
            ErrorCode.WRONG_STATE,
        )
    vm_capable = old.vm_capable if op.vm_capable is None else op.vm_capable
    if not vm_capable and config.instances_on(old.uuid):
        raise OpPrereqError(
            f"Node {old.name} being re-added with --vm-capable set to false,"
            " but it already holds instances",
            ErrorCode.WRONG_STATE,
        )
    master_capable = op.master_capable
    return replace(
        old,
        primary_ip=primary,
        secondary_ip=secondary,
        offline=False,
        drained=False,
        powered=True,
        vm_capable=vm_capable,
        master_capable=old.master_capable if master_capable is None else master_capable,
        ndparams=_ndparams(op.ndparams, old.ndparams),
        hv_state_static=_given(op.hv_state, check_hv_state, old.hv_state_static),
        disk_state_static=_given(op.disk_state, check_disk_state, old.disk_state_static),
    )


def _ndparams(given: dict[str, Any] | None, otherwise: PartialNdParams) -> PartialNdParams:
    return otherwise if given is None else node_ndparams(given)


def _given(
    given: dict[str, Any] | None,
    check: Callable[[dict[str, Any]], dict[str, Any]],
    otherwise: dict[str, Any],
) -> dict[str, Any]:
    return otherwise if given is None else check(given)


def find_group(config: Configuration, given: str | None) -> NodeGroup:
    """
    The node group a new node goes to.

    @raise OpPrereqError: it does not exist, or must be named because there are several.
    """
    if given is not None:
        return config.find_group(given)
    if len(config.groups) == 1:
        return next(iter(config.groups.values()))
    raise OpPrereqError(
        "More than one node group exists. Target group must be specified explicitly.",
        ErrorCode.WRONG_INPUT,
    )


def put_node(node: Node, digest: str) -> Callable[[State], Delta]:
    """
    The change that puts a node into the configuration, as candidate when the pool has room.

    @param digest: of the node's certificate.
    """

    def change(state: State) -> Delta:
        config = state.config
        known = config.node_by_name.get(node.name)
        if known not in (None, node.uuid):
            raise OpPrereqError(
                f"Node {node.name} is already in the configuration", ErrorCode.EXISTS
            )
        joins = bool(digest) and joins_pool(config, node)
        certs = dict(config.cluster.candidate_certs)
        certs.pop(node.uuid, None)
        if joins:
            certs[node.uuid] = digest
        changes: list[Change] = [put(replace(node, master_candidate=joins))]
        if certs != config.cluster.candidate_certs:
            changes.append(put(replace(config.cluster, candidate_certs=certs)))
        return tuple(changes)

    return change
