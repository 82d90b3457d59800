"""
Greedy colouring of graphs: neighbours never share a colour.

The least number of colours cannot be found in reasonable time; three orders of colouring are tried,
and the result with the fewest colours is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

Graph = Sequence[Mapping[int, int]]
"""Of each vertex its neighbours, and how many edges lead to each."""


class Colouring(NamedTuple):
    """What one order of colouring comes to: the vertices of each colour, in ascending order."""

    name: str
    classes: list[list[int]]


def colourings(graph: Graph) -> list[Colouring]:
    """What the orders of colouring come to, those with the fewest colours first."""
    orders = (("Dcolor", _coloured), ("Dsatur", _saturation), ("LF", _degree))
    found = [Colouring(name, _classes(graph, order)) for name, order in orders]
    return sorted(found, key=lambda each: len(each.classes))


def comparison(found: Sequence[Colouring]) -> str:
    """How they compare, in a line: colours, vertices of each; the names are hroller(1)'s."""
    text = ""
    for before, each in zip([None, *found], found, strict=False):
        if before is not None:
            text += " TIE " if len(before.classes) == len(each.classes) else " LOOSE "
        sizes = ",".join(str(len(members)) for members in each.classes)
        text += f"{each.name}: {len(each.classes)} ({sizes})"
    return text


def _classes(
    graph: Graph, rank: Callable[[Graph, int, Sequence[int]], tuple[int, int]]
) -> list[list[int]]:
    colours = [-1] * len(graph)
    waiting = set(range(len(graph)))
    classes: list[list[int]] = []
    while waiting:
        vertex = max(waiting, key=lambda each: (*rank(graph, each, colours), each))
        waiting.remove(vertex)
        taken = {colours[each] for each in graph[vertex] if each != vertex}
        free = next(number for number in range(len(classes) + 1) if number not in taken)
        if free == len(classes):
            classes.append([])
        classes[free].append(vertex)
        colours[vertex] = free
    return [sorted(each) for each in classes]


def _degree(graph: Graph, vertex: int, _colours: Sequence[int]) -> tuple[int, int]:
    """Largest first: those with the most edges."""
    return sum(graph[vertex].values()), 0


def _saturation(graph: Graph, vertex: int, colours: Sequence[int]) -> tuple[int, int]:
    """Those whose neighbours have the most different colours."""
    seen = {colours[each] for each in graph[vertex] if colours[each] >= 0}
    return len(seen), sum(graph[vertex].values())


def _coloured(graph: Graph, vertex: int, colours: Sequence[int]) -> tuple[int, int]:
    """Those with the most neighbours that have a colour."""
    return sum(colours[each] >= 0 for each in graph[vertex]), sum(graph[vertex].values())
