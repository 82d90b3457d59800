"""The store: group commit, failures, log lines, loading."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from support.history import make_job
from support.samples import instance_uuid, make_config, node_uuid
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import ConfigurationError, OpPrereqError, StorageError
from ganeti.model.delta import ArchiveJob, Delete, Delta, JobLog, Kind, changes_of, put
from ganeti.model.job import JobStatus, OpStatus, job_status
from ganeti.model.state import State
from ganeti.store.commit import LOG_DELAY_S, Change, Commit, Store
from ganeti.store.groupwriter import BATCH_ENTRIES, PROBE_EVERY_S
from ganeti.store.memory_journal import MemoryJournal
from ganeti.store.sqlite import SyncError


def put_job(number: int, status: OpStatus = OpStatus.QUEUED) -> Change:
    """A change that puts a job."""
    return lambda state: (put(make_job(number, status)),)


class StoreCase(SynchronousTestCase):
    """A store on a journal in memory."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000.0)
        self.journal = MemoryJournal()
        self.fatal: list[Exception] = []
        self.store = self.open()

    def open(self, term: int = 1) -> Store:
        opening = Store.open(self.journal, self.clock, term, on_fatal=self.fatal.append)
        return self.now(opening)

    def now(self, awaitable: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(awaitable))

    def begin(self, change: Change) -> Deferred[State]:
        return Deferred.fromCoroutine(self.store.commit(change))

    def refuse(self) -> StorageError:
        """Fail everything that waits for the disk; the writing goes on to be held."""
        reason = StorageError("the disk is full")
        self.journal.refuse_unsynced(reason)
        return reason

    def restart(self) -> Store:
        """Crash, and begin again on what is durable."""
        self.journal = self.journal.lose_unsynced()
        self.store = self.open()
        return self.store


