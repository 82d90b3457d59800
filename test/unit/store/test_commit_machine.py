"""The store under any order of commits, syncs, failures and crashes."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.history import make_job
from support.thorough import examples
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from ganeti.errors import StorageError
from ganeti.model.delta import put
from ganeti.model.state import State
from ganeti.store.commit import Store
from ganeti.store.groupwriter import PROBE_EVERY_S
from ganeti.store.memory_journal import MemoryJournal


class StoreMachine(RuleBasedStateMachine):
    """
    Each commit puts one job, with the next id.

    Acknowledged jobs are there for ever; a refused one never shows up later; what was not
    answered when the crash came may be there or not, but without holes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.journal = MemoryJournal()
        self.acknowledged: set[int] = set()
        self.refused: set[int] = set()
        self.logged = 0
        self.next_id = 1
        self.last_committed = -1
        self.begin_life()

    def begin_life(self) -> None:
        found: list[Store] = []
        opening = Store.open(self.journal, self.clock, 1, on_fatal=self.fatal)
        Deferred.fromCoroutine(opening).addCallback(found.append)
        self.store = found[0]
        self.journal.hold()
        self.open_commits: dict[int, Deferred[State]] = {}

    def fatal(self, err: Exception) -> None:
        raise AssertionError from err

    @rule()
    def commit(self) -> None:
        """One more job."""
        number = self.next_id
        self.next_id += 1
        waiting = Deferred.fromCoroutine(self.store.commit(lambda state: (put(make_job(number)),)))
        self.open_commits[number] = waiting
        waiting.addCallbacks(self.answered, self.failed, (number,), {}, (number,), {})

    def answered(self, state: State, number: int) -> None:
        assert number in state.jobs
        assert state.index <= self.store.committed.index
        del self.open_commits[number]
        self.acknowledged.add(number)

    def failed(self, failure: Failure, number: int) -> None:
        failure.trap(StorageError)
        del self.open_commits[number]
        self.refused.add(number)

    @precondition(lambda self: self.acknowledged)
    @rule()
    def log(self) -> None:
        """A line of the first job's log."""
        self.store.add_log(min(self.acknowledged), "message", "a line")

    @precondition(lambda self: self.journal.unsynced)
    @rule()
    def sync(self) -> None:
        """The disk takes what waits."""
        self.journal.sync(1)

    @precondition(lambda self: self.journal.unsynced)
    @rule()
    def disk_full(self) -> None:
        """The disk refuses what waits, and works again later."""
        self.journal.refuse_unsynced(StorageError("the disk is full"))

    @rule(seconds=st.sampled_from([0.1, 0.5, PROBE_EVERY_S]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance(seconds)

    @rule(kept=st.integers(0, 1))
    def crash(self, kept: int) -> None:
        """The process dies; what was under way may have reached the disk."""
        self.journal = self.journal.lose_unsynced(kept)
        unanswered = set(self.open_commits)
        self.begin_life()
        found = set(self.store.committed.jobs)
        assert found <= self.acknowledged | unanswered
        self.acknowledged |= found
        self.next_id = max(self.next_id, self.store.committed.queue.last_job_id + 1)

    @invariant()
    def nothing_acknowledged_is_lost(self) -> None:
        assert self.acknowledged <= set(self.store.committed.jobs)
        assert not self.refused & set(self.store.committed.jobs)

    @invariant()
    def head_is_committed_and_what_waits(self) -> None:
        expected = set(self.store.committed.jobs) | set(self.open_commits)
        assert set(self.store.head.jobs) == expected

    @invariant()
    def committed_never_goes_back(self) -> None:
        assert self.store.committed.index >= self.last_committed
        self.last_committed = self.store.committed.index

    @invariant()
    def memory_is_what_a_start_would_read(self) -> None:
        loaded = []
        Deferred.fromCoroutine(self.journal.load()).addCallback(loaded.append)
        assert loaded[0].state == self.store.committed
        assert loaded[0].position == self.store.position

    @invariant()
    def log_lines_are_numbered_without_holes(self) -> None:
        lines: list[int] = []
        for number in self.acknowledged:
            read = Deferred.fromCoroutine(self.journal.job_log(number))
            read.addCallback(lambda found: lines.extend(line.serial for line in found))
        assert lines == list(range(1, len(lines) + 1))


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(
    max_examples=examples(40), stateful_step_count=40, deadline=None
)
