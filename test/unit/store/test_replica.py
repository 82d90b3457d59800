"""A candidate's copy: entries, gaps, other histories, snapshots, terms."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace
from support.history import History, make_job
from support.samples import make_config
from support.thorough import examples
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import StorageError
from ganeti.model.delta import put
from ganeti.model.state import State
from ganeti.store.entry import Entry, Position, make_entry
from ganeti.store.memory_journal import MemoryJournal
from ganeti.store.nodestate import MemoryNodeState
from ganeti.store.replica import Replica, continuation
from ganeti.store.sqlite import SyncError


class Copy:
    """A replica whose answers are there at once."""

    def __init__(self, case: SynchronousTestCase, log_kept: int = 100) -> None:
        self.case = case
        self.journal = MemoryJournal(log_kept=log_kept)
        self.node_state = MemoryNodeState()
        self.fatal: list[Exception] = []
        self.restart()

    def restart(self) -> None:
        """The daemon begins again."""
        opening = Replica.open(self.journal, self.node_state, on_fatal=self.fatal.append)
        self.replica: Replica = self.now(opening)

    def now(self, awaitable: Any) -> Any:
        return self.case.successResultOf(Deferred.fromCoroutine(awaitable))

    def append(self, *entries: Entry, term: int = 1) -> Position:
        position: Position = self.now(self.replica.append(term, entries))
        return position

    def refuses(self, awaitable: Any) -> str:
        failure = self.case.failureResultOf(Deferred.fromCoroutine(awaitable), StorageError)
        return str(failure.value)


class Master:
    """The feeder's side: a log with its journal."""

    def __init__(self, copy: Copy, log_kept: int = 100) -> None:
        self.copy = copy
        self.history = History()
        self.journal = MemoryJournal(log_kept=log_kept)

    def commit(self, *changes: Any) -> Entry:
        entry = self.history.add(*changes)
        self.copy.now(self.journal.append([entry], self.history.header))
        return entry

    def feed(self) -> int:
        """Feed the copy until it has everything; return how many snapshots it took."""
        snapshots = 0
        position = self.copy.replica.position
        while position != self.history.position:
            found = self.copy.now(continuation(self.journal, self.history.position, position, 3))
            if found is None:
                snapshots += 1
                position = self.send_snapshot(f"s{snapshots}")
            else:
                position = self.copy.append(*found, term=self.history.term)
        return snapshots

    def send_snapshot(self, name: str) -> Position:
        copy = self.copy
        snapshot = copy.now(self.journal.open_snapshot())
        parts = []
        while (part := copy.now(snapshot.next_part())) is not None:
            parts.append(part)
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            sending = copy.replica.snapshot_part(self.history.term, name, number, part, last)
            position: Position = copy.now(sending)
        return position


