"""
Who holds which cluster lock, and who waits, in order.

Pure: no clock, no Deferreds. An owner (a job id) takes all its locks at once
or waits for all of them, so there is nothing to deadlock on. Requests stand in
order of priority, then arrival; one is passed over only by requests that do
not conflict with it.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ganeti.errors import LockError
from ganeti.model.locks import LOCKSET, HeldLock, Level, LockMode, lock_name

Key = tuple[Level, str]
Wanted = Mapping[Key, LockMode]
Place = tuple[int, int]


def wanted_from_locks(locks: Iterable[HeldLock]) -> dict[Key, LockMode]:
    """Turn a unit's lock list into a mapping; of two modes for one lock the stronger stays."""
    wanted: dict[Key, LockMode] = {}
    for lock in locks:
        key = (lock.level, lock.name)
        if wanted.get(key) is not LockMode.EXCLUSIVE:
            wanted[key] = lock.mode
    return wanted


def locks_from_held(held: Wanted) -> tuple[HeldLock, ...]:
    """The same as records, for the job's durable form."""
    return tuple(
        HeldLock(level=level, name=name, mode=mode) for (level, name), mode in held.items()
    )


def merge(first: Wanted, second: Wanted) -> dict[Key, LockMode]:
    """The locks of both, each in the stronger of its modes."""
    merged = dict(first)
    for key, mode in second.items():
        if merged.get(key) is not LockMode.EXCLUSIVE:
            merged[key] = mode
    return merged


def covers(held: Wanted, wanted: Wanted) -> bool:
    """Whether holding C{held} allows all that C{wanted} would; a set stands for its members."""
    return all(_covered(held, key, mode) for key, mode in wanted.items())


def _covered(held: Wanted, key: Key, mode: LockMode) -> bool:
    for name in (key, (key[0], LOCKSET)):
        have = held.get(name)
        if have is LockMode.EXCLUSIVE or have is mode:
            return True
    return False


class Claims:
    """Lock sets of several owners, with the question whether another set fits beside them."""

    def __init__(self) -> None:
        self._levels: dict[Level, dict[str, dict[int, LockMode]]] = {}

    def add(self, owner: int, wanted: Wanted) -> None:
        for (level, name), mode in wanted.items():
            self._levels.setdefault(level, {}).setdefault(name, {})[owner] = mode

    def remove(self, owner: int, wanted: Iterable[Key]) -> None:
        for level, name in wanted:
            names = self._levels[level]
            del names[name][owner]
            if not names[name]:
                del names[name]

    def admits(self, wanted: Wanted) -> bool:
        """Whether no claim conflicts with C{wanted}; the asking owner claims nothing itself."""
        return all(self._admits_one(level, name, mode) for (level, name), mode in wanted.items())

    def _admits_one(self, level: Level, name: str, mode: LockMode) -> bool:
        names = self._levels.get(level)
        if not names:
            return True
        others: Iterable[dict[int, LockMode]]
        if name == LOCKSET:
            others = names.values()
        else:
            others = (names[one] for one in (name, LOCKSET) if one in names)
        if mode is LockMode.EXCLUSIVE:
            return not any(others)
        return not any(LockMode.EXCLUSIVE in claims.values() for claims in others)

    def rows(self) -> dict[Key, dict[int, LockMode]]:
        return {
            (level, name): dict(claims)
            for level, names in self._levels.items()
            for name, claims in names.items()
        }


@dataclass(order=True)
class _Request:
    place: Place
    owner: int = field(compare=False)
    wanted: Wanted = field(compare=False)


@dataclass(frozen=True)
class LockRow:
    """One lock as C{gnt-debug locks} shows it."""

    name: str
    mode: LockMode | None
    owners: tuple[int, ...]
    pending: tuple[tuple[LockMode, int], ...]


