"""
Changes of one node's roles and settings, as values (Ganeti admin guide, Node roles). Pure.

The same function shows what a request would do, and does it on the configuration as it is then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from ganeti.model.config import Configuration
from ganeti.model.delta import Change, Delta, put
from ganeti.model.node import Node
from ganeti.model.parameters import PartialNdParams
from ganeti.model.roles import joins_pool, promotions

_PLAIN = (
    "master_capable",
    "vm_capable",
    "powered",
    "secondary_ip",
    "ndparams",
    "hv_state_static",
    "disk_state_static",
)
ROLE_FLAGS = ("master_candidate", "drained", "offline")
"""Of which at most one is true."""


@dataclass(frozen=True, kw_only=True)
class NodeChange:
    """
    Settings for a node; those that are None stay as they are.

    A role flag that is set clears the other two.

    @ivar promote: it becomes master candidate if the pool has room.
    @ivar refill: others become master candidates until the pool is full.
    @ivar certificates: digest by uuid of each node that could be asked for it; no other one
        becomes master candidate.
    """

    uuid: str
    offline: bool | None = None
    drained: bool | None = None
    master_candidate: bool | None = None
    master_capable: bool | None = None
    vm_capable: bool | None = None
    powered: bool | None = None
    secondary_ip: str | None = None
    ndparams: PartialNdParams | None = None
    hv_state_static: Mapping[str, Any] | None = None
    disk_state_static: Mapping[str, Any] | None = None
    promote: bool = False
    refill: bool = False
    certificates: Mapping[str, str] = field(default_factory=dict)


def changed_node(config: Configuration, node: Node, wanted: NodeChange) -> Node:
    """C{node} with the settings wanted, and the role that follows from them."""
    changed = capable_node(node, wanted)
    roles = {flag: getattr(wanted, flag) for flag in ROLE_FLAGS}
    if any(roles.values()):
        roles = {flag: bool(value) for flag, value in roles.items()}
    changed = replace(changed, **{flag: v for flag, v in roles.items() if v is not None})
    if not changed.master_capable:
        changed = replace(changed, master_candidate=False)
    if wanted.promote and node.uuid in wanted.certificates and joins_pool(config, changed):
        changed = replace(changed, master_candidate=True)
    return changed


def capable_node(node: Node, wanted: NodeChange) -> Node:
    """C{node} with the settings wanted but for its role."""
    settings = {name: getattr(wanted, name) for name in _PLAIN}
    given = {name: value for name, value in settings.items() if value is not None}
    return replace(node, **given)


def modify_node(config: Configuration, wanted: NodeChange) -> Delta:
    """What C{wanted} changes: nothing when things are already so, or the node has left."""
    node = config.nodes.get(wanted.uuid)
    if node is None:
        return ()
    changed = changed_node(config, node, wanted)
    others = _refill(config.with_node(changed), wanted)
    certs = dict(config.cluster.candidate_certs)
    for each in (changed, *others):
        _note_certificate(certs, each, wanted.certificates)
    changes: list[Change] = [] if changed == node else [put(changed)]
    changes += map(put, others)
    if certs != config.cluster.candidate_certs:
        changes.append(put(replace(config.cluster, candidate_certs=certs)))
    return tuple(changes)


def _refill(config: Configuration, wanted: NodeChange) -> list[Node]:
    """Other nodes that become candidates."""
    if not wanted.refill:
        return []
    among = wanted.certificates.keys() - {wanted.uuid}
    return [replace(n, master_candidate=True) for n in promotions(config, among=among)]


def _note_certificate(certs: dict[str, str], node: Node, known: Mapping[str, str]) -> None:
    if not node.master_candidate:
        certs.pop(node.uuid, None)
    elif node.uuid in known:
        certs[node.uuid] = known[node.uuid]