class CommitTests(StoreCase):
    """What a commit promises."""

    def test_commit(self) -> None:
        """The answer is a committed state with the change, stamped from the entry."""
        state = self.now(self.store.commit(lambda _: changes_of(State(config=make_config(2, 1)))))
        self.assertIs(state, self.store.committed)
        self.assertEqual((state.index, state.term, self.store.position.index), (1, 1, 1))
        self.assertEqual(state.config.instances[instance_uuid(1)].mtime, 1000.0)
        self.assertEqual(self.restart().committed, state)

    def test_head_runs_ahead(self) -> None:
        """Changes see what was accepted before them; readers see what is durable."""
        self.journal.hold()
        first = self.begin(put_job(1))
        seen: list[list[int]] = []

        def change(state: State) -> Delta:
            seen.append(sorted(state.jobs))
            return (put(make_job(2)),)

        second = self.begin(change)
        self.assertEqual(seen, [[1]])
        self.assertEqual(sorted(self.store.head.jobs), [1, 2])
        self.assertEqual(sorted(self.store.committed.jobs), [])
        self.assertNoResult(first)
        self.journal.sync()
        self.assertEqual(sorted(self.successResultOf(first).jobs), [1])
        self.assertEqual(sorted(self.successResultOf(second).jobs), [1, 2])

    def test_grouped(self) -> None:
        """What arrives while a batch is written is written together."""
        self.journal.hold()
        waiting = [self.begin(put_job(number)) for number in range(1, 2 * BATCH_ENTRIES)]
        sizes = []
        while self.journal.unsynced:
            sizes.append(sum(not deferred.called for deferred in waiting))
            self.journal.sync(1)
        self.assertEqual(sizes, [2 * BATCH_ENTRIES - 1, 2 * BATCH_ENTRIES - 2, BATCH_ENTRIES - 2])
        for deferred in waiting:
            self.successResultOf(deferred)
        self.assertEqual(self.restart().committed.index, 2 * BATCH_ENTRIES - 1)

    def test_refused_change_changes_nothing(self) -> None:
        """What a change raises, and what contradicts the state, reaches the caller alone."""

        def gone(state: State) -> Delta:
            raise OpPrereqError("it is gone")

        self.failureResultOf(self.begin(gone), OpPrereqError)
        dangling = lambda state: (Delete(kind=Kind.NODE, uuid=node_uuid(9)),)  # noqa: E731
        self.failureResultOf(self.begin(dangling), ConfigurationError)
        self.assertEqual(self.store.head, State())
        self.now(self.store.commit(put_job(1)))

    def test_empty_delta(self) -> None:
        """Nothing to change is answered when all that was seen is durable, and writes nothing."""
        self.assertIs(self.now(self.store.commit(lambda _: ())), self.store.committed)
        self.journal.hold()
        first = self.begin(put_job(1))
        nothing = self.begin(lambda _: ())
        self.assertNoResult(nothing)
        self.journal.sync()
        self.assertEqual(sorted(self.successResultOf(nothing).jobs), [1])
        self.successResultOf(first)
        self.assertEqual(self.store.position.index, 1)

    def test_cancelled_waiter(self) -> None:
        """Who stops waiting does not stop the commit, and disturbs nobody."""
        self.journal.hold()
        first, second = self.begin(put_job(1)), self.begin(put_job(2))
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.journal.sync()
        self.assertEqual(sorted(self.successResultOf(second).jobs), [1, 2])

    def test_commit_from_a_listener(self) -> None:
        """Who is told of a commit may commit at once."""
        more: list[Deferred[State]] = []

        def listener(commits: Any, state: State) -> None:
            if state.index < 5:
                more.append(self.begin(put_job(state.index + 1)))

        self.store.on_commit(listener)
        self.now(self.store.commit(put_job(1)))
        self.assertEqual(self.store.committed.index, 5)
        for deferred in more:
            self.successResultOf(deferred)

    def test_listeners(self) -> None:
        """Listeners hear of every commit in order, before its waiter goes on; one may fail."""
        told: list[Any] = []

        def broken(commits: Any, state: State) -> None:
            raise RuntimeError("a defect")

        def listener(commits: list[Commit], state: State) -> None:
            told.extend(commit.entry.index for commit in commits)
            self.assertIs(state, self.store.committed)

        self.store.on_commit(broken)
        self.store.on_commit(listener)
        self.journal.hold()
        waiting = [self.begin(put_job(number)) for number in (1, 2, 3)]
        for number, deferred in enumerate(waiting, 1):
            deferred.addCallback(lambda _, number=number: told.append(f"answer {number}"))
        self.journal.sync()
        self.assertEqual(told, [1, "answer 1", 2, 3, "answer 2", "answer 3"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)

    def test_entries_chain(self) -> None:
        """The log is one chain, over restarts."""
        for number in (1, 2, 3):
            self.now(self.store.commit(put_job(number)))
            self.restart()
        entries = self.now(self.journal.tail(0, 10))
        self.assertEqual([entry.index for entry in entries], [1, 2, 3])
        self.assertEqual(entries[-1].position, self.store.position)

    def test_lower_term_does_not_open(self) -> None:
        """A master of an earlier term cannot go on with a later one's database."""
        self.now(self.open(term=4).commit(put_job(1)))
        opening = Store.open(self.journal, self.clock, 3, on_fatal=self.fatal.append)
        self.failureResultOf(Deferred.fromCoroutine(opening), StorageError)


class FailureTests(StoreCase):
    """When writing fails."""

    def test_batch_and_all_behind_fail(self) -> None:
        """Every commit in a failed batch and behind it fails, and head returns to committed."""
        self.now(self.store.commit(put_job(1)))
        self.journal.hold()
        waiting = [self.begin(put_job(number)) for number in (2, 3, 4)]
        self.refuse()
        for deferred in waiting:
            failure = self.failureResultOf(deferred, StorageError)
            self.assertIn("disk is full", str(failure.value))
        self.assertIs(self.store.head, self.store.committed)
        self.assertEqual(sorted(self.store.committed.jobs), [1])
        self.assertEqual(self.fatal, [])

    def test_refused_until_writing_works(self) -> None:
        """Changes are refused at once, with the reason, until a probe was written."""
        self.journal.refuse(*(StorageError("the disk is full") for _ in range(3)))
        self.failureResultOf(self.begin(put_job(1)), StorageError)
        self.assertFalse(self.store.writable)
        waiting = Deferred.fromCoroutine(self.store.when_writable())
        for _ in range(2):
            text = str(self.failureResultOf(self.begin(put_job(1)), StorageError).value)
            self.assertIn("refused until writing works", text)
            self.assertIn("disk is full", text)
            self.clock.advance(PROBE_EVERY_S)
        self.assertNoResult(waiting)
        self.clock.advance(PROBE_EVERY_S)
        self.successResultOf(waiting)
        self.assertTrue(self.store.writable)
        self.now(self.store.commit(put_job(1)))
        self.assertEqual(self.restart().position.index, 1)

    def test_unknown_outcome_is_fatal(self) -> None:
        """When it is not known what is on the disk the daemon has to end; nobody is answered."""
        self.journal.refuse(SyncError("fsync failed"))
        waiting = self.begin(put_job(1))
        self.assertNoResult(waiting)
        self.assertEqual([type(err) for err in self.fatal], [SyncError])
        self.failureResultOf(self.begin(put_job(2)), StorageError)
        self.clock.advance(10 * PROBE_EVERY_S)
        self.assertFalse(self.store.writable)
        self.flushLoggedErrors(SyncError)
        self.now(self.store.close())
        self.failureResultOf(waiting, StorageError)

    def test_defect_in_the_journal_is_fatal(self) -> None:
        """An error that is no StorageError says nothing about the disk either."""
        self.journal.refuse(RuntimeError("a defect"))
        self.assertNoResult(self.begin(put_job(1)))
        self.assertEqual(len(self.fatal), 1)
        self.flushLoggedErrors(RuntimeError)

    def test_close_while_refusing(self) -> None:
        """A store that cannot write closes, and tells who waits."""
        self.journal.refuse(StorageError("the disk is full"))
        self.failureResultOf(self.begin(put_job(1)), StorageError)
        waiting = Deferred.fromCoroutine(self.store.when_writable())
        self.now(self.store.close())
        self.failureResultOf(waiting, StorageError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_close_waits_for_what_was_accepted(self) -> None:
        """Closing writes what was accepted, and refuses the rest."""
        self.journal.hold()
        waiting = [self.begin(put_job(number)) for number in (1, 2)]
        closing = Deferred.fromCoroutine(self.store.close())
        self.failureResultOf(self.begin(put_job(3)), StorageError)
        self.assertNoResult(closing)
        self.journal.sync()
        self.successResultOf(closing)
        for deferred in waiting:
            self.successResultOf(deferred)
        self.now(self.store.close())


class LogTests(StoreCase):
    """Lines of job logs."""

    def lines(self, job_id: int = 1) -> list[tuple[int, Any]]:
        found = self.now(self.journal.job_log(job_id))
        return [(line.serial, line.message) for line in found]

    def test_with_the_next_commit(self) -> None:
        """A line goes along with whatever is committed next."""
        self.now(self.store.commit(put_job(1)))
        line = self.store.add_log(1, "message", "hello", op=2)
        self.assertEqual((line.serial, line.op, line.time_ns), (1, 2, 1_000_000_000_000))
        self.assertEqual(self.lines(), [])
        self.now(self.store.commit(put_job(2)))
        self.assertEqual(self.lines(), [(1, "hello")])
        self.assertEqual(self.store.position.index, 2)
        self.clock.advance(LOG_DELAY_S)
        self.assertEqual(self.store.position.index, 2)

    def test_alone_after_a_while(self) -> None:
        """A line is written soon, in one entry with others, and listeners hear of it."""
        told: list[Any] = []
        self.store.on_commit(lambda commits, state: told.extend(commits))
        for number in (1, 2):
            self.store.add_log(number, "message", "hello")
        self.clock.advance(LOG_DELAY_S)
        self.assertEqual((self.lines(1), self.lines(2)), ([(1, "hello")], [(1, "hello")]))
        self.assertEqual([type(change) for change in told[0].delta], [JobLog, JobLog])
        self.assertEqual(len(told), 1)

    def test_numbers_go_on_after_a_restart(self) -> None:
        """A job's lines are numbered from what is durable."""
        self.now(self.store.commit(put_job(1)))
        self.store.add_log(1, "message", "one")
        self.clock.advance(LOG_DELAY_S)
        self.store.add_log(1, "message", "lost in the crash")
        self.restart()
        self.store.add_log(1, "message", "two")
        self.clock.advance(LOG_DELAY_S)
        self.assertEqual(self.lines(), [(1, "one"), (2, "two")])

    def test_kept_while_nothing_can_be_written(self) -> None:
        """Lines of a failed batch, and those that come then, are written later, in order."""
        self.now(self.store.commit(put_job(1)))
        self.store.add_log(1, "message", "one")
        self.journal.refuse(StorageError("full"), StorageError("full"))
        self.failureResultOf(self.begin(put_job(2)), StorageError)
        self.store.add_log(1, "message", "two")
        self.clock.pump([LOG_DELAY_S] * 12)
        self.assertEqual(self.lines(), [(1, "one"), (2, "two")])

    def test_written_when_closed(self) -> None:
        """Closing writes the lines that wait."""
        self.now(self.store.commit(put_job(1)))
        self.store.add_log(1, "message", "bye")
        self.now(self.store.close())
        self.assertEqual(self.lines(), [(1, "bye")])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_archived_job_is_forgotten(self) -> None:
        """The numbers of an archived job's log are not kept in memory."""
        self.now(self.store.commit(put_job(1, OpStatus.SUCCESS)))
        self.store.add_log(1, "message", "one")
        self.now(self.store.commit(lambda _: (ArchiveJob(job_id=1),)))
        self.assertEqual(self.store._logs._serials, {})


class UnreadableJobTests(StoreCase):
    """Stored jobs that do not decode."""

    def test_ends_in_error(self) -> None:
        """Such a job does not stop a start: it is in error from then on, durably, with its end."""
        self.now(self.store.commit(put_job(1)))
        connection = self.journal._database.connection
        connection.execute('UPDATE job SET body = \'{"id":1,"ops":[{}]}\'')
        self.restart()
        job = self.store.committed.jobs[1]
        self.assertEqual(job_status(job), JobStatus.ERROR)
        self.assertEqual(job.ended, 1_000_000_000_000)
        kept = connection.execute("SELECT body FROM unreadable_job").fetchall()
        self.assertEqual(kept, [('{"id":1,"ops":[{}]}',)])
        position = self.store.position
        self.assertEqual(self.restart().position, position)
        self.assertEqual(self.store.committed.jobs[1], replace(job))
