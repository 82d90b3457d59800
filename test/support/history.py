"""A log made by hand: entries for journals and replicas, with the state they add up to."""

from __future__ import annotations

from ganeti.model import codec
from ganeti.model.config import Configuration
from ganeti.model.delta import Change, Delta, Stamp, apply, changes_of, stamped
from ganeti.model.job import Job, JobOp, OpStatus
from ganeti.model.state import State, StateHeader, header_of
from ganeti.store.entry import Entry, Position, make_entry


def make_job(number: int, status: OpStatus = OpStatus.QUEUED, **settings: object) -> Job:
    """A job of one opcode."""
    op = JobOp(
        input={"OP_ID": "OP_TEST_DELAY", "duration": 0.0}, op_id="OP_TEST_DELAY", status=status
    )
    values = {"id": number, "ops": (op,), "received": 1_000_000_000}
    return Job(**values | settings)  # type: ignore[arg-type]


class History:
    """Each call of L{add} makes the next entry."""

    def __init__(self, term: int = 1) -> None:
        self.term = term
        self.state = State()
        self.position = Position()
        self.entries: list[Entry] = []

    @property
    def header(self) -> StateHeader:
        """Of the state after the last entry."""
        return header_of(self.state)

    def add(self, *changes: Change) -> Entry:
        """An entry with these changes."""
        time_ns = (1000 + self.position.index) * 1_000_000_000
        stamp = Stamp(index=self.position.index + 1, time_s=time_ns / 1e9, term=self.term)
        delta: Delta = stamped(changes, self.state, stamp)
        self.state = apply(self.state, delta, stamp)
        entry = make_entry(self.position, self.term, time_ns, codec.encode(delta))
        self.position = entry.position
        self.entries.append(entry)
        return entry

    def begin(self, config: Configuration) -> Entry:
        """An entry with all objects of a configuration."""
        return self.add(*changes_of(State(config=config)))
