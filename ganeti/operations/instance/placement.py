"""Nodes for a new instance, chosen by an instance allocator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from msgspec.structs import replace

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.htools.requests import Answer
from ganeti.model.config import Configuration
from ganeti.model.locks import Level, shared
from ganeti.model.node import Node
from ganeti.model.parameters import NicMode, fill, parse_nicparams
from ganeti.model.reservation import Reservation, ReservationKind
from ganeti.model.templates import TEMPLATES, disk_room
from ganeti.opcodes.instance import NicKey, OpInstanceCreate
from ganeti.operations.allocators.naming import allocator_name
from ganeti.operations.allocators.requests import Allocate, DiskRequest, required_nodes
from ganeti.operations.instance.create_request import AUTO, InstanceRequest
from ganeti.operations.instance.naming import reserve_name
from ganeti.operations.instance.nics import wished_parameters
from ganeti.operations.unit import JobContext, NeedLocks
from ganeti.utils.text import nice_sort_key


def candidates(config: Configuration, op: OpInstanceCreate) -> list[Node]:
    """
    The nodes among which an allocator chooses.

    @raise OpPrereqError: no allocator is named, and the cluster has none; or an unknown group.
    """
    named_allocator(config, op)
    group = None if op.group_name is None else config.find_group(op.group_name).uuid
    usable = (
        node
        for node in config.nodes.values()
        if node.vm_capable and not node.offline and not node.drained
        if group in (None, node.group)
    )
    return sorted(usable, key=lambda node: nice_sort_key(node.name))


def named_allocator(config: Configuration, op: OpInstanceCreate) -> str:
    """
    The name of the allocator to ask.

    @raise OpPrereqError: none is named, and the cluster has none.
    """
    name = allocator_name(config, op.iallocator)
    if not name:
        raise OpPrereqError(
            "No iallocator or node given and no cluster-wide default iallocator found;"
            " please specify either an iallocator or a node,"
            " or set a cluster-wide default iallocator",
            ErrorCode.WRONG_INPUT,
        )
    return name


async def choose_nodes(
    job: JobContext, op: OpInstanceCreate, request: InstanceRequest
) -> list[Node]:
    """
    Let the allocator choose, keep the room, and free the locks of all other nodes.

    @return: the primary node first.
    @raise OpPrereqError: the instance fits nowhere, or the answer makes no sense.
    @raise NeedLocks: a node was chosen that came into the cluster meanwhile.
    """
    config = job.snapshot().config
    allocator, asked = named_allocator(config, op), build_allocation(config, op, request)
    if op.opportunistic_locking:
        asked = replace(asked, restrict_to_nodes=free_nodes(job, config, op))
    chosen: list[Node] = []

    def reserve(answer: Answer) -> None:
        chosen[:] = read_answer(job, allocator, asked, answer)
        _reserve_room(job, asked, chosen, starts=request.start)

    answer = await job.iallocator.ask(allocator, asked, reserve)
    if not answer.success:
        raise OpPrereqError(
            f"Can't compute nodes using iallocator '{allocator}': {answer.info}",
            ErrorCode.TEMP_NO_RESOURCES if op.opportunistic_locking else ErrorCode.NO_RESOURCES,
        )
    names = ", ".join(node.name for node in chosen)
    job.info(f"Selected nodes for instance {request.name} via iallocator {allocator}: {names}")
    await _free_others(job, chosen)
    return chosen


def free_nodes(job: JobContext, config: Configuration, op: OpInstanceCreate) -> tuple[str, ...]:
    """
    The names of the nodes whose locks are held; none: no node could be chosen anyway.

    @raise NeedLocks: none is held yet; tells which were free just now.
    @raise OpPrereqError: none is free.
    """
    held = [lock.name for lock in job.locks_held if lock.level is Level.NODE]
    if held:
        return tuple(config.nodes[uuid].name for uuid in held)
    wanted = shared(Level.NODE, *(node.uuid for node in candidates(config, op)))
    free = job.obtainable(wanted)
    if not wanted:
        return ()
    if not free:
        raise OpPrereqError(
            "Other jobs hold all nodes that could be chosen; try again later, or wait for them"
            " by leaving out --opportunistic-locking",
            ErrorCode.TEMP_NO_RESOURCES,
        )
    raise NeedLocks(free)


def build_allocation(
    config: Configuration, op: OpInstanceCreate, request: InstanceRequest
) -> Allocate:
    """What the allocator is asked."""
    beparams = fill(config.cluster.beparams["default"], request.beparams)
    template = request.template
    return Allocate(
        name=request.name,
        memory=beparams.maxmem,
        vcpus=beparams.vcpus,
        spindle_use=beparams.spindle_use,
        disks=tuple(
            DiskRequest(size=disk.size, mode=disk.mode, dev_type=template) for disk in request.disks
        ),
        disk_space_total=sum(disk_room(template, disk.size) for disk in request.disks),
        disk_template=template,
        hypervisor=request.hypervisor,
        nics=tuple(_nics(config, op)),
        os=request.os_name,
        tags=request.tags,
        required_nodes=required_nodes(template),
        group_name=None if op.group_name is None else config.find_group(op.group_name).name,
    )


def _nics(config: Configuration, op: OpInstanceCreate) -> Iterator[dict[str, str | None]]:
    """The interfaces as allocators are told of them; addresses may not be known yet."""
    defaults = config.cluster.nicparams["default"]
    for wish in op.nics:
        own = {name: value for name, value in wished_parameters(wish).items() if value is not None}
        filled = fill(defaults, parse_nicparams(own))
        nic = {
            "mac": wish.get(NicKey.MAC) or AUTO,
            "ip": wish.get(NicKey.IP),
            "mode": filled.mode.value,
            "link": filled.link,
            "network": None,
        }
        yield nic | ({"bridge": filled.link} if filled.mode is NicMode.BRIDGED else {})


def read_answer(job: JobContext, allocator: str, asked: Allocate, answer: Answer) -> list[Node]:
    """
    The nodes that an allocator names, the primary one first.

    @raise OpPrereqError: not so many as are needed, or not such as may be chosen.
    @raise NeedLocks: one whose lock is not held.
    """
    names = answer.result if isinstance(answer.result, list | tuple) else ()
    config = job.snapshot().config
    if len(names) != asked.required_nodes or len(set(names)) != len(names):
        _refuse(
            f"iallocator '{allocator}' returned invalid number of nodes ({len(set(names))}),"
            f" required {asked.required_nodes}"
        )
    nodes = []
    for name in names:
        uuid = config.node_by_name.get(name)
        if uuid is None:
            _refuse(f"iallocator '{allocator}' chose node '{name}', which is not known")
        nodes.append(config.nodes[uuid])
    _check_chosen(job, allocator, nodes)
    return nodes


def _check_chosen(job: JobContext, allocator: str, nodes: list[Node]) -> None:
    for node in nodes:
        if node.offline or node.drained or not node.vm_capable:
            _refuse(
                f"iallocator '{allocator}' chose node {node.name}, which takes no instances:"
                " it is offline, drained or not vm_capable"
            )
    held = {lock.name for lock in job.locks_held if lock.level is Level.NODE}
    missing = [node.uuid for node in nodes if node.uuid not in held]
    if missing:
        raise NeedLocks(shared(Level.NODE, *missing))


def _refuse(text: str) -> NoReturn:
    raise OpPrereqError(text, ErrorCode.ENVIRONMENT)


def _reserve_room(job: JobContext, asked: Allocate, nodes: list[Node], *, starts: bool) -> None:
    """Keep the name, the memory on the primary node, and what the disks take on all of them."""
    reserve_name(job, asked.name)
    facts = TEMPLATES[asked.disk_template]
    room = [(ReservationKind.NODE_MEMORY, nodes[0], asked.memory)] if starts else []
    if facts.reports_free_space and not facts.no_free_space_check:
        room += [(ReservationKind.NODE_DISK, node, asked.disk_space_total) for node in nodes]
    job.reserve(
        *(
            Reservation(
                kind=kind, key=asked.name, job_id=job.id, node_uuid=node.uuid, amount=amount
            )
            for kind, node, amount in room
        )
    )


async def _free_others(job: JobContext, chosen: list[Node]) -> None:
    """Free the locks of nodes that were not chosen."""
    uuids = {node.uuid for node in chosen}
    await job.shrink(
        tuple(lock for lock in job.locks_held if lock.level is not Level.NODE or lock.name in uuids)
    )
