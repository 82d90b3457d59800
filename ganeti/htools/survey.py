"""All places for one instance at once: which fit, which rule refuses the others, how far off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ganeti.htools.deficit import (
    OFFLINE_COST,
    Deficit,
    Room,
    deficit_of,
    disk_room,
    primary_memory,
    primary_room,
    secondary_memory,
    secondary_room,
)
from ganeti.htools.newcomer import Code, Codes, Newcomer
from ganeti.htools.shortage import (
    Rule,
    Shortage,
    at_node,
    disk_rules,
    less_than,
    migration_rules,
    offline_rule,
    primary_rules,
    reserve_rule,
    secondary_rules,
)
from ganeti.htools.tables import Flags, Floats, Ints


@dataclass(frozen=True, eq=False, slots=True)
class Places:
    """Nodes, or pairs of nodes, that could be looked at."""

    primary: Ints
    secondary: Ints
    """Empty: the instance has one node only."""
    primary_stays: bool = False
    """The instance runs there already."""
    old: int = -1
    """The node that it runs on now; -1: it is new."""
    forced: bool = False
    """The copy leaves a node that is not there: only what cannot be passed over counts."""

    @property
    def count(self) -> int:
        """How many."""
        return len(self.primary)

    @property
    def pairs(self) -> bool:
        """Whether both nodes are looked for."""
        return len(self.secondary) > 0 and not self.primary_stays

    def nodes(self, place: int) -> tuple[int, ...]:
        """The nodes of one place."""
        first = int(self.primary[place])
        return (first, int(self.secondary[place])) if len(self.secondary) else (first,)


class Survey:
    """An instance without a place, and what all places are to it."""

    def __init__(self, newcomer: Newcomer, places: Places) -> None:
        self.newcomer, self.places = newcomer, places
        self.migration = migration_rules(newcomer, places.old)
        self.first_rules = self._rules_of_primary()
        self.second_rules = self._rules_of_copy()
        none = np.zeros(newcomer.state.nodes.count)
        memory = self._memory_of_primary()
        self.first = deficit_of(self.first_rules, memory)
        self.second = deficit_of(self.second_rules, none)
        pair = (newcomer, places.primary, places.secondary)
        reserves = len(places.secondary) > 0 and not places.forced
        self.pair_rules = [reserve_rule(*pair)] if reserves else []
        self.pair_memory = secondary_memory(*pair) if reserves else np.zeros(places.count)
        self.codes: Codes = np.zeros(places.count, dtype=np.int8)
        """By place: the first rule that refuses it."""
        self.short: Floats = np.zeros(places.count)
        """By how much."""
        self.at_second: Flags = np.zeros(places.count, dtype=bool)
        """Whether it is the secondary node that refuses."""
        self._look()
        self.cost = self._cost()
        """By place: how far it is from fitting, in parts of what is asked."""

    def _rules_of_primary(self) -> list[Rule]:
        if not self.places.primary_stays:
            return [*self.migration, *primary_rules(self.newcomer)]
        if self.places.forced:
            return []
        # It stays where it is, and has to have room there.
        newcomer = self.newcomer
        return [less_than(Code.MEMORY, newcomer.memory, newcomer.limits.memory)]

    def _memory_of_primary(self) -> Floats:
        if not self.places.primary_stays:
            return primary_memory(self.newcomer)
        memory = np.zeros(self.newcomer.state.nodes.count)
        for rule in self.first_rules:
            memory = np.maximum(memory, rule.short)
        return memory

    def _rules_of_copy(self) -> list[Rule]:
        if not len(self.places.secondary):
            return []
        if self.places.forced:
            return [offline_rule(self.newcomer), *disk_rules(self.newcomer)]
        return secondary_rules(self.newcomer)

    def _look(self) -> None:
        places = self.places
        self._refuse(self.first_rules, places.primary, second=False)
        if not len(places.secondary):
            return
        self._refuse(self.second_rules, places.secondary, second=True)
        for rule in self.pair_rules:
            self._take(rule.code, rule.short, second=True)

    def _refuse(self, rules: list[Rule], nodes: Ints, *, second: bool) -> None:
        for rule in rules:
            self._take(rule.code, rule.short[nodes], second=second)

    def _take(self, code: Code, short: Floats, *, second: bool) -> None:
        """Places that nothing has refused yet, and this rule does."""
        mine = (self.codes == Code.FITS) & (short > 0)
        self.codes[mine] = code
        self.short[mine] = short[mine]
        self.at_second[mine] = second

    def _cost(self) -> Floats:
        places, newcomer = self.places, self.newcomer
        cost = self.first.cost(newcomer)[places.primary]
        for rule in self.migration if not places.primary_stays else ():
            cost = cost + OFFLINE_COST * rule.short[places.primary]
        if len(places.secondary):
            cost = cost + self.second.cost(newcomer)[places.secondary]
            cost = cost + self.pair_memory / max(newcomer.memory, 1.0)
        return cost

    @property
    def fits(self) -> Flags:
        """By place: whether no rule refuses it."""
        fits: Flags = self.codes == Code.FITS
        return fits

    def scores(self) -> Floats:
        """By place: the score with the instance there; infinite where it does not fit."""
        places, fits = self.places, self.fits
        scores = np.full(places.count, np.inf)
        if not len(places.secondary):
            scores[fits] = self.newcomer.scores()[places.primary[fits]]
        elif fits.any():
            pairs = places.primary[fits], places.secondary[fits]
            scores[fits] = self.newcomer.pair_scores(*pairs)
        return scores

    def shortages(self, place: int) -> list[Shortage]:
        """All that is wrong with a place."""
        nodes = self.places.nodes(place)
        found = at_node(self.first_rules, nodes[0], nodes[0], False)
        if len(nodes) > 1:
            found += at_node(self.second_rules, nodes[1], nodes[1], True)
            found += at_node(self.pair_rules, place, nodes[1], True)
        return found

    def deficits(self, place: int) -> list[tuple[int, Deficit]]:
        """By node of a place: what has to be freed there."""
        nodes = self.places.nodes(place)
        found = [(nodes[0], Deficit(*(each[nodes[0]] for each in self.first)))]
        if len(nodes) > 1:
            second = Deficit(*(each[nodes[1]] for each in self.second))
            found.append((nodes[1], second._replace(memory=self.pair_memory[place])))
        return found

    def room(self) -> Room:
        """By place: how large the instance could be."""
        places, newcomer = self.places, self.newcomer
        room, here = primary_room(newcomer), places.primary
        if places.primary_stays:
            none = np.full(places.count, np.inf)
            memory, disk, cpus = none, none, none
        else:
            memory, disk, cpus = room.memory[here], room.disk[here], room.cpus[here]
        if len(places.secondary):
            copy = places.secondary
            memory = np.minimum(memory, secondary_room(newcomer, here, copy))
            disk = np.minimum(disk, disk_room(newcomer)[copy])
        return Room(memory, disk, cpus)
