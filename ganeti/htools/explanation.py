"""Why a new instance goes where it goes, or nowhere (--explain)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ganeti.htools.advice import Advice, advise, without_it
from ganeti.htools.allocation import Allocation, AllocationOptions, allocate
from ganeti.htools.candidatelines import candidate_lines
from ganeti.htools.candidates import Candidate, Candidates, allocation_candidates
from ganeti.htools.cluster import Cluster
from ganeti.htools.globaln1 import failing_nodes
from ganeti.htools.reasons import counted, reason_lines
from ganeti.htools.records import Instance
from ganeti.htools.tables import DISK, MEM

USUAL = AllocationOptions()
# So many candidates are told one by one; the others by their reasons.
TOLD = 10
# With -v all are told, and so many of the best with the terms of their scores.
DETAILED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What became of all candidates, and what to do when none fits."""

    summary: str
    """A sentence or two that an admin can act on."""
    found: Candidates
    """All of them."""
    advice: Advice
    """What would make it fit, when nothing does."""
    chosen: tuple[str, ...]
    """Full names; empty: it fits nowhere."""

    def candidates(self, most: int | None = None) -> list[Candidate]:
        """The chosen one first, then the others that fit, then those that are nearest."""
        chosen, ranked = self.found.place_of(self.chosen), self.found.ranked()
        places = np.concatenate([chosen, ranked[~np.isin(ranked, chosen)]])[:most]
        return list(self.found.each(places, TOLD if most == TOLD else DETAILED))


def explain_allocation(
    cluster: Cluster,
    instance: Instance,
    node_count: int,
    options: AllocationOptions = USUAL,
) -> Explanation:
    """Look at every candidate, and say what becomes of it."""
    chosen = allocate(cluster, instance, node_count, options)
    found = allocation_candidates(cluster, instance, node_count, options)
    if chosen.nodes:
        summary, advice = success(cluster, instance, chosen, found), Advice()
    else:
        summary, advice = failure(found, node_count)
    return Explanation(summary=summary, found=found, advice=advice, chosen=chosen.nodes)


def why_not(
    cluster: Cluster, instance: Instance, node_count: int, options: AllocationOptions = USUAL
) -> str:
    """Why an instance that fits nowhere does not, and the cheapest change: a sentence or two."""
    found = allocation_candidates(cluster, instance, node_count, options)
    return failure(found, node_count)[0]


def success(cluster: Cluster, instance: Instance, chosen: Allocation, found: Candidates) -> str:
    """Where it goes, and why there."""
    names = "/".join(cluster.short(node) for node in chosen.nodes)
    text = f"{instance.name} goes to {names} in the group {chosen.group}: "
    text += f"of {counted(found, found.fits)} that would do "
    better = found.fits & (found.scores < chosen.score - 1e-9)
    if not better.any():
        return f"{text}the one with the lowest score then, {chosen.score:.8f}."
    text += f"the best, with the score {chosen.score:.8f}; "
    exclusive = found.state.nodes.exclusive[found.places.primary]
    own = [found.cluster.groups[group].name == chosen.group for group in found.groups]
    if not (better & np.array(own)).any():
        text += f"{int(better.sum())} with lower scores are in groups"
        return f"{text} that are the last resort."
    if exclusive.all():
        return f"{text}with exclusive storage the least room is to be lost, whatever the score."
    return (
        f"{text}{int(better.sum())} with lower scores are left out: some node could not fail then "
        "(N+1)."
    )


def failure(found: Candidates, node_count: int) -> tuple[str, Advice]:
    """
    Why it goes nowhere, and what to do.

    @param node_count: 0: it is somewhere already, and should move.
    """
    name, ranked = found.instance.name, found.ranked()
    if node_count not in (0, 1, 2):
        return f"{name} fits nowhere: {node_count} nodes are asked for, not one or two.", Advice()
    place = int(ranked[0]) if len(ranked) else None
    if place is None:
        why = no_place(found, node_count)
    elif not found.fits[place]:
        why = nearest(found, place)
    else:
        why = not_redundant(found, place)
        if not why:
            return f"{name} fits, on {'/'.join(found.place_names(place))} for instance.", Advice()
    elsewhere = unrestricted(found, node_count)
    if elsewhere:
        return f"{name} fits nowhere: {why}. {elsewhere}", Advice()
    advice = advise(found, place, node_count)
    remedy = advice.words(found.cluster, found.instance)
    head = f"{name} fits nowhere{'' if node_count else ' else'}: {why}."
    return f"{head} {remedy}".rstrip(), advice


