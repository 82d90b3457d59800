"""Compensations at work: how a configuration change is taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from msgspec.structs import replace

from ganeti.model.delta import Change, Delete, Delta, Kind, put
from ganeti.model.disk import Disk
from ganeti.model.instance import Instance
from ganeti.model.parameters import own_values
from ganeti.model.ports import give_port_back
from ganeti.model.recovery import (
    Compensation,
    ForgetCertificate,
    MarkInstance,
    MarkNode,
    ModifyInstance,
    RemoveDisks,
    RemoveInstance,
    RemoveNode,
)
from ganeti.model.roles import promotions
from ganeti.model.state import State

__all__ = [
    "Compensation",
    "ForgetCertificate",
    "MarkInstance",
    "MarkNode",
    "ModifyInstance",
    "RemoveDisks",
    "RemoveInstance",
    "RemoveNode",
    "compensate",
]


def compensate(state: State, compensation: Compensation) -> Delta:
    """What C{compensation} changes in C{state}: nothing when things are already so."""
    match compensation:
        case RemoveInstance(uuid=uuid):
            return _remove_instance(state, uuid)
        case RemoveNode():
            return _remove_node(state, compensation)
        case RemoveDisks(uuids=uuids):
            return _remove_disks(state, uuids)
        case MarkInstance():
            return _mark_instance(state, compensation)
        case ModifyInstance():
            return _modify_instance(state, compensation)
        case MarkNode():
            return _mark_node(state, compensation)
        case ForgetCertificate(node_uuid=node_uuid):
            return _forget_certificate(state, node_uuid)
        case _:
            assert_never(compensation)


def _remove_instance(state: State, uuid: str) -> Delta:
    instance = state.config.instances.get(uuid)
    if instance is None:
        return ()
    disks = [
        Delete(kind=Kind.DISK, uuid=disk) for disk in instance.disks if disk in state.config.disks
    ]
    return (Delete(kind=Kind.INSTANCE, uuid=uuid), *disks, *_freed_port(state, instance))


def _freed_port(state: State, instance: Instance) -> Delta:
    if instance.network_port is None:
        return ()
    return (put(give_port_back(state.config.cluster, instance.network_port)),)


def _remove_node(state: State, wanted: RemoveNode) -> Delta:
    config, uuid = state.config, wanted.uuid
    if uuid not in config.nodes:
        return ()
    promoted = promotions(config, without=uuid, among=wanted.successors)
    certs = dict(config.cluster.candidate_certs)
    certs.pop(uuid, None)
    certs |= {node.uuid: wanted.successors[node.uuid] for node in promoted}
    changes: list[Change] = [
        Delete(kind=Kind.DEBT, uuid=debt.uuid)
        for debt in state.debts.values()
        if debt.node_uuid == uuid
    ]
    changes += [put(replace(node, master_candidate=True)) for node in promoted]
    if certs != config.cluster.candidate_certs:
        changes.append(put(replace(config.cluster, candidate_certs=certs)))
    return (*changes, Delete(kind=Kind.NODE, uuid=uuid))


def _forget_certificate(state: State, node_uuid: str) -> Delta:
    cluster = state.config.cluster
    if node_uuid not in cluster.candidate_certs:
        return ()
    kept = {uuid: digest for uuid, digest in cluster.candidate_certs.items() if uuid != node_uuid}
    return (put(replace(cluster, candidate_certs=kept)),)


def _remove_disks(state: State, uuids: tuple[str, ...]) -> Delta:
    config = state.config
    owners = {owner for uuid in uuids if (owner := config.disk_owner(uuid)) is not None}
    detached = [_detach(config.instances[owner], uuids) for owner in sorted(owners)]
    removed = [Delete(kind=Kind.DISK, uuid=uuid) for uuid in uuids if uuid in config.disks]
    return (*map(put, detached), *removed)


def _detach(instance: Instance, uuids: tuple[str, ...]) -> Instance:
    return replace(instance, disks=tuple(disk for disk in instance.disks if disk not in uuids))


def _mark_instance(state: State, wanted: MarkInstance) -> Delta:
    instance = state.config.instances.get(wanted.uuid)
    if instance is None:
        return ()
    active = instance.disks_active if wanted.disks_active is None else wanted.disks_active
    source = wanted.admin_state_source or instance.admin_state_source
    marked = replace(
        instance,
        admin_state=wanted.admin_state,
        admin_state_source=source,
        disks_active=active,
    )
    return () if marked == instance else (put(marked),)


def _modify_instance(state: State, wanted: ModifyInstance) -> Delta:
    config = state.config
    instance = config.instances.get(wanted.uuid)
    if instance is None:
        return ()
    values = own_values(wanted)
    changed = replace(
        instance,
        **{name: values[name] for name in instance.__struct_fields__ if name in values},
    )
    disks = [disk for disk in wanted.put_disks if not _is_known(config.disks, disk)]
    gone = [uuid for uuid in wanted.removed_disks if uuid in config.disks]
    if changed == instance and not disks and not gone:
        return ()
    removed = [Delete(kind=Kind.DISK, uuid=uuid) for uuid in gone]
    return (*map(put, disks), put(changed), *removed)


def _is_known(disks: Mapping[str, Disk], wanted: Disk) -> bool:
    """Serial number and times do not count: the store sets them."""
    known = disks.get(wanted.uuid)
    if known is None:
        return False
    stamps = {name: getattr(known, name) for name in ("serial_no", "ctime", "mtime")}
    return known == replace(wanted, **stamps)


def _mark_node(state: State, wanted: MarkNode) -> Delta:
    node = state.config.nodes.get(wanted.uuid)
    if node is None:
        return ()
    flags = {
        "offline": wanted.offline,
        "drained": wanted.drained,
        "master_candidate": wanted.master_candidate,
    }
    marked = replace(node, **{flag: value for flag, value in flags.items() if value is not None})
    return () if marked == node else (put(marked),)
