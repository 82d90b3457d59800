"""
The invariants of a cluster at rest, checked on what was observed of it.

L{audit} is pure: whoever looks (real daemons, or many nodes in one process)
fills an L{Observed} and gets back what is wrong, one sentence each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ganeti.model.disk import Disk
from ganeti.model.instance import AdminState
from ganeti.model.job import Job, JobStatus, job_status
from ganeti.model.ssconf import build_ssconf
from ganeti.model.state import State
from ganeti.operations.node.role_record import build_role_record
from ganeti.rpc.roles import RoleRecord
from ganeti.store.checks import cross_check

FINAL = frozenset({JobStatus.SUCCESS, JobStatus.ERROR, JobStatus.CANCELED})


@dataclass(frozen=True, kw_only=True)
class NodeView:
    """
    One node, as found.

    @ivar running: names of guests that run, each as often as it does.
    @ivar defined: names of guests that libvirt knows, running or not.
    @ivar disks: paths of the disk files of ours.
    @ivar requests: ids of the requests it remembers.
    @ivar folders: paths of the folders for instances' disk files.
    @ivar position: (index, digest) of its copy of the log; None without one.
    @ivar role: the record by which it judges callers; None: it has none.
    @ivar ssconf: its files, by key; None: not looked at.
    @ivar config_serial: of its config.data; None: it has none.
    @ivar has_ca_key: whether it could sign certificates.
    @ivar processes: command lines of leftover scripts.
    """

    running: Collection[str] = ()
    defined: Collection[str] = ()
    disks: Collection[str] = ()
    folders: Collection[str] = ()
    requests: Collection[str] = ()
    position: tuple[int, str] | None = None
    role: RoleRecord | None
    ssconf: Mapping[str, str] | None = None
    config_serial: int | None = None
    has_ca_key: bool = False
    processes: Collection[str] = ()


@dataclass(frozen=True, kw_only=True)
class Acknowledged:
    """
    What clients were told.

    @ivar jobs: ids that submissions answered.
    @ivar final: the states that clients saw as final.
    """

    jobs: Collection[int] = ()
    final: Mapping[int, JobStatus] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Observed:
    """
    A cluster at rest.

    @ivar nodes: by uuid; nodes that are down are not in it. Those marked offline are not told
        what changes: of them only what runs on them is looked at, and their disks.
    @ivar locks: what the lock table shows as held or waited for.
    @ivar reservations: keys that the reservation table holds.
    @ivar archived: ids of archived jobs.
    @ivar may_owe: debts are expected (a node stays dead).
    """

    state: State
    nodes: Mapping[str, NodeView]
    locks: Sequence[str] = ()
    reservations: Sequence[str] = ()
    archived: Collection[int] = ()
    master_position: tuple[int, str] | None = None
    acknowledged: Acknowledged = Acknowledged()
    may_owe: bool = False


def audit(observed: Observed) -> list[str]:
    """All that is wrong; empty when the cluster is sound."""
    return [
        *_configuration(observed),
        *_jobs(observed),
        *_acknowledged(observed),
        *_left_over(observed),
        *_guests(observed),
        *_disks(observed),
        *_copies(observed),
        *_roles(observed),
        *_files(observed),
    ]


def _configuration(observed: Observed) -> list[str]:
    config = observed.state.config
    flagged = {uuid for uuid, node in config.nodes.items() if node.master_candidate}
    problems = cross_check(config)
    problems += [
        f"there is a candidate's certificate of {_node_name(observed.state, uuid)}"
        for uuid in config.cluster.candidate_certs.keys() - flagged
    ]
    return [f"configuration: {problem}" for problem in problems]


def _jobs(observed: Observed) -> list[str]:
    wrong = []
    for job in observed.state.jobs.values():
        status = job_status(job)
        if status not in FINAL:
            wrong.append(f"job {job.id} is {status}, not final")
        wrong += [f"job {job.id} keeps {what}" for what in _kept(job)]
        if job.id > observed.state.queue.last_job_id:
            wrong.append(f"job {job.id} is above the last id {observed.state.queue.last_job_id}")
    return wrong


def _kept(job: Job) -> list[str]:
    kept = []
    if job.recovery:
        kept.append(f"recovery records {job.recovery}")
    if job.locks:
        kept.append(f"locks {job.locks}")
    if job.reservations:
        kept.append(f"reservations {job.reservations}")
    return kept


def _acknowledged(observed: Observed) -> list[str]:
    jobs, told = observed.state.jobs, observed.acknowledged
    wrong = [
        f"job {job_id} was acknowledged and is lost"
        for job_id in told.jobs
        if job_id not in jobs and job_id not in observed.archived
    ]
    for job_id, status in told.final.items():
        if job_id in jobs and job_status(jobs[job_id]) != status:
            wrong.append(f"job {job_id} was told {status}, is {job_status(jobs[job_id])}")
    return wrong


def _left_over(observed: Observed) -> list[str]:
    wrong = [f"lock left: {lock}" for lock in observed.locks]
    if not observed.may_owe:
        wrong += [f"debt left: {debt}" for debt in observed.state.debts.values()]
        wrong += [f"reservation left: {key}" for key in observed.reservations]
    for uuid, view in _online(observed).items():
        name = _node_name(observed.state, uuid)
        wrong += [f"{name}: request left: {request}" for request in view.requests]
        wrong += [f"{name}: process left: {process}" for process in view.processes]
    return wrong


def _guests(observed: Observed) -> list[str]:
    wrong = []
    config = observed.state.config
    should: dict[str, set[str]] = {uuid: set() for uuid in observed.nodes}
    for instance in config.instances.values():
        if instance.admin_state == AdminState.UP and instance.primary_node in should:
            should[instance.primary_node].add(instance.name)
    for uuid, view in observed.nodes.items():
        running, name = set(view.running), _node_name(observed.state, uuid)
        wrong += [f"{name}: {guest} should run and does not" for guest in should[uuid] - running]
        wrong += [f"{name}: {guest} runs and should not" for guest in running - should[uuid]]
        wrong += [
            f"{name}: {guest} runs {times} times"
            for guest, times in Counter(view.running).items()
            if times > 1
        ]
        left = set(view.defined) - should[uuid]
        wrong += [f"{name}: libvirt still knows {guest}" for guest in left]
    return wrong


def _disks(observed: Observed) -> list[str]:
    config = observed.state.config
    should: dict[str, set[str]] = {uuid: set() for uuid in observed.nodes}
    for uuid, disk in config.disks.items():
        owner = config.disk_owner(uuid)
        nodes = disk.nodes if owner is None else (config.instances[owner].primary_node,)
        for node in nodes:
            should.get(node, set()).add(_path(disk))
    wrong = []
    for uuid, view in observed.nodes.items():
        found, name = set(view.disks), _node_name(observed.state, uuid)
        wrong += [f"{name}: orphan disk {path}" for path in found - should[uuid]]
        wrong += [f"{name}: missing disk {path}" for path in should[uuid] - found]
        used = {path.rpartition("/")[0] for path in should[uuid]}
        wrong += [f"{name}: folder left: {path}" for path in set(view.folders) - used]
    return wrong


def _path(disk: Disk) -> str:
    return str(disk.logical_id[1])


def _copies(observed: Observed) -> list[str]:
    wrong = []
    config = observed.state.config
    for uuid, view in _online(observed).items():
        node = config.nodes.get(uuid)
        if node is None or uuid == config.cluster.master_node:
            continue
        if node.master_candidate and view.position != observed.master_position:
            wrong.append(
                f"{node.name}: its copy ends at {view.position}, the master's"
                f" at {observed.master_position}"
            )
        if not node.master_candidate and view.position is not None:
            wrong.append(f"{node.name} is no candidate and has a copy of the log")
    return wrong


def _roles(observed: Observed) -> list[str]:
    config = observed.state.config
    views = _online(observed)
    terms = {view.role.term for view in views.values() if view.role is not None}
    wrong = [f"terms differ: {sorted(terms)}"] if len(terms) > 1 else []
    for uuid, view in views.items():
        if view.role is None or view.role != build_role_record(config, view.role.term):
            wrong.append(f"{_node_name(observed.state, uuid)} obeys by {view.role}")
    return wrong


def _files(observed: Observed) -> list[str]:
    """Of the configuration and its secrets on nodes, as far as they were looked at."""
    wrong = []
    config = observed.state.config
    values = build_ssconf(config)
    for uuid, view in _online(observed).items():
        node = config.nodes.get(uuid)
        if view.ssconf is None or node is None:
            continue
        stale = sorted(key for key in values if view.ssconf.get(key) != values[key])
        wrong += [f"{node.name}: stale ssconf {key}" for key in stale]
        if view.config_serial != (config.serial_no if node.master_candidate else None):
            wrong.append(f"{node.name}: config.data has serial number {view.config_serial}")
        if view.has_ca_key != node.master_candidate:
            wrong.append(f"{node.name} has the authority's key: {view.has_ca_key}")
    return wrong


def _online(observed: Observed) -> dict[str, NodeView]:
    nodes = observed.state.config.nodes
    return {
        uuid: view
        for uuid, view in observed.nodes.items()
        if uuid not in nodes or not nodes[uuid].offline
    }


def _node_name(state: State, uuid: str) -> str:
    node = state.config.nodes.get(uuid)
    return node.name if node is not None else uuid
