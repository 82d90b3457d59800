"""Is an instance of a group where and how it should be? Pure: facts in, problems out."""

from __future__ import annotations

from ganeti.model.compliance import instance_sizes
from ganeti.model.disk import Disk, disk_nodes
from ganeti.model.findings import DiskFinding
from ganeti.model.instance import AdminState, Instance
from ganeti.model.live import RunState
from ganeti.model.policy import policy_violations
from ganeti.model.templates import TEMPLATES
from ganeti.opcodes.verify import VerifyCode as Code
from ganeti.operations.cluster.verify.report import Report
from ganeti.operations.cluster.verify.view import GroupView

_ALIVE = (RunState.RUNNING, RunState.PAUSED)


def check_instance(report: Report, view: GroupView, instance: Instance) -> None:
    """One whose primary node is in the group."""
    report.detail(f"* Verifying instance {instance.name}")
    _check_configuration(report, view, instance)
    _check_running(report, view, instance)
    _check_disks(report, view, instance)


# -- by the configuration


def _check_configuration(report: Report, view: GroupView, instance: Instance) -> None:
    config = view.config
    violated = dict.fromkeys(
        text
        for sizes in instance_sizes(config, instance)
        for text in policy_violations(config.group_policy(view.group), sizes)
    )
    report.warning(violated, Code.EINSTANCEPOLICY, instance.name, ", ".join(violated))
    secondaries = [config.nodes[uuid] for uuid in config.secondary_nodes(instance)]
    report.warning(
        len(secondaries) > 1,
        Code.EINSTANCELAYOUT,
        instance.name,
        f"instance has multiple secondary nodes: {', '.join(node.name for node in secondaries)}",
    )
    groups = {config.groups[node.group].name for node in secondaries} | {view.group.name}
    report.warning(
        len(groups) > 1,
        Code.EINSTANCESPLITGROUPS,
        instance.name,
        "instance has primary and secondary nodes in different groups: "
        + ", ".join(sorted(groups)),
    )
    _check_exclusive(report, view, instance)


def _check_exclusive(report: Report, view: GroupView, instance: Instance) -> None:
    """What nodes with exclusive storage demand."""
    exclusive = view.config.group_ndparams(view.group).exclusive_storage
    disks = view.config.instance_disks(instance)
    unfit = sorted({d.dev_type for d in disks if not TEMPLATES[d.dev_type].exclusive_storage})
    report.error(
        exclusive and unfit,
        Code.EINSTANCEUNSUITABLENODE,
        instance.name,
        "instance has template(s) which are not supported on nodes that have exclusive storage"
        f" set: {', '.join(unfit)}",
    )
    for index, disk in enumerate(disks):
        report.error(
            exclusive and disk.spindles is None,
            Code.EINSTANCEMISSINGCFGPARAMETER,
            instance.name,
            f"number of spindles not configured for disk {index} while exclusive storage is"
            " enabled, try running gnt-cluster repair-disk-sizes",
        )


# -- by what the nodes say


def _check_running(report: Report, view: GroupView, instance: Instance) -> None:
    node = view.config.nodes[instance.primary_node]
    report.error(
        not node.vm_capable,
        Code.EINSTANCEBADNODE,
        instance.name,
        f"instance lives on node {node.name}, which is not vm_capable",
    )
    should_run = instance.admin_state is AdminState.UP
    if node.offline:
        report.error(
            should_run,
            Code.EINSTANCEBADNODE,
            instance.name,
            f"instance is marked as running and lives on offline node {node.name}",
        )
        return
    found = view.findings(node.uuid)
    if should_run:
        report.error(
            not _runs(view, instance),
            Code.EINSTANCEDOWN,
            instance.name,
            f"instance not running on its primary node {node.name}",
        )
    report.error(
        found is None,
        Code.ENODERPC,
        node.name,
        f"instance {instance.name}, connection to primary node failed",
    )


def _runs(view: GroupView, instance: Instance) -> bool:
    """It runs on its primary node, or its user has shut it down and may."""
    states = view.run_states.get((instance.primary_node, instance.name), ())
    allowed = (*_ALIVE, RunState.SHUTDOWN) if view.config.cluster.enabled_user_shutdown else _ALIVE
    return any(state in allowed for state in states)


def _check_disks(report: Report, view: GroupView, instance: Instance) -> None:
    for index, disk in enumerate(view.config.instance_disks(instance)):
        for node_uuid in disk_nodes(disk) or (instance.primary_node,):
            if view.findings(node_uuid) is None:
                continue
            known = view.disks.get((node_uuid, disk.uuid))
            _check_disk(report, view, instance, f"disk/{index}", (node_uuid, disk, known))


def _check_disk(
    report: Report,
    view: GroupView,
    instance: Instance,
    label: str,
    place: tuple[str, Disk, DiskFinding | None],
) -> None:
    node_uuid, disk, found = place
    node = view.config.nodes[node_uuid]
    problem = "the node did not tell" if found is None else found.problem
    report.error(
        problem and instance.disks_active,
        Code.EINSTANCEFAULTYDISK,
        instance.name,
        f"couldn't retrieve status for {label} on {node.name}: {problem}",
    )
    report.error(
        not problem and found is not None and found.size is None,
        Code.EINSTANCEMISSINGDISK,
        instance.name,
        f"{label} ({disk.logical_id[-1] if disk.logical_id else disk.uuid}) is missing on node"
        f" {node.name}",
    )
