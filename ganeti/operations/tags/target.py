"""The object that an opcode about tags is about."""

from __future__ import annotations

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.cluster import Cluster
from ganeti.model.config import Configuration
from ganeti.model.instance import Instance
from ganeti.model.locks import Level, exclusive, shared
from ganeti.model.tagged import Tagged, find_tagged
from ganeti.model.tags import TagKind
from ganeti.opcodes.tags import OpTagsDel, OpTagsGet, OpTagsSet
from ganeti.operations.unit import LockRequest

_LEVELS = {
    TagKind.INSTANCE: Level.INSTANCE,
    TagKind.NETWORK: Level.NETWORK,
    TagKind.NODE: Level.NODE,
    TagKind.NODEGROUP: Level.NODEGROUP,
}


def target_of(config: Configuration, op: OpTagsDel | OpTagsGet | OpTagsSet) -> Tagged:
    """@raise OpPrereqError: it names none, or one that there is not."""
    if op.kind is not TagKind.CLUSTER and not op.name:
        raise OpPrereqError(f"Tags of kind {op.kind} need a name", ErrorCode.WRONG_INPUT)
    return find_tagged(config, op.kind, op.name or "")


def target_locks(kind: TagKind, target: Tagged, *, alone: bool) -> LockRequest:
    """
    The lock of an object; the cluster needs none.

    @param alone: nobody else may have it meanwhile.
    """
    if isinstance(target, Cluster):
        return ()
    name = target.name if isinstance(target, Instance) else target.uuid
    return (exclusive if alone else shared)(_LEVELS[kind], name)