class ReplicaTests(SynchronousTestCase):
    """What a copy takes, and what it answers."""

    def setUp(self) -> None:
        self.copy = Copy(self)
        self.history = History()
        self.told: list[State] = []
        self.copy.replica.on_change(self.told.append)

    def test_append(self) -> None:
        """Entries make the copy equal, durably, and listeners hear of it."""
        history = self.history
        position = self.copy.append(history.begin(make_config(3, 2)), history.add(put(make_job(1))))
        self.assertEqual(position, history.position)
        self.assertEqual(self.copy.replica.state, history.state)
        self.assertEqual(self.told, [history.state])
        self.copy.restart()
        self.assertEqual(self.copy.replica.position, history.position)
        self.assertEqual(self.copy.replica.state, history.state)

    def test_repeats(self) -> None:
        """What is there already is skipped, wholly or in part."""
        entries = [self.history.add(put(make_job(number))) for number in range(1, 5)]
        self.copy.append(*entries[:3])
        self.assertEqual(self.copy.append(*entries[:3]), entries[2].position)
        self.assertEqual(self.copy.append(*entries[1:]), entries[3].position)
        self.assertEqual(self.copy.append(), entries[3].position)
        self.assertEqual(len(self.told), 2)

    def test_gap(self) -> None:
        """Entries that do not join are not taken; the answer says where the copy stands."""
        entries = [self.history.add(put(make_job(number))) for number in range(1, 5)]
        self.copy.append(entries[0])
        self.assertEqual(self.copy.append(*entries[2:]), entries[0].position)
        self.assertEqual(self.copy.append(entries[1], entries[3]), entries[0].position)

    def test_other_history(self) -> None:
        """A log that parted earlier is not mixed in, before or behind the end."""
        other = History()
        ours = [self.history.add(put(make_job(number))) for number in (1, 2)]
        theirs = [other.add(put(make_job(number))) for number in (1, 3, 4)]
        self.copy.append(*ours)
        self.assertEqual(self.copy.append(*theirs), ours[1].position)
        self.assertEqual(self.copy.append(theirs[2]), ours[1].position)
        self.assertEqual(self.copy.append(theirs[1]), ours[1].position)

    def test_altered_entry(self) -> None:
        """An entry whose content is not what its digest says is not taken."""
        entry = self.history.add(put(make_job(1)))
        altered = replace(entry, body=Raw(bytes(entry.body).replace(b"queued", b"runnin")))
        self.assertEqual(self.copy.append(altered), Position())

    def test_entry_that_cannot_be_applied(self) -> None:
        """A well-chained entry that we do not understand is refused by name; nothing is taken."""
        first = self.history.add(put(make_job(1)))
        strange = make_entry(first.position, 1, 5, b'[{"do":"delete","kind":"node","uuid":"u"}]')
        text = self.copy.refuses(self.copy.replica.append(1, [first, strange]))
        self.assertIn("Log entry 2", text)
        self.assertEqual(self.copy.replica.position, Position())

    def test_terms(self) -> None:
        """Nobody of a lower term than promised, or than seen in the log, may feed."""
        self.copy.append(self.history.add(put(make_job(1))))
        self.assertEqual(self.copy.now(self.copy.replica.promise(3)), self.history.position)
        next_entry = self.history.add(put(make_job(2)))
        self.assertIn("over", self.copy.refuses(self.copy.replica.append(2, [next_entry])))
        self.assertIn("over", self.copy.refuses(self.copy.replica.promise(2)))
        part = self.copy.replica.snapshot_part(2, "s", 0, b"", True)
        self.assertIn("over", self.copy.refuses(part))
        self.assertEqual(self.copy.append(next_entry, term=3), next_entry.position)

    def test_entries_of_a_lower_term(self) -> None:
        """A term never sinks along the log."""
        later = History(term=5)
        self.copy.append(later.add(put(make_job(1))), term=5)
        sunken = make_entry(later.position, 4, 5, b"[]")
        self.assertEqual(self.copy.append(sunken, term=5), later.position)

    def test_failing_sync_ends_the_daemon(self) -> None:
        """The feeder gets the error, and the daemon is told to end."""
        self.copy.journal.refuse(SyncError("the disk is gone"))
        self.copy.refuses(self.copy.replica.append(1, [self.history.add(put(make_job(1)))]))
        self.assertEqual([type(err) for err in self.copy.fatal], [SyncError])

    def test_full_disk(self) -> None:
        """A refused write leaves the copy where it was; it goes on later."""
        entry = self.history.add(put(make_job(1)))
        self.copy.journal.refuse(StorageError("the disk is full"))
        self.copy.refuses(self.copy.replica.append(1, [entry]))
        self.assertEqual(self.copy.replica.position, Position())
        self.assertEqual(self.copy.append(entry), entry.position)

    def test_one_after_another(self) -> None:
        """Appends that overlap in time take effect in order."""
        entries = [self.history.add(put(make_job(number))) for number in (1, 2)]
        self.copy.journal.hold()
        appends = [
            Deferred.fromCoroutine(self.copy.replica.append(1, [entry])) for entry in entries
        ]
        self.assertEqual(self.copy.journal.unsynced, 1)
        self.copy.journal.sync()
        self.assertEqual(self.successResultOf(appends[1]), entries[1].position)
        self.copy.now(self.copy.replica.close())


class FeedTests(SynchronousTestCase):
    """Feeding: what follows, or a snapshot."""

    def setUp(self) -> None:
        self.copy = Copy(self)
        self.master = Master(self.copy, log_kept=10)

    def assertEqualCopies(self) -> None:
        self.assertEqual(self.copy.replica.position, self.master.history.position)
        self.assertEqual(self.copy.replica.state, self.master.history.state)

    def test_from_nothing(self) -> None:
        """A new copy is fed from the first entry, or by snapshot when that is gone."""
        for number in range(1, 6):
            self.master.commit(put(make_job(number)))
        self.assertEqual(self.master.feed(), 0)
        self.assertEqualCopies()
        for number in range(6, 30):
            self.master.commit(put(make_job(number)))
        self.assertEqual(self.master.feed(), 1)
        self.assertEqualCopies()
        self.master.commit(put(make_job(30)))
        self.assertEqual(self.master.feed(), 0)
        self.assertEqualCopies()

    def test_parted(self) -> None:
        """A copy that went another way, even further, is replaced by a snapshot."""
        other = History()
        for number in range(1, 6):
            self.copy.append(other.add(put(make_job(100 + number))))
        self.master.commit(put(make_job(1)))
        self.assertEqual(self.master.feed(), 1)
        self.assertEqualCopies()

    def test_unknown_keys_come_along(self) -> None:
        """A snapshot has the keys of an imported file too."""
        self.master.journal._database.put_unknown([("", b'[{"path":["k"],"value":1}]')])
        for number in range(1, 30):
            self.master.commit(put(make_job(number)))
        self.master.feed()
        self.assertEqual(self.copy.replica.unknown[""][0].path, ("k",))


@settings(max_examples=examples(40), deadline=None)
@given(st.lists(st.sampled_from(["commit", "feed", "crash", "part"]), max_size=25))
def test_feeding_converges(steps: list[str]) -> None:
    """Whatever happens between, feeding ends with equal copies."""
    case = SynchronousTestCase()
    copy = Copy(case, log_kept=4)
    master = Master(copy, log_kept=4)
    number = 1
    master.commit(put(make_job(number)))
    for step in steps:
        number += 1
        if step == "commit":
            master.commit(put(make_job(number)))
        elif step == "feed":
            master.feed()
        elif step == "crash":
            copy.restart()
        else:
            copy.append(make_entry(copy.replica.position, 1, 7, b"[]"))
    master.commit(put(make_job(number + 1)))
    master.feed()
    assert copy.replica.state == master.history.state
    assert copy.replica.position == master.history.position
