"""
Deltas: what one commit changes. C{apply} makes the next state of one.

A delta is the body of a log entry and all that the database, replicas,
projections and events consume.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Any, assert_never

import immutables
import msgspec
from msgspec import Struct

from ganeti.errors import ConfigurationError
from ganeti.model.cluster import Cluster
from ganeti.model.config import Configuration
from ganeti.model.disk import Disk
from ganeti.model.filter import FilterRule
from ganeti.model.group import NodeGroup
from ganeti.model.instance import Instance
from ganeti.model.job import Job, LogLine
from ganeti.model.network import Network
from ganeti.model.node import Node
from ganeti.model.recovery import Debt
from ganeti.model.state import QueueState, State, StateHeader


class Kind(StrEnum):
    """Kinds of objects that can be deleted by uuid."""

    GROUP = "group"
    NODE = "node"
    INSTANCE = "instance"
    DISK = "disk"
    NETWORK = "network"
    FILTER = "filter"
    DEBT = "debt"


class PutCluster(Struct, frozen=True, kw_only=True, tag_field="do", tag="put_cluster"):
    """The cluster's record is now this."""

    object: Cluster


class PutGroup(Struct, frozen=True, kw_only=True, tag_field="do", tag="put_group"):
    """Add or replace a group."""

    object: NodeGroup


class PutNode(Struct, frozen=True, kw_only=True, tag_field="do", tag="put_node"):
    """Add or replace a node."""

    object: Node


class PutInstance(Struct, frozen=True, kw_only=True, tag_field="do", tag="put_instance"):
    """Add or replace an instance."""

    object: Instance


class PutDisk(Struct, frozen=True, kw_only=True, tag_field="do", tag="put_disk"):
    """Add or replace a disk."""

    object: Disk


class PutNetwork(Struct, frozen=True, kw_only=True, tag_field="do", tag="put_network"):
    """Add or replace a network."""

    object: Network


class PutFilter(Struct, frozen=True, kw_only=True, tag_field="do", tag="put_filter"):
    """Add or replace a filter rule."""

    object: FilterRule


class PutJob(Struct, frozen=True, kw_only=True, tag_field="do", tag="put_job"):
    """Add or replace a job; raises C{queue.last_job_id} when the id is new."""

    object: Job


class PutDebt(Struct, frozen=True, kw_only=True, tag_field="do", tag="put_debt"):
    """Add or replace a debt."""

    object: Debt


class PutQueue(Struct, frozen=True, kw_only=True, tag_field="do", tag="put_queue"):
    """Set drain flag and watcher pause; C{last_job_id} never sinks by it."""

    object: QueueState


class Delete(Struct, frozen=True, kw_only=True, tag_field="do", tag="delete"):
    """Remove an object."""

    kind: Kind
    uuid: str


class ArchiveJob(Struct, frozen=True, kw_only=True, tag_field="do", tag="archive_job"):
    """A job in a final state leaves the queue for the archive."""

    job_id: int


class JobLog(Struct, frozen=True, kw_only=True, tag_field="do", tag="job_log"):
    """Lines to append to a job's log; the state does not hold logs."""

    job_id: int
    lines: tuple[LogLine, ...]


ConfigPut = PutCluster | PutGroup | PutNode | PutInstance | PutDisk | PutNetwork | PutFilter
Put = ConfigPut | PutJob | PutDebt | PutQueue
Change = Put | Delete | ArchiveJob | JobLog
Delta = tuple[Change, ...]

_PUT_BY_TYPE: dict[type, Any] = {
    Cluster: PutCluster,
    NodeGroup: PutGroup,
    Node: PutNode,
    Instance: PutInstance,
    Disk: PutDisk,
    Network: PutNetwork,
    FilterRule: PutFilter,
    Job: PutJob,
    Debt: PutDebt,
    QueueState: PutQueue,
}

Storable = (
    Cluster | NodeGroup | Node | Instance | Disk | Network | FilterRule | Job | Debt | QueueState
)


class Stamp(Struct, frozen=True, kw_only=True):
    """Place and time of a log entry."""

    index: int
    time_s: float
    term: int


def put(obj: Storable) -> Put:
    """The change that adds or replaces C{obj}."""
    change: Put = _PUT_BY_TYPE[type(obj)](object=obj)
    return change


