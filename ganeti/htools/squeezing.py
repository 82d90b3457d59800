"""
Which nodes to power off when there is little to do, and which to power on again (hsqueeze(1)).

A set of nodes may go when, with them offline and the rest balanced, all instances are on online
nodes and each of these has room for so many more standard instances.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ganeti.htools.balance import BalanceOptions, apply_steps, balance
from ganeti.htools.cluster import Cluster
from ganeti.htools.moves import Step
from ganeti.htools.records import Node, Spec
from ganeti.htools.status import NodeStatus, node_status
from ganeti.model.templates import DiskTemplate

STANDBY = "htools:standby:"
STANDBY_TAG = "htools:standby:auto"
EXTERNAL = frozenset(
    (
        DiskTemplate.DISKLESS,
        DiskTemplate.SHAREDFILE,
        DiskTemplate.BLOCKDEV,
        DiskTemplate.RBD,
        DiskTemplate.EXT,
        DiskTemplate.GLUSTER,
    )
)
"""Templates of instances that can move to any node without their disks."""


class Action(Enum):
    """What is to be done."""

    NOTHING = "No action"
    OFFLINE = "Nodes to offline"
    ONLINE = "Nodes to online"


@dataclass(frozen=True, slots=True)
class SqueezePlan:
    """The nodes to power off or on, the moves that go with it, and the cluster afterwards."""

    action: Action
    nodes: tuple[str, ...]
    steps: tuple[Step, ...]
    cluster: Cluster
    enough: bool = True
    """False: even with all nodes online there is too little room."""


def plan_squeeze(cluster: Cluster, *, minimal: float, target: float) -> SqueezePlan:
    """What to do; the factors are of the policy's standard size."""
    if not has_room(cluster, minimal):
        return _plan_growth(cluster, minimal)
    off = find_dispensable(cluster, target)
    if not off:
        return SqueezePlan(Action.NOTHING, (), (), cluster)
    balanced, steps = _balanced(cluster.with_offline(off))
    return SqueezePlan(Action.OFFLINE, off, steps, balanced)


def offline_candidates(cluster: Cluster) -> tuple[str, ...]:
    """Online nodes that are not the master and have no instance with disks of its own."""
    tied = {
        name
        for each in cluster.instances
        if each.template not in EXTERNAL
        for name in (each.primary, each.secondary)
    }
    counts = {node.name: node.pcnt for node in node_status(cluster)}
    found = [node.name for node in cluster.nodes if _may_go(node, tied)]
    return tuple(sorted(found, key=lambda name: -counts[name]))


def _may_go(node: Node, tied: set[str]) -> bool:
    return not node.offline and not node.master and node.name not in tied


def online_candidates(cluster: Cluster) -> tuple[str, ...]:
    """Offline nodes that are tagged as standing by."""
    return tuple(
        node.name
        for node in cluster.nodes
        if node.offline and any(tag.startswith(STANDBY) for tag in node.tags)
    )


def find_dispensable(cluster: Cluster, target: float) -> tuple[str, ...]:
    """The nodes that may go, tried from the one with the fewest instances on."""
    candidates = offline_candidates(cluster)
    chosen: tuple[str, ...] = ()
    for name in reversed(candidates):
        balanced, _steps = _balanced(cluster.with_offline((name, *chosen)))
        if _all_online(balanced) and has_room(balanced, target):
            chosen = (name, *chosen)
    return chosen


def _plan_growth(cluster: Cluster, minimal: float) -> SqueezePlan:
    candidates = online_candidates(cluster)
    for count in range(len(candidates) + 1):
        chosen = candidates[:count]
        balanced, steps = _balanced(cluster.with_offline(chosen, False))
        if has_room(balanced, minimal):
            return SqueezePlan(Action.ONLINE, chosen, steps, balanced)
    return SqueezePlan(Action.ONLINE, candidates, steps, balanced, enough=False)


def _balanced(cluster: Cluster) -> tuple[Cluster, tuple[Step, ...]]:
    """Each group balanced as hbal does, and the steps."""
    steps: tuple[Step, ...] = ()
    for group in cluster.groups:
        part = cluster.select(group)
        if part.nodes and part.instances:
            steps += balance(part, BalanceOptions()).steps
    numbered = (step._replace(number=number) for number, step in enumerate(steps, 1))
    return apply_steps(cluster, steps), tuple(numbered)


def _all_online(cluster: Cluster) -> bool:
    online = {node.name for node in cluster.nodes if not node.offline} | {""}
    return all(one.primary in online and one.secondary in online for one in cluster.instances)


def has_room(cluster: Cluster, factor: float) -> bool:
    """Whether each online node could take so many more standard instances."""
    standard = cluster.policy.standard
    return all(
        node.offline or _fits(cluster, node, standard, factor) for node in node_status(cluster)
    )


def _fits(cluster: Cluster, node: NodeStatus, standard: Spec, factor: float) -> bool:
    policy = cluster.group_policy(cluster.groups[cluster.group_index[node.group]])
    return (
        node.u_mem - node.r_mem > factor * standard.memory  # N+1 needs a rest
        and node.f_dsk >= factor * standard.disk
        and node.pcpu * policy.vcpu_ratio - node.vcpu >= factor * standard.cpus
    )
