"""New instances that have been given nodes, until they are in the configuration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from ganeti.htools.ialloctext import STATUSES
from ganeti.htools.records import Instance
from ganeti.htools.requests import AllocateRequest, Answer
from ganeti.model.job import Job, is_final
from ganeti.model.reservation import Reservation, ReservationKind
from ganeti.opcodes.base import op_id
from ganeti.opcodes.instance import OpInstanceCreate
from ganeti.operations.allocators.answers import chosen_places
from ganeti.operations.allocators.requests import (
    Allocate,
    AllocatorRequest,
    MultiAllocate,
    parse,
)
from ganeti.operations.allocators.stock import Claims
from ganeti.store.commit import Store
from ganeti.store.reservations import ReservationTable, job_owner

_ROOM = frozenset({ReservationKind.NODE_MEMORY, ReservationKind.NODE_DISK})


@dataclass(frozen=True)
class _Promise:
    """An instance in its place; C{job_id}: who asked, for it alone or for several."""

    job_id: int
    instance: Instance
    several: bool


class Promises:
    """
    What the next allocation has to leave free.

    Reservations are durable, and count in any case. Promises are in memory only: they tell what
    reservations do not, such as processors and tags. A promise holds while the job keeps the
    instance's name reserved; one of several, which jobs of their own will make, while the job
    that asked, or one that is to make it, has not ended.
    """

    def __init__(self, store: Store, reservations: ReservationTable) -> None:
        self._store = store
        self._reservations = reservations
        self._promises: dict[str, _Promise] = {}

    def add(self, job_id: int, request: AllocatorRequest, answer: Answer) -> None:
        """Remember where new instances go."""
        match request:
            case Allocate():
                wanted: tuple[Allocate, ...] = (request,)
            case MultiAllocate():
                wanted = request.instances
            case _:
                return
        places = chosen_places(request, answer)
        several = isinstance(request, MultiAllocate)
        for one in wanted:
            if one.name in places:
                self._add_one(job_id, one, places[one.name], several=several)

    def _add_one(
        self, job_id: int, request: Allocate, nodes: tuple[str, ...], *, several: bool
    ) -> None:
        asked = parse(request)
        assert isinstance(asked, AllocateRequest)
        runs = several or self._keeps_memory(job_id, request.name)
        instance = replace(
            asked.instance,
            primary=nodes[0],
            secondary=nodes[1] if len(nodes) > 1 else "",
            status=STATUSES["up" if runs else "down"],
        )
        self._promises[request.name] = _Promise(job_id, instance, several)

    def claims(self) -> Claims:
        """What jobs and debts have reserved, and the promises that hold."""
        self._drop()
        table = self._reservations
        return Claims(
            reservations=tuple(
                one
                for owner in sorted(table.owners())
                for one in table.held(owner)
                if one.kind in _ROOM
            ),
            promised=tuple(promise.instance for promise in self._promises.values()),
        )

    def _drop(self) -> None:
        """Forget promises that are kept or broken."""
        present = self._store.committed.config.instance_by_name
        several = any(promise.several for promise in self._promises.values())
        open_jobs, to_make = self._open() if several else (set(), set())
        for name, promise in list(self._promises.items()):
            holds = self._keeps_name(promise.job_id, name)
            if promise.several:
                holds = promise.job_id in open_jobs or name in to_make
            if name in present or not holds:
                del self._promises[name]

    def _open(self) -> tuple[set[int], set[str]]:
        """The jobs that have not ended, and the names of the instances that they are to make."""
        jobs = [job for job in self._store.committed.jobs.values() if not is_final(job)]
        return {job.id for job in jobs}, {name for job in jobs for name in _made_by(job)}

    def _keeps_memory(self, job_id: int, name: str) -> bool:
        return any(
            one.kind is ReservationKind.NODE_MEMORY and one.key == name
            for one in self._reservations.held(job_owner(job_id))
        )

    def _keeps_name(self, job_id: int, name: str) -> bool:
        reservation = Reservation(kind=ReservationKind.NAME, key=name, job_id=job_id)
        return self._reservations.holder(reservation) == job_owner(job_id)


def _made_by(job: Job) -> Iterator[str]:
    """The names of the instances that a job is to make."""
    for op in job.ops:
        if op.op_id == op_id(OpInstanceCreate):
            yield str(op.input["instance_name"]).lower()