def stamped(delta: Delta, state: State, stamp: Stamp) -> Delta:
    """
    C{delta} with serial numbers and times set from its log entry.

    An object that is new gets serial number 1 and C{ctime}; one that is replaced
    keeps C{ctime} and counts on from the one in C{state}. A delta that adds or
    removes nodes or instances also touches the cluster's record.
    """
    marked = tuple(_stamp_change(change, state.config, stamp) for change in delta)
    if not _changes_lists(delta, state.config) or any(isinstance(c, PutCluster) for c in delta):
        return marked
    record = state.config.cluster_record
    return marked if record is None else (*marked, _stamp_change(put(record), state.config, stamp))


def _changes_lists(delta: Delta, config: Configuration) -> bool:
    for change in delta:
        match change:
            case PutNode(object=node) if node.uuid not in config.nodes:
                return True
            case PutInstance(object=instance) if instance.uuid not in config.instances:
                return True
            case Delete(kind=Kind.NODE | Kind.INSTANCE):
                return True
    return False


def _stamp_change(change: Change, config: Configuration, stamp: Stamp) -> Change:
    match change:
        case PutCluster(object=obj):
            old: Any = config.cluster_record
        case PutGroup(object=obj):
            old = config.groups.get(obj.uuid)
        case PutNode(object=obj):
            old = config.nodes.get(obj.uuid)
        case PutInstance(object=obj):
            old = config.instances.get(obj.uuid)
        case PutDisk(object=obj):
            old = config.disks.get(obj.uuid)
        case PutNetwork(object=obj):
            old = config.networks.get(obj.uuid)
        case _:
            return change
    serial_no, ctime = (old.serial_no + 1, old.ctime) if old else (1, stamp.time_s)
    marked: Any = msgspec.structs.replace(obj, serial_no=serial_no, ctime=ctime, mtime=stamp.time_s)
    return type(change)(object=marked)


def apply(state: State, delta: Delta, stamp: Stamp) -> State:
    """
    The state after C{delta}, which is already L{stamped}.

    The changes are taken in order; an object may be put before what it refers to.
    Give a name or disk up before another takes it.

    @raise ConfigurationError: a name is taken twice, something to delete is not there,
        or an object refers to one that is not there.
    """
    config = state.config
    for change in delta:
        state = _apply_change(state, change)
    if state.config is not config:
        _check_references(state.config, delta)
        state = replace(state, config=_counted(state.config, stamp))
    return replace(state, index=stamp.index, term=stamp.term)


def _counted(config: Configuration, stamp: Stamp) -> Configuration:
    ctime = config.ctime or stamp.time_s
    return replace(config, serial_no=config.serial_no + 1, ctime=ctime, mtime=stamp.time_s)


def _apply_change(state: State, change: Change) -> State:
    match change:
        case PutJob(object=job):
            return _with_job(state, job)
        case PutDebt(object=debt):
            return replace(state, debts=state.debts.set(debt.uuid, debt))
        case PutQueue(object=queue):
            last = max(queue.last_job_id, state.queue.last_job_id)
            return replace(state, queue=msgspec.structs.replace(queue, last_job_id=last))
        case Delete(kind=Kind.DEBT, uuid=uuid):
            return replace(state, debts=_less(state.debts, uuid, "debt"))
        case ArchiveJob(job_id=job_id):
            return replace(state, jobs=_less(state.jobs, job_id, "job"))
        case JobLog():
            return state
        case Delete():
            return replace(state, config=_without(state.config, change))
        case _:
            return replace(state, config=_with(state.config, change))


def _with_job(state: State, job: Job) -> State:
    jobs = state.jobs.set(job.id, job)
    if job.id <= state.queue.last_job_id:
        return replace(state, jobs=jobs)
    return replace(state, jobs=jobs, queue=msgspec.structs.replace(state.queue, last_job_id=job.id))


def _less(objects: immutables.Map[Any, Any], key: Any, kind: str) -> immutables.Map[Any, Any]:
    if key not in objects:
        raise ConfigurationError(f"There is no {kind} {key} to remove")
    return objects.delete(key)


def _with(config: Configuration, change: ConfigPut) -> Configuration:
    match change:
        case PutCluster(object=cluster):
            return config.with_cluster(cluster)
        case PutGroup(object=group):
            return config.with_group(group)
        case PutNode(object=node):
            return config.with_node(node)
        case PutInstance(object=instance):
            return config.with_instance(instance)
        case PutDisk(object=disk):
            return config.with_disk(disk)
        case PutNetwork(object=network):
            return config.with_network(network)
        case PutFilter(object=rule):
            return config.with_filter(rule)
        case _:
            assert_never(change)


