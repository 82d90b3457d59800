"""Who keeps what from others: the reservations of open jobs and of debts."""

from __future__ import annotations

from collections.abc import Iterable

from ganeti.errors import ReservationError
from ganeti.model.config import Configuration
from ganeti.model.reservation import Reservation, ReservationKind
from ganeti.model.state import State

Key = tuple[ReservationKind, str, str]
_SUMMED = frozenset({ReservationKind.NODE_MEMORY, ReservationKind.NODE_DISK})
_ANY_CASE = frozenset({ReservationKind.NAME, ReservationKind.MAC})


def job_owner(job_id: int) -> str:
    """The name under which a job holds reservations."""
    return f"job {job_id}"


def debt_owner(debt_uuid: str) -> str:
    """The name under which a debt holds reservations."""
    return f"debt {debt_uuid}"


class ReservationTable:
    """
    What is reserved, and by whom. In memory: jobs and debts carry their reservations durably.

    Names, MACs, addresses, ports, disks and minors have one holder; memory and disk room add up.
    """

    def __init__(self) -> None:
        self._held: dict[str, dict[Reservation, None]] = {}
        self._holder: dict[Key, str] = {}
        self._sums: dict[tuple[ReservationKind, str], int] = {}
        self.conflicts: list[str] = []
        """What L{from_state} found reserved twice."""

    @classmethod
    def from_state(cls, state: State) -> ReservationTable:
        """The table as jobs and debts have it; what an earlier one holds stays with it."""
        table = cls()
        for _, job in sorted(state.jobs.items()):
            table._take_over(job_owner(job.id), job.reservations)
        for _, debt in sorted(state.debts.items()):
            table._take_over(debt_owner(debt.uuid), debt.reservations)
        return table

    def _take_over(self, owner: str, reservations: Iterable[Reservation]) -> None:
        for reservation in reservations:
            try:
                self.reserve(owner, [reservation])
            except ReservationError as err:
                self.conflicts.append(f"{owner}: {err}")

    def reserve(self, owner: str, reservations: Iterable[Reservation]) -> None:
        """
        Reserve all or nothing; what C{owner} holds already it keeps.

        @raise ReservationError: another owner has one of them.
        """
        wanted = list(dict.fromkeys(reservations))
        for reservation in wanted:
            holder = self.holder(reservation)
            if holder not in (None, owner):
                raise ReservationError(f"{describe(reservation)} is reserved by {holder}")
        held = self._held.setdefault(owner, {})
        for reservation in wanted:
            if reservation not in held:
                held[reservation] = None
                self._count(owner, reservation)
        if not held:
            del self._held[owner]

    def _count(self, owner: str, reservation: Reservation) -> None:
        if reservation.kind in _SUMMED:
            place = (reservation.kind, reservation.node_uuid)
            self._sums[place] = self._sums.get(place, 0) + reservation.amount
        else:
            self._holder[_key(reservation)] = owner

    def release(self, owner: str) -> tuple[Reservation, ...]:
        """Free all that C{owner} holds, and return it; nothing is fine."""
        freed = tuple(self._held.pop(owner, ()))
        for reservation in freed:
            if reservation.kind in _SUMMED:
                place = (reservation.kind, reservation.node_uuid)
                left = self._sums.pop(place, 0) - reservation.amount
                if left:
                    self._sums[place] = left
            else:
                self._holder.pop(_key(reservation), None)
        return freed

    def hand_over(self, owner: str, heir: str, reservations: Iterable[Reservation]) -> None:
        """
        C{owner} ends; C{heir} (a debt) keeps C{reservations}, the rest is free.

        @raise ReservationError: a third owner has one of them; nothing changed.
        """
        before = self.release(owner)
        try:
            self.reserve(heir, reservations)
        except ReservationError:
            self.reserve(owner, before)
            raise

    def holder(self, reservation: Reservation) -> str | None:
        """Who holds this name, address, disk...; None for what adds up."""
        return None if reservation.kind in _SUMMED else self._holder.get(_key(reservation))

    def held(self, owner: str) -> tuple[Reservation, ...]:
        """All that C{owner} holds, in the order reserved."""
        return tuple(self._held.get(owner, ()))

    def owners(self) -> frozenset[str]:
        """Who holds anything."""
        return frozenset(self._held)

    def amount(self, kind: ReservationKind, node_uuid: str) -> int:
        """How much memory or disk room, in MiB, is reserved on a node."""
        return self._sums.get((kind, node_uuid), 0)


def describe(reservation: Reservation) -> str:
    """What is reserved, for people."""
    kind = reservation.kind
    if kind in _SUMMED:
        return f"{reservation.amount} MiB of {kind} on node {reservation.node_uuid}"
    where = f" on node {reservation.node_uuid}" if kind is ReservationKind.MINOR else ""
    label = {ReservationKind.MAC: "MAC address", ReservationKind.IP: "IP address"}.get(kind)
    return f"{label or kind.capitalize()} {reservation.key}{where}"


def taken(config: Configuration, reservation: Reservation) -> bool:
    """Whether an object of the configuration already uses what is to be reserved."""
    key = reservation.key
    indexes = config.indexes
    match reservation.kind:
        case ReservationKind.NAME:
            return key.lower() in config.instance_by_name or key.lower() in config.node_by_name
        case ReservationKind.MAC:
            return key.lower() in indexes.macs
        case ReservationKind.IP:
            return key in indexes.node_ips or any(ip == key for _, ip in indexes.ips)
        case ReservationKind.PORT:
            return key.isdecimal() and int(key) in indexes.ports
        case ReservationKind.DISK:
            return key in config.disks
        case ReservationKind.MINOR:
            return key.isdecimal() and (reservation.node_uuid, int(key)) in indexes.minors
        case _:
            return False


def _key(reservation: Reservation) -> Key:
    key = reservation.key.lower() if reservation.kind in _ANY_CASE else reservation.key
    node_uuid = reservation.node_uuid if reservation.kind is ReservationKind.MINOR else ""
    return (reservation.kind, key, node_uuid)
