"""What several programs print of a cluster, when they are asked to."""

from __future__ import annotations

from ganeti.cli.htools.console import Console
from ganeti.cli.htools.instancelist import instance_lines
from ganeti.cli.htools.nodelist import node_lines
from ganeti.htools.cluster import Cluster
from ganeti.htools.records import Policy, Spec


def print_nodes(console: Console, when: str, cluster: Cluster) -> None:
    """
    The nodes, with --print-nodes.

    @param when: "Initial cluster", say: the title's beginning.
    """
    wanted = console.options.print_nodes
    if wanted is None:
        return
    _print(console, f"{when} status:", node_lines(cluster, wanted))
    console.note()


def print_instances(console: Console, when: str, cluster: Cluster) -> None:
    """The instances, with --print-instances."""
    if console.options.print_instances:
        _print(console, f"{when} instance map:", instance_lines(cluster))


def _print(console: Console, title: str, lines: list[str]) -> None:
    for line in ("", title, *lines):
        console.note(line)


def print_policy(console: Console, cluster: Cluster, level: int) -> None:
    """The cluster's policy, from this verbosity on."""
    console.verbose(level, lambda: f"Loaded cluster ipolicy: {_format_policy(cluster.policy)}")


def _format_policy(policy: Policy) -> str:
    ranges = " or ".join(f"{_spec(each.least)} to {_spec(each.most)}" for each in policy.ranges)
    return (
        f"sizes {ranges}; standard {_spec(policy.standard)}; "
        f"disk templates {', '.join(policy.templates)}; "
        f"VCPU ratio {policy.vcpu_ratio:g}, spindle ratio {policy.spindle_ratio:g}"
    )


def _spec(spec: Spec) -> str:
    return (
        f"(memory {spec.memory}, cpus {spec.cpus}, disk {spec.disk}, disks {spec.disk_count}, "
        f"nics {spec.nic_count}, spindles {spec.spindle_use})"
    )