def _without(config: Configuration, change: Delete) -> Configuration:
    match change.kind:
        case Kind.GROUP:
            return config.without_group(change.uuid)
        case Kind.NODE:
            return config.without_node(change.uuid)
        case Kind.INSTANCE:
            return config.without_instance(change.uuid)
        case Kind.DISK:
            return config.without_disk(change.uuid)
        case Kind.NETWORK:
            return config.without_network(change.uuid)
        case Kind.FILTER:
            return config.without_filter(change.uuid)
        case _:
            raise ConfigurationError(f"{change.kind} is no part of the configuration")


def _check_references(config: Configuration, delta: Delta) -> None:
    """Check what C{delta} touched, in time that depends on its size only."""
    for change in delta:
        match change:
            case PutNode(object=node) if (
                node.group not in config.groups and node.uuid in config.nodes
            ):
                raise ConfigurationError(f"Node {node.name} is in unknown group {node.group}")
            case PutInstance(object=instance) if config.instances.get(instance.uuid) is instance:
                _check_instance(config, instance)
            case PutCluster(object=cluster) if cluster.master_node not in config.nodes:
                raise ConfigurationError(f"The master is unknown node {cluster.master_node}")
            case Delete(kind=kind, uuid=uuid):
                _check_unused(config, kind, uuid)


def _check_instance(config: Configuration, instance: Instance) -> None:
    if instance.primary_node not in config.nodes:
        raise ConfigurationError(
            f"Instance {instance.name} is on unknown node {instance.primary_node}"
        )
    for uuid in instance.disks:
        if uuid not in config.disks:
            raise ConfigurationError(f"Instance {instance.name} has unknown disk {uuid}")
    for nic in instance.nics:
        if nic.network is not None and nic.network not in config.networks:
            raise ConfigurationError(
                f"Instance {instance.name} is connected to unknown network {nic.network}"
            )


def _check_unused(config: Configuration, kind: Kind, uuid: str) -> None:
    indexes = config.indexes
    match kind:
        case Kind.GROUP if uuid in indexes.group_members and uuid not in config.groups:
            raise ConfigurationError(f"Group {uuid} still has nodes")
        case Kind.NODE if uuid not in config.nodes and (
            uuid in indexes.primary_on or uuid in indexes.disks_on
        ):
            raise ConfigurationError(f"Node {uuid} still has instances or disks")
        case Kind.DISK if uuid not in config.disks and uuid in indexes.disk_owner:
            raise ConfigurationError(
                f"Disk {uuid} still belongs to instance {indexes.disk_owner[uuid]}"
            )


def changes_of(state: State) -> Delta:
    """All objects of a state, in an order in which they can be applied: a snapshot."""
    config = state.config
    found: list[Change] = [] if config.cluster_record is None else [put(config.cluster_record)]
    for objects in (config.groups, config.nodes, config.networks, config.disks, config.instances):
        found += [put(obj) for obj in objects.values()]
    found += [put(rule) for rule in config.filters.values()]
    found += [put(job) for job in state.jobs.values()]
    found += [put(debt) for debt in state.debts.values()]
    return tuple(found)


def state_from(header: StateHeader, changes: Delta) -> State:
    """
    The state of a snapshot; far faster than applying its changes one by one.

    @raise ConfigurationError: the objects contradict each other.
    """
    objects: dict[type, list[Any]] = {}
    for change in changes:
        if isinstance(change, Delete | ArchiveJob | JobLog):
            raise ConfigurationError("A snapshot holds objects only")
        objects.setdefault(type(change.object), []).append(change.object)
    config = Configuration.build(
        cluster=next(iter(objects.get(Cluster, ())), None),
        groups=objects.get(NodeGroup, ()),
        nodes=objects.get(Node, ()),
        instances=objects.get(Instance, ()),
        disks=objects.get(Disk, ()),
        networks=objects.get(Network, ()),
        filters=objects.get(FilterRule, ()),
        serial_no=header.serial_no,
        ctime=header.ctime,
        mtime=header.mtime,
    )
    return State(
        config=config,
        jobs=immutables.Map({job.id: job for job in objects.get(Job, ())}),
        debts=immutables.Map({debt.uuid: debt for debt in objects.get(Debt, ())}),
        queue=header.queue,
        index=header.index,
        term=header.term,
    )
