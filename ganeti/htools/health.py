"""Whether a cluster is healthy: what hcheck counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ganeti.htools.cluster import Cluster
from ganeti.htools.score import score
from ganeti.htools.status import bad_nodes, fails_global_n1
from ganeti.htools.tagtables import tag_table


class Health(NamedTuple):
    """
    What is wrong with a group, or with all.

    @ivar n1_fail: nodes that fail N+1.
    @ivar conflict_tags: nodes with two primary instances that share an exclusion tag.
    @ivar offline_pri: instances whose primary node is offline.
    @ivar offline_sec: nodes that are offline, whatever is on them: so Ganeti 3.0.2 counts what it
        calls instances with a secondary node offline, and scripts read its verdict.
    @ivar gn1_fail: nodes whose instances could not all be started elsewhere; None: not checked.
    """

    n1_fail: int
    conflict_tags: int
    offline_pri: int
    offline_sec: int
    gn1_fail: int | None

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong."""
        return not any(self)


class GroupHealth(NamedTuple):
    """A group's health and score."""

    name: str
    uuid: str
    health: Health
    score: float


def check_group(cluster: Cluster, *, capacity_checks: bool) -> GroupHealth:
    """
    How a group is.

    @param cluster: one group, see L{Cluster.select}.
    """
    group = cluster.groups[0]
    offline = {node.name for node in cluster.nodes if node.offline}
    health = Health(
        n1_fail=len(bad_nodes(cluster)),
        conflict_tags=conflicting_nodes(cluster),
        offline_pri=sum(each.primary in offline for each in cluster.instances),
        offline_sec=len(offline),
        gn1_fail=len(fails_global_n1(cluster)) if capacity_checks else None,
    )
    return GroupHealth(group.name, group.uuid, health, score(cluster))


def conflicting_nodes(cluster: Cluster) -> int:
    """How many nodes have two primary instances that share an exclusion tag."""
    tags = tag_table(cluster)
    if tags.exclusion is None:
        return 0
    seen: set[tuple[str, int]] = set()
    conflicts: set[str] = set()
    for instance, numbers in zip(cluster.instances, tags.exclusion.tolist(), strict=True):
        for number in numbers:
            place = (instance.primary, number)
            if number != tags.exclusion_count and place in seen:
                conflicts.add(instance.primary)
            seen.add(place)
    return len(conflicts)


def total(groups: Iterable[GroupHealth], *, capacity_checks: bool) -> Health:
    """All groups together."""
    healths = [group.health for group in groups]
    return Health(
        n1_fail=sum(each.n1_fail for each in healths),
        conflict_tags=sum(each.conflict_tags for each in healths),
        offline_pri=sum(each.offline_pri for each in healths),
        offline_sec=sum(each.offline_sec for each in healths),
        gn1_fail=sum(each.gn1_fail or 0 for each in healths) if capacity_checks else None,
    )
