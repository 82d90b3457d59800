"""
Roles of nodes and the pool of master candidates (Ganeti admin guide, Node roles).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from ganeti.model.cluster import Cluster
from ganeti.model.config import Configuration
from ganeti.model.node import Node
from ganeti.utils.text import nice_sort_key


class NodeRole(StrEnum):
    """What a node is in the cluster; the letter as lists print it."""

    MASTER = "M"
    CANDIDATE = "C"
    DRAINED = "D"
    OFFLINE = "O"
    REGULAR = "R"


def role_of(node: Node, cluster: Cluster) -> NodeRole:
    """The role of a node; the first that fits."""
    if node.uuid == cluster.master_node:
        return NodeRole.MASTER
    if node.master_candidate:
        return NodeRole.CANDIDATE
    if node.drained:
        return NodeRole.DRAINED
    if node.offline:
        return NodeRole.OFFLINE
    return NodeRole.REGULAR


def role_problem(node: Node) -> str:
    """Why the node's flags contradict each other; empty when they do not."""
    if node.master_candidate + node.drained + node.offline > 1:
        return (
            f"Node {node.name} state is invalid: master_candidate={node.master_candidate},"
            f" drained={node.drained}, offline={node.offline}"
        )
    if node.master_candidate and not node.master_capable:
        return f"Node {node.name} is a master candidate and not master capable"
    return ""


def may_be_candidate(node: Node) -> bool:
    """The node could be a master candidate."""
    return node.master_capable and not (node.offline or node.drained)


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidatePool:
    """How many master candidates there are, should be and could be."""

    now: int
    should: int
    possible: int


def candidate_pool(config: Configuration, without: str = "") -> CandidatePool:
    """
    State of the pool.

    @param without: uuid of a node to leave out.
    """
    nodes = [node for node in config.nodes.values() if node.uuid != without]
    possible = sum(map(may_be_candidate, nodes))
    now = sum(node.master_candidate for node in nodes)
    return CandidatePool(
        now=now, should=min(possible, config.cluster.candidate_pool_size), possible=possible
    )


def joins_pool(config: Configuration, node: Node) -> bool:
    """A node that is new, or becomes eligible, is to be a candidate at once."""
    if not may_be_candidate(node):
        return False
    pool = candidate_pool(config, without=node.uuid)
    return pool.now < min(pool.should + 1, config.cluster.candidate_pool_size)


def promotions(
    config: Configuration, without: str = "", among: Collection[str] | None = None
) -> list[Node]:
    """
    The nodes to make candidates so that the pool is full again, in natural order.

    @param without: uuid of a node that is about to leave the pool or the cluster.
    @param among: uuids of nodes to choose from; None: all.
    """
    pool = candidate_pool(config, without)
    missing = max(pool.should - pool.now, 0)
    eligible = [
        node
        for node in config.nodes.values()
        if may_be_candidate(node)
        and not node.master_candidate
        and node.uuid != without
        and (among is None or node.uuid in among)
    ]
    return sorted(eligible, key=lambda node: nice_sort_key(node.name))[:missing]


def pool_shortage(config: Configuration) -> str:
    """That there are fewer candidates than there should be; empty when there are enough."""
    pool = candidate_pool(config)
    if pool.now >= pool.should:
        return ""
    return f"Not enough master candidates: actual {pool.now}, target {pool.should}"


def candidates(config: Configuration) -> list[Node]:
    """The master candidates, the master among them, in natural order."""
    found = [node for node in config.nodes.values() if node.master_candidate]
    return sorted(found, key=lambda node: nice_sort_key(node.name))