class LockTable:
    """Grants and queues requests; methods that may let others in return the owners now granted."""

    def __init__(self) -> None:
        self._held = Claims()
        self._held_by: dict[int, dict[Key, LockMode]] = {}
        self._places: dict[int, Place] = {}
        self._waiting: list[_Request] = []
        self._arrivals = 0

    def request(self, owner: int, wanted: Wanted, priority: int) -> bool:
        """Grant all of C{wanted} at once, or queue the request; say which."""
        if owner in self._places:
            raise LockError(f"Job {owner} already holds locks or waits for them")
        self._arrivals += 1
        self._places[owner] = (priority, self._arrivals)
        return owner in self._enqueue(owner, wanted)

    def again(self, owner: int, wanted: Wanted) -> list[int]:
        """Give all back and ask for C{wanted} in the old place; the answer may have C{owner}."""
        self._drop(owner)
        return self._enqueue(owner, wanted)

    def adopt(self, owner: int, held: Wanted, priority: int) -> None:
        """Enter the holder of C{held}: a job interrupted before the start."""
        self._arrivals += 1
        self._places[owner] = (priority, self._arrivals)
        self._grant(owner, held)

    def release(self, owner: int) -> list[int]:
        """Free what C{owner} holds, or take it out of the queue."""
        self._drop(owner)
        self._places.pop(owner, None)
        return self._admit()

    def shrink(self, owner: int, keep: Iterable[Key]) -> list[int]:
        """Free all locks of C{owner} but C{keep}; keys it does not hold are ignored."""
        kept = set(keep)
        held = self._held_by.get(owner, {})
        freed = [key for key in held if key not in kept]
        self._held.remove(owner, freed)
        for key in freed:
            del held[key]
        return self._admit()

    def reprioritise(self, owner: int, priority: int) -> list[int]:
        """Move C{owner} among the waiting; its arrival counts as before."""
        if owner not in self._places:
            return []
        self._places[owner] = (priority, self._places[owner][1])
        for request in self._waiting:
            if request.owner == owner:
                request.place = self._places[owner]
                self._waiting.sort()
                return self._admit()
        return []

    def held(self, owner: int) -> Mapping[Key, LockMode]:
        """What C{owner} holds now; empty while it waits."""
        return self._held_by.get(owner, {})

    def obtainable(self, wanted: Wanted) -> dict[Key, LockMode]:
        """Those of C{wanted} that would be granted at once, each alone."""
        before = Claims()
        for request in self._waiting:
            before.add(request.owner, request.wanted)
        return {
            key: mode
            for key, mode in wanted.items()
            if self._held.admits({key: mode}) and before.admits({key: mode})
        }

    def owners(self) -> set[int]:
        """All that hold locks."""
        return {owner for owner, held in self._held_by.items() if held}

    def waiting(self) -> list[int]:
        """Owners that wait, first in line first."""
        return [request.owner for request in self._waiting]

    def rows(self) -> list[LockRow]:
        """All locks held or waited for, and the set of each level that has one, sorted by name."""
        held = self._held.rows()
        pending: dict[Key, list[tuple[LockMode, int]]] = {}
        for request in self._waiting:
            for key, mode in request.wanted.items():
                pending.setdefault(key, []).append((mode, request.owner))
        keys = held.keys() | pending.keys()
        keys |= {(level, LOCKSET) for level, _ in keys}
        return sorted(
            (_row(key, held.get(key, {}), pending.get(key, [])) for key in keys),
            key=lambda row: row.name,
        )

    def _enqueue(self, owner: int, wanted: Wanted) -> list[int]:
        insort(self._waiting, _Request(self._places[owner], owner, wanted))
        return self._admit()

    def _drop(self, owner: int) -> None:
        held = self._held_by.pop(owner, None)
        if held is not None:
            self._held.remove(owner, held)
        else:
            self._waiting = [request for request in self._waiting if request.owner != owner]

    def _grant(self, owner: int, wanted: Wanted) -> None:
        self._held.add(owner, wanted)
        self._held_by[owner] = dict(wanted)

    def _admit(self) -> list[int]:
        """Grant, in order, each request that conflicts with no holder and nobody before it."""
        if not self._waiting:
            return []
        before = Claims()
        still: list[_Request] = []
        granted: list[int] = []
        for request in self._waiting:
            if self._held.admits(request.wanted) and before.admits(request.wanted):
                self._grant(request.owner, request.wanted)
                granted.append(request.owner)
            else:
                before.add(request.owner, request.wanted)
                still.append(request)
        self._waiting = still
        return granted


def _row(key: Key, holders: Mapping[int, LockMode], pending: list[tuple[LockMode, int]]) -> LockRow:
    mode = None
    if holders:
        mode = LockMode.EXCLUSIVE if LockMode.EXCLUSIVE in holders.values() else LockMode.SHARED
    name = lock_name(HeldLock(level=key[0], name=key[1], mode=mode or LockMode.SHARED))
    return LockRow(name, mode, tuple(sorted(holders)), tuple(pending))
