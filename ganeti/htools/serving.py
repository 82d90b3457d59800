"""Requests to an iallocator, answered."""

from __future__ import annotations

import msgspec

from ganeti.htools.allocation import Allocation, AllocationOptions, allocate
from ganeti.htools.cluster import Cluster, find_group, find_instance
from ganeti.htools.errors import UnknownName
from ganeti.htools.evacuation import Evacuated, Evacuator
from ganeti.htools.openings import secondary_openings, single_openings
from ganeti.htools.requests import (
    AllocateRequest,
    AllocateSecondaryRequest,
    Answer,
    ChangeGroupRequest,
    EvacuateRequest,
    MultiAllocateRequest,
    RelocateRequest,
    Request,
)
from ganeti.htools.secondaries import find_secondary
from ganeti.htools.state import State
from ganeti.model.templates import TEMPLATES, DiskTemplate


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What hail's command line says."""

    ignore_soft_errors: bool = False
    capacity_checks: bool = True
    restrict_to: tuple[str, ...] | None = None
    """Full names; takes the place of what the request says."""


USUAL = Options()


def serve(cluster: Cluster, request: Request, options: Options = USUAL) -> tuple[Answer, Cluster]:
    """
    Answer a request; also the cluster after what was answered is done.

    @raise UnknownName: the request names something that is not there.
    """
    match request:
        case AllocateRequest():
            return serve_allocate(cluster, request, options)
        case MultiAllocateRequest():
            return serve_multi_allocate(cluster, request, options)
        case RelocateRequest():
            return serve_relocate(cluster, request, options)
        case AllocateSecondaryRequest():
            return serve_secondary(cluster, request, options)
        case EvacuateRequest():
            return serve_evacuate(cluster, request, options)
        case ChangeGroupRequest():
            return serve_change_group(cluster, request, options)


def refused(info: str) -> Answer:
    """An answer without result."""
    return Answer(success=False, info=f"Request failed: {info}", result=[])


def accepted(info: str, result: object) -> Answer:
    """An answer with a result."""
    return Answer(success=True, info=f"Request successful: {info}", result=result)


def find_place(cluster: Cluster, request: AllocateRequest, options: Options) -> Allocation:
    """Where one new instance goes."""
    restrict_to = options.restrict_to if options.restrict_to is not None else request.restrict_to
    return allocate(
        cluster,
        request.instance,
        request.node_count,
        AllocationOptions(
            ignore_soft_errors=options.ignore_soft_errors,
            capacity_checks=options.capacity_checks,
            restrict_to=restrict_to,
            group=request.group,
        ),
    )


def serve_allocate(
    cluster: Cluster, request: AllocateRequest, options: Options
) -> tuple[Answer, Cluster]:
    """A place for one new instance."""
    try:
        found = find_place(cluster, request, options)
    except UnknownName as err:
        return refused(str(err)), cluster
    if not found.nodes:
        return refused(found.info), cluster
    return accepted(found.info, list(found.nodes)), found.cluster


def serve_multi_allocate(
    cluster: Cluster, request: MultiAllocateRequest, options: Options
) -> tuple[Answer, Cluster]:
    """Places for several; one that fits nowhere fails them all, as in the original."""
    placed: list[object] = []
    now = cluster
    for one in request.requests:
        answer, now = serve_allocate(now, one, options)
        if not answer.success:
            return answer, cluster
        placed.append([one.instance.name, answer.result])
    info = f"0 instances failed to allocate and {len(placed)} were allocated successfully"
    return accepted(info, [placed, []]), now


def serve_relocate(
    cluster: Cluster, request: RelocateRequest, options: Options
) -> tuple[Answer, Cluster]:
    """Another secondary node; another primary for instances that any node can run."""
    index = find_instance(cluster, request.name)
    record, state = cluster.instances[index], State(cluster)
    evacuator = Evacuator(state)
    if not TEMPLATES[record.template].mirrored:
        return refused("Can't relocate non-mirrored instances"), cluster
    if request.node_count != 1:
        return refused(f"Exchange {request.node_count} nodes mode is not implemented"), cluster
    old, role = (record.secondary, "secondary") if record.secondary else (record.primary, "primary")
    if request.relocate_from != (old,):
        told = ",".join(str(cluster.node_index.get(name, -1)) for name in request.relocate_from)
        return refused(
            f"Unsupported request: excluded nodes not equal to instance's {role}"
            f"({cluster.node_index[old]} versus [{told}])"
        ), cluster
    nodes = evacuator.targets(index, set())
    strict = not options.ignore_soft_errors
    if record.secondary:
        found = secondary_openings(state, index, nodes, strict=strict)
    else:
        found = single_openings(state, index, nodes, strict=strict)
    best = found.best()
    if best is None:
        return refused(found.refusals(evacuator.names)), cluster
    target = int(nodes[best])
    state.place(index, *((int(state.primary[index]), target) if record.secondary else (target, -1)))
    return accepted("success", [cluster.nodes[target].name]), state.result()


def serve_secondary(
    cluster: Cluster, request: AllocateSecondaryRequest, options: Options
) -> tuple[Answer, Cluster]:
    """A secondary node for an instance that has none."""
    index = find_instance(cluster, request.name)
    record = cluster.instances[index]
    if record.secondary:
        return refused("Instance already has a secondary"), cluster
    instances = [*cluster.instances]
    instances[index] = msgspec.structs.replace(record, template=DiskTemplate.DRBD)
    state = State(cluster.with_instances(instances))
    evacuator = Evacuator(state, strict=not options.ignore_soft_errors)
    found = find_secondary(
        state,
        index,
        evacuator.targets(index, set()),
        strict=not options.ignore_soft_errors,
        capacity_checks=options.capacity_checks,
    )
    if not found.nodes:
        return refused(found.findings()), cluster
    state.place(index, *found.nodes)
    info = f"{found.findings()} for node(s) {'/'.join(evacuator.names[n] for n in found.nodes)}"
    return accepted(info, evacuator.names[found.nodes[1]]), state.result()


def serve_evacuate(
    cluster: Cluster, request: EvacuateRequest, options: Options
) -> tuple[Answer, Cluster]:
    """Instances off their nodes."""
    indexes = [find_instance(cluster, name) for name in request.instances]
    state = State(cluster)
    evacuator = Evacuator(state, strict=not options.ignore_soft_errors)
    return evacuated(evacuator.evacuate(indexes, request.mode)), state.result()


def serve_change_group(
    cluster: Cluster, request: ChangeGroupRequest, options: Options
) -> tuple[Answer, Cluster]:
    """Instances to other groups."""
    indexes = [find_instance(cluster, name) for name in request.instances]
    groups = [cluster.groups[find_group(cluster, uuid)] for uuid in request.target_groups]
    state = State(cluster)
    evacuator = Evacuator(state, strict=not options.ignore_soft_errors)
    moved = evacuator.change_group(indexes, groups, capacity_checks=options.capacity_checks)
    return evacuated(moved), state.result()


def evacuated(results: list[Evacuated]) -> Answer:
    """The answer that tells what became of instances."""
    moved = [[one.instance, one.group, list(one.nodes)] for one in results if not one.reason]
    failed = [[one.instance, one.reason] for one in results if one.reason]
    jobs = [list(one.opcodes) for one in results if not one.reason]
    info = f"{len(failed)} instances failed to move and {len(moved)} were moved successfully"
    return accepted(info, [moved, failed, jobs])
