"""Is each node of a group as it should be? Pure: facts in, problems out."""

from __future__ import annotations

from collections.abc import Callable

from ganeti.errors import GanetiError
from ganeti.model.findings import NodeFindings
from ganeti.model.node import Node
from ganeti.model.roles import NodeRole, role_of
from ganeti.model.templates import StorageType
from ganeti.opcodes.verify import VerifyCode as Code
from ganeti.operations.asking import reason
from ganeti.operations.cluster.verify.config import check_certificate
from ganeti.operations.cluster.verify.oses import check_oses
from ganeti.operations.cluster.verify.questions import EXTERNAL_IP_SCRIPT, oob_programs
from ganeti.operations.cluster.verify.report import Report
from ganeti.operations.cluster.verify.view import GroupView
from ganeti.version import PROTOCOL_VERSION, RELEASE

MOST_DRIFT_S = 150.0
_ROLES = {
    NodeRole.MASTER: "master",
    NodeRole.CANDIDATE: "master candidate",
    NodeRole.DRAINED: "drained",
    NodeRole.REGULAR: "regular",
    NodeRole.OFFLINE: "offline",
}
_DIRECTORY_CODES = {
    StorageType.FILE: Code.ENODEFILESTORAGEPATHUNUSABLE,
    StorageType.SHAREDFILE: Code.ENODESHAREDFILESTORAGEPATHUNUSABLE,
    StorageType.GLUSTER: Code.ENODEGLUSTERSTORAGEPATHUNUSABLE,
}

Check = Callable[[Report, GroupView, Node, NodeFindings], None]


def check_nodes(report: Report, view: GroupView) -> None:
    """All nodes of the group, those out of service but named."""
    for node in view.nodes:
        if node.offline:
            report.detail(f"* Skipping offline node {node.name}")
            continue
        role = _ROLES[role_of(node, view.config.cluster)]
        report.detail(f"* Verifying node {node.name} ({role})")
        answer = view.answers.get(node.uuid)
        failed = answer if isinstance(answer, GanetiError) else GanetiError("it was not asked")
        silent = not isinstance(answer, NodeFindings)
        report.error(silent, Code.ENODERPC, node.name, f"while contacting node: {reason(failed)}")
        if isinstance(answer, NodeFindings):
            for check in CHECKS:
                check(report, view, node, answer)


def _version(report: Report, view: GroupView, node: Node, found: NodeFindings) -> None:
    different = found.protocol != PROTOCOL_VERSION
    report.error(
        different,
        Code.ENODEVERSION,
        node.name,
        f"incompatible protocol versions: master {PROTOCOL_VERSION}, node {found.protocol}",
    )
    report.warning(
        found.release != RELEASE,
        Code.ENODEVERSION,
        node.name,
        f"software version mismatch: master {RELEASE}, node {found.release}",
    )


def _time(report: Report, view: GroupView, node: Node, found: NodeFindings) -> None:
    now_s = found.time_ns / 1e9
    drift_s = max(view.began - now_s, now_s - view.ended)
    report.error(
        drift_s > MOST_DRIFT_S,
        Code.ENODETIME,
        node.name,
        f"Node time diverges by at least {drift_s:.1f}s from master node time",
    )


def _setup(report: Report, view: GroupView, node: Node, found: NodeFindings) -> None:
    report.error(
        found.setup, Code.ENODESETUP, node.name, f"node setup error: {'; '.join(found.setup)}"
    )


def _certificates(report: Report, view: GroupView, node: Node, found: NodeFindings) -> None:
    certs = view.config.cluster.candidate_certs
    listed = certs.get(node.uuid)
    if node.master_candidate:
        text = "the certificate of this master candidate is not the one on record"
        report.error(listed != found.digest, Code.ECLUSTERCLIENTCERT, node.name, text)
    sharing = [other.name for other in view.owners.get(found.digest, ()) if other is not node]
    report.error(
        sharing,
        Code.ECLUSTERCLIENTCERT,
        node.name,
        f"the node shares its certificate with {', '.join(sharing)}",
    )
    for certificate in found.certificates:
        check_certificate(report, Code.ECLUSTERCLIENTCERT, node.name, certificate, view.ended)


def _network(report: Report, view: GroupView, node: Node, found: NodeFindings) -> None:
    for name, why in found.silent_peers.items():
        text = f"tcp communication with node '{name}': {why}"
        report.error(True, Code.ENODENET, node.name, text)
    missing = ", ".join(found.missing_bridges)
    report.error(found.missing_bridges, Code.ENODENET, node.name, f"missing bridges: {missing}")


def _hypervisors(report: Report, view: GroupView, node: Node, found: NodeFindings) -> None:
    for name, problems in found.hypervisors.items():
        report.error(
            problems,
            Code.ENODEHV,
            node.name,
            f"hypervisor {name} verify failure: '{'; '.join(problems)}'",
        )
    for each in found.parameters:
        text = f"hypervisor {each.hypervisor} parameter verify failure (source {each.source})"
        report.error(True, Code.ENODEHV, node.name, f"{text}: {each.problem}")
    report.error(
        found.guests_problem,
        Code.ENODEHV,
        node.name,
        f"node hasn't returned valid instance list: {found.guests_problem}",
    )


def _storage(report: Report, view: GroupView, node: Node, found: NodeFindings) -> None:
    report.error(
        found.storage_paths_problem,
        Code.ENODEFILESTORAGEPATHS,
        node.name,
        f"file storage paths: {found.storage_paths_problem}",
    )
    for kind, code in _DIRECTORY_CODES.items():
        problem = found.storage_problems.get(kind, "")
        bad = problem and problem != found.storage_paths_problem
        report.error(bad, code, node.name, f"The configured {kind} path is unusable: {problem}")
    if found.places_problem:
        report.error(True, Code.ENODEFILESTORAGEPATHS, node.name, found.places_problem)


def _programs(report: Report, view: GroupView, node: Node, found: NodeFindings) -> None:
    missing = [path for path in found.missing_programs if path == EXTERNAL_IP_SCRIPT]
    report.error(
        missing,
        Code.ENODEUSERSCRIPTS,
        node.name,
        f"user scripts not present or not executable: {', '.join(missing)}",
    )


def check_oob(report: Report, view: GroupView, master: NodeFindings | None) -> None:
    """The programs that switch the group's nodes are on the master."""
    if master is None:
        return
    for path in oob_programs(view.config, list(view.nodes)):
        report.error(
            path in master.missing_programs,
            Code.ENODEOOBPATH,
            view.config.master.name,
            f"OOB program {path} is missing or not executable",
        )


def _guests(report: Report, view: GroupView, node: Node, found: NodeFindings) -> None:
    """Guests that do not belong here."""
    for guest in found.guests:
        instance = view.owner_of(guest.name)
        if instance is None:
            text = f"instance {guest.name} is running on node {node.name} and is unknown"
            report.error(True, Code.ENODEORPHANINSTANCE, node.name, text)
            continue
        report.error(
            instance.primary_node != node.uuid,
            Code.EINSTANCEWRONGNODE,
            guest.name,
            f"instance should not run on node {node.name}",
        )


def _oses(report: Report, view: GroupView, node: Node, found: NodeFindings) -> None:
    if node.vm_capable:
        check_oses(report, view, node, found)


CHECKS: tuple[Check, ...] = (
    _version,
    _time,
    _setup,
    _certificates,
    _network,
    _hypervisors,
    _storage,
    _programs,
    _oses,
    _guests,
)
"""In the order of the report."""
