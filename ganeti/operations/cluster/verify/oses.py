"""Do the nodes of a group have the same OS definitions? Pure."""

from __future__ import annotations

from ganeti.model.findings import NodeFindings
from ganeti.model.live import OsInfo
from ganeti.model.node import Node
from ganeti.opcodes.verify import VerifyCode as Code
from ganeti.operations.cluster.verify.report import Report
from ganeti.operations.cluster.verify.view import GroupView


def check_oses(report: Report, view: GroupView, node: Node, found: NodeFindings) -> None:
    """Compare a node's definitions with those of the first node that has some."""
    report.error(
        found.oses_problem,
        Code.ENODEOS,
        node.name,
        f"node hasn't returned valid OS data: {found.oses_problem}",
    )
    own = first_of_each(found)
    for name, infos in _by_name(found).items():
        _check_one(report, node, name, infos)
    reference = _reference(view)
    if reference is None or reference.uuid == node.uuid or found.oses_problem:
        return
    like = view.findings(reference.uuid)
    theirs = {} if like is None else first_of_each(like)
    missing = sorted(theirs.keys() - own.keys())
    report.error(
        missing,
        Code.ENODEOS,
        node.name,
        f"OSes present on reference node {reference.name} but missing on this node:"
        f" {', '.join(missing)}",
    )
    for name, info in own.items():
        _compare(report, node, reference, info, theirs.get(name))


def first_of_each(found: NodeFindings) -> dict[str, OsInfo]:
    """The definition that each name finds."""
    first: dict[str, OsInfo] = {}
    for info in found.oses:
        first.setdefault(info.name, info)
    return first


def _by_name(found: NodeFindings) -> dict[str, list[OsInfo]]:
    infos: dict[str, list[OsInfo]] = {}
    for info in found.oses:
        infos.setdefault(info.name, []).append(info)
    return infos


def _reference(view: GroupView) -> Node | None:
    for node in view.online:
        found = view.findings(node.uuid)
        if node.vm_capable and found is not None and not found.oses_problem:
            return node
    return None


def _check_one(report: Report, node: Node, name: str, infos: list[OsInfo]) -> None:
    first = infos[0]
    report.error(
        not first.valid,
        Code.ENODEOS,
        node.name,
        f"Invalid OS {name} (located at {first.path}): {first.reason}",
    )
    places = ", ".join(info.path for info in infos)
    report.error(
        len(infos) > 1,
        Code.ENODEOS,
        node.name,
        f"OS '{name}' has multiple entries (only the first one in search order is used): {places}",
    )


def _compare(
    report: Report, node: Node, reference: Node, info: OsInfo, other: OsInfo | None
) -> None:
    report.error(
        other is None,
        Code.ENODEOS,
        node.name,
        f"Extra OS {info.name} not present on reference node ({reference.name})",
    )
    if other is None or not other.valid or not info.valid:
        return
    for what, ours, theirs in (
        ("API version", _sorted(info.api_versions), _sorted(other.api_versions)),
        ("variants list", _sorted(info.variants), _sorted(other.variants)),
        ("parameters", _sorted(info.parameters), _sorted(other.parameters)),
    ):
        report.error(
            ours != theirs,
            Code.ENODEOS,
            node.name,
            f"OS {info.name} {what} differs from reference node {reference.name}:"
            f" [{theirs}] vs. [{ours}]",
        )


def _sorted(values: tuple[object, ...]) -> str:
    return ", ".join(sorted(map(_text, values)))


def _text(value: object) -> str:
    return value[0] if isinstance(value, tuple) else str(value)
