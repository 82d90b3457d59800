"""Why an instance allocator answers a request as it does (hail --explain)."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from ganeti.htools.advice import Advice
from ganeti.htools.allocation import AllocationOptions, allocate
from ganeti.htools.candidates import Candidates
from ganeti.htools.cluster import Cluster, find_group, find_instance
from ganeti.htools.errors import UnknownName
from ganeti.htools.explanation import Explanation, explain_allocation, explanation_lines
from ganeti.htools.explanation import failure as failed_sentence
from ganeti.htools.leavers import Leaving, new_places, other_groups, secondary_places
from ganeti.htools.reasons import counted
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
from ganeti.htools.serving import USUAL, Options, serve
from ganeti.model.templates import TEMPLATES, DiskTemplate
from ganeti.utils.resolving import resolved

_Moves = tuple[list[tuple[str, str, list[str]]], list[tuple[str, str]], list[object]]


def explain_request(
    cluster: Cluster, request: Request, options: Options = USUAL, verbose: bool = False
) -> list[str]:
    """
    Lines for people to read, whatever is asked.

    @param cluster: as it is before the answer.
    @param verbose: all candidates one by one.
    @raise UnknownName: the request names something that is not there.
    """
    match request:
        case AllocateRequest():
            return explain_one(cluster, request, options, verbose)
        case MultiAllocateRequest():
            return explain_several(cluster, request, options, verbose)
        case RelocateRequest():
            return explain_relocation(cluster, request, options, verbose)
        case AllocateSecondaryRequest():
            return explain_secondary(cluster, request, options, verbose)
        case EvacuateRequest() | ChangeGroupRequest():
            return explain_moves(cluster, request, options, verbose)


def wanted_of(request: AllocateRequest, options: Options) -> AllocationOptions:
    """The search that the request and the command line ask for."""
    return AllocationOptions(
        ignore_soft_errors=options.ignore_soft_errors,
        capacity_checks=options.capacity_checks,
        restrict_to=request.restrict_to if options.restrict_to is None else options.restrict_to,
        group=request.group,
    )


def explain_one(
    cluster: Cluster, request: AllocateRequest, options: Options, verbose: bool
) -> list[str]:
    """A new instance."""
    wanted = wanted_of(request, options)
    try:
        found = explain_allocation(cluster, request.instance, request.node_count, wanted)
    except UnknownName as err:
        return [f"{request.instance.name} fits nowhere: {err}."]
    return explanation_lines(found, verbose)


def explain_several(
    cluster: Cluster, request: MultiAllocateRequest, options: Options, verbose: bool
) -> list[str]:
    """New instances, one after the other; in full only the first that fits nowhere."""
    lines: list[str] = []
    for position, one in enumerate(request.requests, 1):
        wanted = wanted_of(one, options)
        found = explain_allocation(cluster, one.instance, one.node_count, wanted)
        told = explanation_lines(found, verbose)
        number = f"{position} of {len(request.requests)}: "
        if not found.chosen:
            end = "None is allocated when one fits nowhere."
            return [*lines, f"{number}{told[0]}", *told[1:], end]
        lines += [f"{number}{told[0]}", *(told[1:] if verbose else ())]
        cluster = allocate(cluster, one.instance, one.node_count, wanted).cluster
    return lines


def explain_relocation(
    cluster: Cluster, request: RelocateRequest, options: Options, verbose: bool
) -> list[str]:
    """Another node in place of one."""
    index = find_instance(cluster, request.name)
    answer, _after = serve(cluster, request, options)
    record = cluster.instances[index]
    if not TEMPLATES[record.template].mirrored:
        return [f"{record.name}: {answer.info}."]
    primary = cluster.nodes[cluster.node_index[record.primary]]
    if record.secondary and primary.offline and not answer.success:
        name = cluster.short(primary.name)
        return [
            f"{record.name} stays: its primary node {name} is offline or drained, so that nothing "
            "can be copied from there; run it on its secondary node first (gnt-instance failover)."
        ]
    leaving = Leaving("secondary-only", frozenset(request.relocate_from) & set(cluster.node_index))
    found = new_places(cluster, index, leaving, strict=not options.ignore_soft_errors)
    return moved_lines(found, record.name, answer, verbose)


def explain_secondary(
    cluster: Cluster, request: AllocateSecondaryRequest, options: Options, verbose: bool
) -> list[str]:
    """A secondary node for an instance that has none."""
    index = find_instance(cluster, request.name)
    record = cluster.instances[index]
    answer, _after = serve(cluster, request, options)
    if record.secondary:
        return [f"{record.name}: {answer.info}."]
    instances = [*cluster.instances]
    instances[index] = replace(record, template=DiskTemplate.DRBD)
    mirrored = cluster.with_instances(instances)
    found = secondary_places(mirrored, index, strict=not options.ignore_soft_errors)
    return moved_lines(found, record.name, answer, verbose)


def moved_lines(found: Candidates, name: str, answer: Answer, verbose: bool) -> list[str]:
    """What became of one instance that goes to another node."""
    if not answer.success and found.fits.any():
        return [f"{name} stays: {answer.info}."]
    if not answer.success:
        summary, advice = failed_sentence(found, 0)
        told = Explanation(summary=summary, found=found, advice=advice, chosen=())
        return explanation_lines(told, verbose)
    results = answer.result if isinstance(answer.result, list) else [answer.result]
    nodes = tuple(str(node) for node in results)
    goes = "/".join(found.cluster.short(node) for node in nodes)
    places = counted(found, found.fits)
    summary = f"{name} goes to {goes}: of {places} that would do the one with the lowest score."
    primary = found.state.cluster.instances[found.row].primary
    chosen = (primary, *nodes) if found.places.primary_stays else nodes
    told = Explanation(summary=summary, found=found, advice=Advice(), chosen=chosen)
    return explanation_lines(told, verbose)


def explain_moves(
    cluster: Cluster,
    request: EvacuateRequest | ChangeGroupRequest,
    options: Options,
    verbose: bool,
) -> list[str]:
    """Several instances that move; those that cannot are told in full, as things are at the end."""
    answer, after = serve(cluster, request, options)
    moved, failed, _jobs = msgspec.convert(answer.result, resolved(_Moves))
    lines = [f"{answer.info}."]
    for name, group, nodes in moved:
        where = "/".join(cluster.short(node) for node in nodes)
        lines.append(f"{name} goes to {where} in the group {group}.")
    staying = Staying(after, request, left_nodes(cluster, request), options, verbose)
    for name, reason in failed:
        lines += staying.lines(name, reason)
    return lines


def left_nodes(cluster: Cluster, request: EvacuateRequest | ChangeGroupRequest) -> frozenset[str]:
    """The nodes that are evacuated: nobody goes there."""
    if isinstance(request, ChangeGroupRequest):
        return frozenset()
    records = [cluster.instances[find_instance(cluster, name)] for name in request.instances]
    first = {one.primary for one in records} if request.mode != "secondary-only" else set()
    second = {one.secondary for one in records} if request.mode != "primary-only" else set()
    return frozenset(first | second) - {""}


@dataclass(frozen=True, slots=True)
class Staying:
    """Instances that cannot move."""

    cluster: Cluster
    request: EvacuateRequest | ChangeGroupRequest
    left: frozenset[str]
    options: Options
    verbose: bool

    def lines(self, name: str, reason: str) -> list[str]:
        """Why one of them stays."""
        index = find_instance(self.cluster, name)
        record = self.cluster.instances[index]
        template = record.template.value
        if not TEMPLATES[record.template].mirrored:
            return [f"{name} stays: the disk template {template} has no copy elsewhere."]
        found = self._places(index)
        if found.fits.any():
            return [f"{name} stays: {reason.rstrip(': ')}."]
        summary, advice = failed_sentence(found, 0)
        told = Explanation(summary=summary, found=found, advice=advice, chosen=())
        return explanation_lines(told, self.verbose)

    def _places(self, index: int) -> Candidates:
        strict = not self.options.ignore_soft_errors
        if isinstance(self.request, EvacuateRequest):
            return new_places(self.cluster, index, Leaving(self.request.mode, self.left), strict)
        groups = [find_group(self.cluster, one) for one in self.request.target_groups]
        return other_groups(self.cluster, index, groups, strict)