def no_place(found: Candidates, node_count: int) -> str:
    """There are too few nodes."""
    if not node_count:
        return "there are too few other nodes (those that are left by others do not count)"
    narrow = found.options.restrict_to is not None
    restricted = " of those that it is restricted to" if narrow else ""
    wanted = "it needs two nodes in one group" if node_count == 2 else "there is no node"
    largest = int(np.bincount(found.state.nodes.group, minlength=1).max(initial=0))
    if node_count == 1 or not largest:
        return f"{wanted}{restricted}"
    return f"{wanted}, and no group has more than one{restricted}"


def unrestricted(found: Candidates, node_count: int) -> str:
    """Where it would fit if it were not restricted to some nodes; empty: nowhere."""
    if not node_count or found.options.restrict_to is None:
        return ""
    wanted = replace(found.options, restrict_to=None)
    other = allocate(without_it(found), found.instance, node_count, wanted)
    names = "/".join(found.cluster.short(node) for node in other.nodes)
    return f"It may go to some nodes only; without that it fits, on {names}." if names else ""


def not_redundant(found: Candidates, place: int) -> str:
    """What happens when a node fails is against it; empty: it is not."""
    before = failing_nodes(found.state)
    _terms, failing = found.placed(place)
    if not failing:
        return ""
    text = f"there is room on {counted(found, found.fits)}, but {found.doomed(before or failing)}"
    return f"{text}{', even without it' if before else ''} (--no-capacity-checks ignores that)"


def nearest(found: Candidates, place: int) -> str:
    """What keeps it from the place where least does."""
    if not found.state.nodes.online.any():
        return "all nodes are offline, drained or cannot have instances"
    constraint = found.constraint(place)
    if found.small[place]:
        constraint += f"; {largest_nodes(found)}"
    if found.places.count == 1 or found.refusals[found.groups[place]]:
        return constraint
    count = counted(found, np.ones(found.places.count, dtype=bool))
    return f"{'/'.join(found.place_names(place))} comes nearest of {count}, but {constraint}"


def largest_nodes(found: Candidates) -> str:
    """That no node has as much as is asked, or only not that one."""
    nodes, newcomer, told = found.state.nodes, found.newcomer, []
    for sizes, row, asked, what in (
        (nodes.memory, MEM, newcomer.memory, "memory"),
        (nodes.disk, DISK, newcomer.disk, "disk"),
    ):
        free = found.state.resources[row]
        largest = int(np.lexsort((free, sizes * nodes.online))[-1])
        if sizes[largest] <= asked:
            told.append(
                f"{found.names[largest]}, has {sizes[largest]:.0f} MiB of {what} in all "
                f"({free[largest]:.0f} free)"
            )
    if not told:
        return "what is short is more than could be freed there"
    return f"no node is large enough: the largest, {' and '.join(told)}"


def explanation_lines(explanation: Explanation, verbose: bool = False) -> list[str]:
    """
    For people to read.

    @param verbose: every candidate; else the first ten, and groups of the others.
    """
    lines = [explanation.summary]
    found = explanation.found
    if not found.places.count or (found.places.count == 1 and not explanation.chosen):
        return lines
    if verbose:
        title, candidates = "All places, the best first:", explanation.candidates()
    else:
        title = "The best places:" if explanation.chosen else "The nearest places:"
        candidates = explanation.candidates(TOLD)
    lines += [title, *candidate_lines(candidates, together=not verbose)]
    left = int(found.fits.sum()) - TOLD
    if left > 0 and not verbose:
        worst = float(found.scores[found.fits].max())
        more = f"that fit, with scores up to {worst:.8f}" if explanation.chosen else "like these"
        lines.append(f"  and {left} more {more}")
    reasons = reason_lines(found)
    return lines + (["What is refused:", *(f"  {line}" for line in reasons)] if reasons else [])
