"""Reservations: who keeps what from others."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from immutables import Map
from msgspec import Raw
from support.history import make_job
from support.samples import disk_uuid, make_config, make_instance, node_uuid
from support.thorough import examples

from ganeti.errors import ReservationError
from ganeti.model.recovery import Debt, OnNode
from ganeti.model.reservation import Reservation, ReservationKind
from ganeti.model.state import State
from ganeti.store.reservations import ReservationTable, debt_owner, describe, job_owner, taken

OWNERS = ("job 1", "job 2", "debt d")
NODES = ("n1", "n2")
RESERVATIONS = st.builds(
    Reservation,
    kind=st.sampled_from(ReservationKind),
    key=st.sampled_from(["a", "A", "b"]),
    job_id=st.just(1),
    node_uuid=st.sampled_from(NODES),
    amount=st.integers(0, 3),
)
SUMMED = (ReservationKind.NODE_MEMORY, ReservationKind.NODE_DISK)


def place_of(reservation: Reservation) -> tuple[str, ...]:
    """What only one owner may have, written down a second time."""
    kind = reservation.kind
    any_case = kind in (ReservationKind.NAME, ReservationKind.MAC)
    key = reservation.key.lower() if any_case else reservation.key
    return (kind, key, reservation.node_uuid if kind is ReservationKind.MINOR else "")


class ReservationMachine(RuleBasedStateMachine):
    """The table against the plain list of who reserved what."""

    def __init__(self) -> None:
        super().__init__()
        self.table = ReservationTable()
        self.model: dict[str, set[Reservation]] = {owner: set() for owner in OWNERS}

    def others(self, owner: str) -> set[tuple[str, ...]]:
        held = [r for other in OWNERS if other != owner for r in self.model[other]]
        return {place_of(r) for r in held if r.kind not in SUMMED}

    @rule(owner=st.sampled_from(OWNERS), wanted=st.lists(RESERVATIONS, max_size=3))
    def reserve(self, owner: str, wanted: list[Reservation]) -> None:
        """All or nothing."""
        exclusive = {place_of(r) for r in wanted if r.kind not in SUMMED}
        if exclusive & self.others(owner):
            with pytest.raises(ReservationError):
                self.table.reserve(owner, wanted)
        else:
            self.table.reserve(owner, wanted)
            self.model[owner] |= set(wanted)

    @rule(owner=st.sampled_from(OWNERS))
    def release(self, owner: str) -> None:
        """Everything goes, and is returned."""
        assert set(self.table.release(owner)) == self.model[owner]
        self.model[owner] = set()

    @rule(owner=st.sampled_from(OWNERS), heir=st.sampled_from(OWNERS), keep=st.data())
    def hand_over(self, owner: str, heir: str, keep: st.DataObject) -> None:
        """A part stays with the heir."""
        if owner == heir:
            return
        kept = [r for r in sorted(self.model[owner], key=repr) if keep.draw(st.booleans())]
        self.table.hand_over(owner, heir, kept)
        self.model[owner] = set()
        self.model[heir] |= set(kept)

    @invariant()
    def as_written_down(self) -> None:
        for owner in OWNERS:
            assert set(self.table.held(owner)) == self.model[owner]
        assert self.table.owners() == {owner for owner in OWNERS if self.model[owner]}

    @invariant()
    def sums_add_up(self) -> None:
        for kind in SUMMED:
            for node in NODES:
                held = [r for owner in OWNERS for r in self.model[owner]]
                amounts = [r.amount for r in held if (r.kind, r.node_uuid) == (kind, node)]
                assert self.table.amount(kind, node) == sum(amounts)


TestReservationMachine = ReservationMachine.TestCase
TestReservationMachine.settings = settings(max_examples=examples(40), deadline=None)


def mac(key: str = "aa:00:00:00:00:01", job_id: int = 1) -> Reservation:
    return Reservation(kind=ReservationKind.MAC, key=key, job_id=job_id)


def test_refusal_names_thing_and_holder() -> None:
    """The error tells what is taken, and by whom."""
    table = ReservationTable()
    table.reserve(job_owner(1), [mac()])
    with pytest.raises(ReservationError) as caught:
        table.reserve(job_owner(2), [mac(job_id=2)])
    assert str(caught.value) == "MAC address aa:00:00:00:00:01 is reserved by job 1"


def test_hand_over_to_an_heir_who_may_not() -> None:
    """When the heir cannot have it, everything stays as it was."""
    table = ReservationTable()
    other = mac("aa:00:00:00:00:02")
    table.reserve(job_owner(1), [mac()])
    table.reserve(job_owner(2), [other])
    with pytest.raises(ReservationError):
        table.hand_over(job_owner(1), debt_owner("d"), [mac(), other])
    assert table.held(job_owner(1)) == (mac(),)
    assert table.held(debt_owner("d")) == ()


def test_from_state() -> None:
    """Jobs and debts hold what their records say; the earlier one keeps what two claim."""
    room = Reservation(
        kind=ReservationKind.NODE_MEMORY, key="", job_id=3, node_uuid=node_uuid(1), amount=512
    )
    debt = Debt(
        uuid="d",
        node_uuid=node_uuid(1),
        job_id=3,
        op=0,
        reason="unreachable",
        created=1,
        action=OnNode(node_uuid=node_uuid(1), call=Raw(b"{}")),
        reservations=(room,),
    )
    jobs = {1: make_job(1, reservations=(mac(),)), 2: make_job(2, reservations=(mac(),))}
    table = ReservationTable.from_state(State(jobs=Map(jobs), debts=Map({"d": debt})))
    assert table.held(job_owner(1)) == (mac(),)
    assert table.held(debt_owner("d")) == (room,)
    assert table.amount(ReservationKind.NODE_MEMORY, node_uuid(1)) == 512
    assert table.conflicts == ["job 2: MAC address aa:00:00:00:00:01 is reserved by job 1"]


@pytest.mark.parametrize(
    ("kind", "key", "used"),
    [
        (ReservationKind.NAME, "INST1.example.com", True),
        (ReservationKind.NAME, "node1.example.com", True),
        (ReservationKind.NAME, "inst2.example.com", False),
        (ReservationKind.MAC, "AA:00:00:00:00:01", True),
        (ReservationKind.MAC, "aa:00:00:00:00:02", False),
        (ReservationKind.IP, "192.0.2.1", True),
        (ReservationKind.IP, "192.0.2.99", False),
        (ReservationKind.PORT, "11000", True),
        (ReservationKind.PORT, "11001", False),
        (ReservationKind.PORT, "x", False),
        (ReservationKind.DISK, disk_uuid(1), True),
        (ReservationKind.MINOR, "0", False),
        (ReservationKind.NODE_MEMORY, "", False),
    ],
)
def test_taken(kind: ReservationKind, key: str, used: bool) -> None:
    """What objects of the configuration use is not free."""
    config = make_config(2, 1).with_instance(make_instance(1, network_port=11000))
    reservation = Reservation(kind=kind, key=key, job_id=1, node_uuid=node_uuid(1))
    assert taken(config, reservation) == used


def test_describe() -> None:
    """What is reserved, in words."""
    minor = Reservation(kind=ReservationKind.MINOR, key="4", job_id=1, node_uuid="n")
    disk = Reservation(kind=ReservationKind.NODE_DISK, key="", job_id=1, node_uuid="n", amount=7)
    assert describe(minor) == "Minor 4 on node n"
    assert describe(disk) == "7 MiB of node-disk on node n"
    assert describe(Reservation(kind=ReservationKind.NAME, key="web1", job_id=1)) == "Name web1"
