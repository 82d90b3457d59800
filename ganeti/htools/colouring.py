"""
Greedy colouring of graphs: neighbours never share a colour.

The least number of colours cannot be found in reasonable time; three orders of colouring are tried,
and the result with the fewest colours is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

Graph = Sequence[Mapping[int, int]]
"""Of each vertex its neighbours, and how many edges lead to each."""


def colour(graph: Graph) -> list[list[int]]:
    """The vertices of each colour, in ascending order."""
    return min((_classes(graph, order) for order in (_coloured, _saturation, _degree)), key=len)


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
