"""gnt-debug iallocator: instance allocators, tried out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganeti.cli import jobs
from ganeti.errors import ErrorCode, OpPrereqError, UnitParseError

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session
    from ganeti.htools.cluster import Cluster
    from ganeti.model.allocators import HailParameters
    from ganeti.opcodes.allocator import OpTestAllocator

_NIC_PARTS = ("mac", "ip", "bridge")


def iallocator(session: Session, options: Values, names: list[str]) -> int:
    """Show what an allocator is told, or what it answers; or explain it."""
    if options.dry_run:
        _ask(session, options, names, options.direction)
        return 0
    if options.direction == "out" or not options.explain:
        session.out(str(_ask(session, options, names, options.direction)))
    if options.explain:
        document = str(_ask(session, options, names, "in"))
        session.out(*explain(session, document, verbose=options.verbose))
    return 0


def _ask(session: Session, options: Values, names: list[str], direction: str) -> object:
    return jobs.run(session, build(session, options, names, direction), options)


def build(session: Session, options: Values, names: list[str], direction: str) -> OpTestAllocator:
    """
    The opcode that the options describe.

    @raise OpPrereqError: one of them makes no sense.
    """
    from ganeti.model.templates import DiskTemplate
    from ganeti.opcodes.allocator import (
        AllocatorDirection,
        AllocatorMode,
        EvacuationMode,
        OpTestAllocator,
    )

    template = options.disk_template
    return OpTestAllocator(
        direction=AllocatorDirection(direction),
        mode=AllocatorMode(options.mode),
        name=names[0],
        instances=tuple(names),
        nics=parse_nics(options.nics),
        disks=() if template == DiskTemplate.DISKLESS else parse_disks(options.disks),
        disk_template=None if template is None else DiskTemplate(template),
        memory=options.memory,
        vcpus=options.vcpus,
        spindle_use=options.spindle_use,
        os=options.os,
        tags=tuple(options.tags.split(",")) if options.tags else (),
        count=options.count,
        evac_mode=EvacuationMode(options.evac_mode),
        target_groups=tuple(options.target_groups),
        iallocator=options.iallocator,
        **jobs.common_fields(session, options),
    )


def parse_nics(text: str) -> tuple[dict[Any, str | None], ...]:
    """C{MAC/IP/BRIDGE,...}; what is left out is left to the cluster."""
    from ganeti.opcodes.instance import NicKey

    found = []
    for nic in text.split(",") if text else ():
        parts = nic.strip().split("/")
        if len(parts) > len(_NIC_PARTS):
            raise OpPrereqError(f"'{nic}' is not MAC/IP/BRIDGE", ErrorCode.WRONG_INPUT)
        padded = parts + [""] * (len(_NIC_PARTS) - len(parts))
        found.append(
            {NicKey(key): value or None for key, value in zip(_NIC_PARTS, padded, strict=True)}
        )
    return tuple(found)


def parse_disks(text: str) -> tuple[dict[str, Any], ...]:
    """Sizes as C{SIZE,...}."""
    from ganeti.utils.text import parse_unit

    try:
        sizes = [parse_unit(size.strip()) for size in text.split(",")] if text else []
    except UnitParseError as err:
        raise OpPrereqError(f"Invalid disks '{text}': {err}", ErrorCode.WRONG_INPUT) from err
    return tuple({"mode": "rw", "size": size} for size in sizes)


def explain(session: Session, document: str, *, verbose: bool) -> list[str]:
    """
    Why the built-in allocator answers as it does.

    @param document: what an allocator is told.
    @param verbose: all candidates one by one.
    @raise InputError: the request names what is not there.
    """
    from ganeti.htools.cluster import prepare
    from ganeti.htools.defaults import STATIC_KVM_NODE_MEMORY
    from ganeti.htools.requestexplanation import explain_request
    from ganeti.htools.requests import parse_request
    from ganeti.htools.serving import Options

    parameters = _parameters(session)
    own_memory = parameters.static_kvm_node_memory
    data, request = parse_request(
        document.encode(), STATIC_KVM_NODE_MEMORY if own_memory is None else own_memory
    )
    assert request is not None
    cluster = prepare(data)
    options = Options(
        ignore_soft_errors=parameters.ignore_soft_errors,
        capacity_checks=not parameters.no_capacity_checks,
        restrict_to=_restriction(cluster, parameters),
    )
    return list(explain_request(cluster, request, options, verbose))


def _parameters(session: Session) -> HailParameters:
    """The cluster's parameters of the built-in allocator."""
    from ganeti.model.allocators import parse_hail_parameters
    from ganeti.utils.allocators import BUILT_IN

    cluster = session.call("QueryClusterInfo")
    own = cluster["default_iallocator"] == BUILT_IN
    return parse_hail_parameters(cluster["default_iallocator_params"] if own else {})


def _restriction(cluster: Cluster, parameters: HailParameters) -> tuple[str, ...] | None:
    from ganeti.htools.cluster import find_node

    names = parameters.restrict_allocation_to
    if names is None:
        return None
    return tuple(cluster.nodes[find_node(cluster, name)].name for name in names)
