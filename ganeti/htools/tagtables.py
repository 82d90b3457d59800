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
    asked = (f"{prefix}:" for prefix in cluster.settings.exclusion_tags)
    exclusive = Prefixes([*suffixes(cluster.tags, EXCLUSION), *asked])
    exclusion, count, _names = numbered([exclusive.starting(one.tags) for one in cluster.instances])
    location = Prefixes(f"{prefix}:" for prefix in suffixes(cluster.tags, LOCATION))
    at_node = [location.starting(node.tags) for node in cluster.nodes]
    locations = shared = None
    if any(at_node):
        locations = membership(at_node, sorted({tag for tags in at_node for tag in tags}))
        shared = locations @ locations.T
    wanted = Prefixes(suffixes(cluster.tags, DESIRED_LOCATION))
    desired, _count, names = numbered([wanted.starting(one.tags) for one in cluster.instances])
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


class Prefixes:
    """Beginnings of tags; a million of them take no longer than a few."""

    def __init__(self, prefixes: Iterable[str]) -> None:
        self._by_length: dict[int, set[str]] = {}
        for prefix in prefixes:
            self._by_length.setdefault(len(prefix), set()).add(prefix)

    def starting(self, tags: Sequence[str]) -> list[str]:
        """Those that start with one of them, once each."""
        if not self._by_length or not tags:
            return []
        return list(dict.fromkeys(tag for tag in tags if self._begins(tag)))

    def _begins(self, tag: str) -> bool:
        return any(tag[:length] in known for length, known in self._by_length.items())


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
    number = {name: index for index, name in enumerate(names)}
    table = np.zeros((len(rows), len(names)))
    for index, row in enumerate(rows):
        table[index, [number[name] for name in row if name in number]] = 1.0
    return table


def migration_flags(cluster: Cluster) -> NDArray[np.bool_] | None:
    """
    [from, to]: whether all migration tags of the one are understood by the other.

    A tag C{x} is understood by a node that has it, or has C{y} when the cluster is tagged
    C{htools:allowmigration:x::y}.
    """
    prefixes = Prefixes(f"{prefix}:" for prefix in suffixes(cluster.tags, MIGRATION))
    rows = [prefixes.starting(node.tags) for node in cluster.nodes]
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
