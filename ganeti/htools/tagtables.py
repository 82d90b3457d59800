"""
The tags that matter for placement, as arrays (hbal(1): exclusion, migration, location tags).

Tags get numbers; the last number of each kind is a dummy that pads short rows and never counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganeti.htools.cluster import Cluster
from ganeti.htools.tables import Flags, Floats, Ints

EXCLUSION = "htools:iextags:"
MIGRATION = "htools:migration:"
ALLOW_MIGRATION = "htools:allowmigration:"
LOCATION = "htools:nlocation:"
DESIRED_LOCATION = "htools:desiredlocation:"


@dataclass(frozen=True, eq=False, slots=True)
class TagTable:
    """Each is None when the cluster has nothing of the kind."""

    exclusion: Ints | None
    """[instance, slot]: numbers of its exclusion tags."""
    exclusion_count: int
    """How many there are, without the dummy."""
    locations: Floats | None
    """[node, location]: 1 where the node has it."""
    shared: Floats | None
    """[node, node]: how many location tags both have."""
    desired: Ints | None
    """[instance, slot]: numbers of the locations it wants."""
    desired_at: Floats | None
    """[desired location, node]: 1 where the node lacks it."""
    migration: Flags | None
    """[from, to]: instances may be migrated."""


def tag_table(cluster: Cluster) -> TagTable:
    """The tags of a cluster's nodes and instances."""
    prefixes = tuple(suffixes(cluster.tags, EXCLUSION))
    prefixes += tuple(f"{prefix}:" for prefix in cluster.settings.exclusion_tags)
    exclusion, count, _names = numbered([starting(one.tags, prefixes) for one in cluster.instances])
    location = tuple(f"{prefix}:" for prefix in suffixes(cluster.tags, LOCATION))
    at_node = [starting(node.tags, location) for node in cluster.nodes]
    locations = shared = None
    if any(at_node):
        locations = membership(at_node, sorted({tag for tags in at_node for tag in tags}))
        shared = locations @ locations.T
    wanted = tuple(suffixes(cluster.tags, DESIRED_LOCATION))
    desired, _count, names = numbered([starting(one.tags, wanted) for one in cluster.instances])
    desired_at = None
    if desired is not None:
        lacking = 1.0 - membership(at_node, names).T
        desired_at = np.vstack([lacking, np.zeros(len(cluster.nodes))])
    return TagTable(
        exclusion=exclusion,
        exclusion_count=count,
        locations=locations,
        shared=shared,
        desired=desired,
        desired_at=desired_at,
        migration=migration_flags(cluster),
    )


def suffixes(tags: Iterable[str], prefix: str) -> list[str]:
    """What follows C{prefix} in the tags that start with it."""
    return [tag.removeprefix(prefix) for tag in tags if tag.startswith(prefix)]


def starting(tags: Sequence[str], prefixes: tuple[str, ...]) -> list[str]:
    """Those that start with one of the prefixes, once each."""
    if not prefixes or not tags:
        return []
    return list(dict.fromkeys(tag for tag in tags if tag.startswith(prefixes)))


def numbered(rows: Sequence[Sequence[str]]) -> tuple[Ints | None, int, list[str]]:
    """The rows with numbers in place of tags, padded; how many tags; which."""
    names = sorted({tag for row in rows for tag in row})
    if not names:
        return None, 0, []
    number = {tag: index for index, tag in enumerate(names)}
    table = np.full((len(rows), max(map(len, rows))), len(names), dtype=np.intp)
    for index, row in enumerate(rows):
        table[index, : len(row)] = [number[tag] for tag in row]
    return table, len(names), names


def membership(rows: Sequence[Sequence[str]], names: Sequence[str]) -> Floats:
    """[row, name]: 1 where the row has the name."""
    return np.array([[float(name in row) for name in names] for row in map(set, rows)]).reshape(
        len(rows), len(names)
    )


def migration_flags(cluster: Cluster) -> NDArray[np.bool_] | None:
    """
    [from, to]: whether all migration tags of the one are understood by the other.

    A tag C{x} is understood by a node that has it, or has C{y} when the cluster is tagged
    C{htools:allowmigration:x::y}.
    """
    prefixes = tuple(f"{prefix}:" for prefix in suffixes(cluster.tags, MIGRATION))
    rows = [starting(node.tags, prefixes) for node in cluster.nodes]
    if not any(rows):
        return None
    allowed = [tag.split("::", 1) for tag in suffixes(cluster.tags, ALLOW_MIGRATION)]
    extended = [
        [*row, *(pair[0] for pair in allowed if len(pair) == 2 and pair[1] in node.tags)]
        for row, node in zip(rows, cluster.nodes, strict=True)
    ]
    names = sorted({tag for row in rows for tag in row})
    has, takes = membership(rows, names), membership(extended, names)
    flags: NDArray[np.bool_] = (has @ (1.0 - takes).T) == 0.0
    return flags
