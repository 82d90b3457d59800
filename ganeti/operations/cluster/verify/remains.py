"""What a group has beside its nodes and instances: leftovers, room for failovers, notes. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from msgspec import Raw

from ganeti.model.disk import disk_nodes
from ganeti.model.instance import AdminState, Instance
from ganeti.model.node import Node
from ganeti.model.recovery import Debt, Finish, OnNode, UndoCall
from ganeti.model.state import State
from ganeti.model.templates import TEMPLATES
from ganeti.opcodes.verify import VerifyCode as Code
from ganeti.operations.cluster.verify.report import Report
from ganeti.operations.cluster.verify.view import GroupView
from ganeti.rpc.calls import decode_call
from ganeti.utils.text import nice_sort_key

_EXCLUSION = "htools:iextags:"


# -- disks that belong to nobody


def check_orphans(report: Report, view: GroupView, state: State) -> None:
    """Disks on the nodes that neither the configuration nor open work knows."""
    known = set(known_places(state))
    for node in view.online:
        found = view.findings(node.uuid)
        for place in () if found is None else found.places:
            report.warning(
                (node.uuid, place) not in known and ("", place) not in known,
                Code.ENODEORPHANLV,
                node.name,
                f"volume {place} is unknown",
            )


def known_places(state: State) -> Iterator[tuple[str, str]]:
    """
    (node uuid, place) of each disk; without a node for those that may be anywhere.
    """
    config = state.config
    for disk in config.disks.values():
        place = str(disk.logical_id[-1]) if disk.logical_id else ""
        owner = config.instances.get(config.disk_owner(disk.uuid) or "")
        everywhere = TEMPLATES[disk.dev_type].mirrored_external or owner is None
        nodes = disk_nodes(disk) or (() if everywhere or owner is None else (owner.primary_node,))
        for node_uuid in nodes or ("",):
            yield node_uuid, place
    for place in _open_places(state):
        yield "", place


def _open_places(state: State) -> Iterator[str]:
    """Places in node calls that interrupted, running or owed work may still make."""
    records = [record for job in state.jobs.values() for record in job.recovery]
    for record in (*records, *(debt.action for debt in state.debts.values())):
        yield from _places_in(record)


def _places_in(record: object) -> Iterator[str]:
    match record:
        case UndoCall(call=call) | OnNode(call=call):
            yield from _disk_places(call)
        case Finish(actions=actions):
            for action in actions:
                yield from _places_in(action)


def _disk_places(call: object) -> Iterator[str]:
    if isinstance(call, Raw):
        disk = getattr(decode_call(call), "disk", None)
        if disk is not None and disk.logical_id:
            yield str(disk.logical_id[-1])


# -- room for failovers


def check_memory(report: Report, view: GroupView) -> None:
    """Can each node take over the mirrored instances of any one other node?"""
    config = view.config
    for node in view.online:
        found = view.findings(node.uuid)
        if found is None or not node.vm_capable:
            continue
        needed: Counter[str] = Counter()
        for uuid in config.secondary_instances(node.uuid):
            instance = config.instances[uuid]
            filled = config.filled_beparams(instance)
            if filled.auto_balance and instance.admin_state is AdminState.UP:
                needed[instance.primary_node] += filled.minmem
        for primary, mib in sorted(needed.items()):
            free = found.memory_free or 0
            report.error(
                free < mib,
                Code.ENODEN1,
                node.name,
                "not enough memory to accomodate instance failovers should node"
                f" {config.nodes[primary].name} fail ({mib}MiB needed, {free}MiB available)",
            )


# -- instances that should be apart


def check_exclusion_tags(report: Report, view: GroupView) -> None:
    """Instances with a tag in common that says they should not share a node."""
    prefixes = tuple(
        tag.removeprefix(_EXCLUSION) + ":"
        for tag in view.config.cluster.tags
        if tag.startswith(_EXCLUSION)
    )
    if not prefixes:
        return
    for node in view.nodes:
        together: dict[str, list[str]] = {}
        for instance in view.config.node_instances(node.uuid):
            for tag in instance.tags:
                if tag.startswith(prefixes):
                    together.setdefault(tag, []).append(instance.name)
        for tag, names in sorted(together.items()):
            report.warning(
                len(names) > 1,
                Code.EEXTAGS,
                node.name,
                f"Tag conflict: {tag} is on {', '.join(names)}",
            )


# -- notes


def notes(report: Report, view: GroupView, state: State) -> None:
    """What is good to know."""
    instances = view.instances()
    single = [each for each in instances if not _is_redundant(view, each)]
    unbalanced = [
        each
        for each in instances
        if _is_redundant(view, each) and not view.config.filled_beparams(each).auto_balance
    ]
    counts = (
        (len(single), "non-redundant instance(s) found."),
        (len(unbalanced), "non-auto-balanced instance(s) found."),
        (_count(instances, AdminState.OFFLINE), "offline instance(s) found."),
        (sum(node.offline for node in view.nodes), "offline node(s) found."),
        (sum(node.drained for node in view.nodes), "drained node(s) found."),
    )
    for count, text in counts:
        if count:
            report.notice(f"{count} {text}")
    for node in view.nodes:
        for debt in owed_by(state, node):
            report.notice(f"node {node.name} owes since job {debt.job_id}: {debt.reason}")


def owed_by(state: State, node: Node) -> list[Debt]:
    """What a node still has to do, oldest first."""
    found = [debt for debt in state.debts.values() if debt.node_uuid == node.uuid]
    return sorted(found, key=lambda debt: (debt.created, nice_sort_key(debt.uuid)))


def _is_redundant(view: GroupView, instance: Instance) -> bool:
    """All its disks are on more than one node, or reachable from others; without disks too."""
    disks = view.config.instance_disks(instance)
    return all(TEMPLATES[disk.dev_type].mirrored for disk in disks)


def _count(instances: list[Instance], state: AdminState) -> int:
    return sum(instance.admin_state is state for instance in instances)
