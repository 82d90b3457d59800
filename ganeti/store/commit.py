"""The store: the one place where the cluster's state changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ganeti import errors
from ganeti.model import codec
from ganeti.model.delta import ArchiveJob, Delta, Stamp, apply, put, stamped
from ganeti.model.job import Job, LogLine
from ganeti.model.state import State
from ganeti.store.entry import Position, make_entry
from ganeti.store.groupwriter import Commit, GroupWriter, Pending
from ganeti.store.journal import IJournal
from ganeti.store.loading import Loaded
from ganeti.store.logbuffer import LogBuffer

__all__ = ["Change", "Commit", "Listener", "Store"]

LOG_DELAY_S = 0.3

Change = Callable[[State], Delta]
Listener = Callable[[Sequence[Commit], State], None]


class Store:
    """
    The cluster's state, C{head} and C{committed}.

    A change is computed on C{head}, which has all that was accepted; it is answered when it is
    durable, and only then in C{committed}, which is what everybody reads. When a batch of
    commits cannot be written, they fail with everything behind them, and C{head} returns to
    C{committed} (L{GroupWriter}).
    """

    log = Logger()

    def __init__(
        self,
        journal: IJournal,
        clock: IReactorTime,
        term: int,
        loaded: Loaded,
        on_fatal: Callable[[Exception], None],
        log_delay_s: float = LOG_DELAY_S,
    ) -> None:
        """Use L{open}."""
        self.journal = journal
        self.term = term
        self.unknown = loaded.unknown
        self.head = self.committed = loaded.state
        self._head_position = self._position = loaded.position
        self._clock = clock
        self._writer = GroupWriter(
            journal,
            clock,
            acknowledge=self._acknowledge,
            roll_back=self._roll_back,
            on_fatal=on_fatal,
        )
        self._logs = LogBuffer(loaded.log_serials)
        self._log_delay_s = log_delay_s
        self._log_timer: IDelayedCall | None = None
        self._closed = False
        self._listeners: list[Listener] = []

    @classmethod
    async def open(
        cls,
        journal: IJournal,
        clock: IReactorTime,
        term: int,
        *,
        on_fatal: Callable[[Exception], None],
        log_delay_s: float = LOG_DELAY_S,
    ) -> Store:
        """
        Read the journal; stored jobs that cannot be read end in error.

        @param term: of this master; not below that of the last entry.
        @param on_fatal: has to end the daemon at once: it is not known what is on the disk.
        @raise ConfigurationError: an object cannot be read, or objects contradict each other.
        @raise StorageError: the journal cannot be read, or a later master has written to it.
        """
        loaded: Loaded = await journal.load()
        if term < loaded.position.term:
            raise errors.StorageError(
                f"The database is of term {loaded.position.term}: a master of term {term} is over"
            )
        store = cls(journal, clock, term, loaded, on_fatal, log_delay_s)
        await store._end_unreadable(loaded)
        return store

    async def _end_unreadable(self, loaded: Loaded) -> None:
        if not loaded.unreadable:
            return
        for found in loaded.unreadable:
            self.log.error(
                "Job {id} ends in error, it cannot be read: {reason}",
                id=found.job.id,
                reason=found.reason,
            )
        await self.journal.set_aside(loaded.unreadable)
        now_ns = self._now_ns()
        jobs = tuple(_ended(found.job, now_ns) for found in loaded.unreadable)
        await self.commit(lambda state: tuple(put(job) for job in jobs))

    @property
    def position(self) -> Position:
        """How far the durable log goes."""
        return self._position

    @property
    def writable(self) -> bool:
        """Whether changes are accepted."""
        return self._writer.writable

    async def when_writable(self) -> None:
        """
        Wait until changes are accepted again.

        @raise StorageError: they will not be, the store is closed.
        """
        await self._writer.when_writable()

    def on_commit(self, listener: Listener) -> None:
        """
        Call C{listener(commits, state)} after each batch became durable, in order, before who
        waits for it goes on. It must not take long; C{state} includes the last commit.
        """
        self._listeners.append(listener)

    async def commit(self, change: Change) -> State:
        """
        Change the state.

        @param change: pure, from the current state to a delta; what it raises, this raises.
        @return: a committed state that includes the change. An empty delta is answered when all
            that C{change} saw is committed.
        @raise ConfigurationError: the delta contradicts the state; nothing changed.
        @raise StorageError: it could not be written; nothing changed.
        """
        self._writer.check_writable()
        delta = change(self.head)
        last = self._accept(delta) if delta else self._writer.last()
        if last is None:
            return self.committed
        waiter: Deferred[State] = Deferred()
        last.waiters.append(waiter)
        self._writer.flush()
        return await waiter

    def add_log(self, job_id: int, type: str, message: Any, op: int = 0) -> LogLine:
        """
        Append a line to a job's log; durable with the next commit, soon at the latest.

        @param op: index of the opcode that says so.
        """
        line = self._logs.add(job_id, self._now_ns(), type, message, op)
        if self._log_timer is None and not self._closed:
            self._log_timer = self._clock.callLater(self._log_delay_s, self._flush_logs)
        return line

    async def close(self) -> None:
        """Write what was accepted and logged, then close the journal. Later commits are refused."""
        if self._closed:
            return
        self._closed = True
        if self._log_timer is not None:
            self._log_timer.cancel()
            self._log_timer = None
        self._write_logs()
        await self._writer.close()
        await self.journal.close()

    def _now_ns(self) -> int:
        return int(self._clock.seconds() * 1e9)

    def _accept(self, delta: Delta) -> Pending:
        """Make C{delta}, and all log lines that wait, the new head."""
        lines = self._logs.waiting()
        time_ns = self._now_ns()
        stamp = Stamp(index=self.head.index + 1, time_s=time_ns / 1e9, term=self.term)
        delta = (*stamped(delta, self.head, stamp), *lines)
        state = apply(self.head, delta, stamp)
        entry = make_entry(self._head_position, self.term, time_ns, codec.encode(delta))
        self._logs.take()
        self.head, self._head_position = state, entry.position
        pending = Pending(Commit(entry, delta), state, lines)
        self._writer.put(pending)
        return pending

    def _flush_logs(self) -> None:
        self._log_timer = None
        if self._writer.writable:
            self._write_logs()
        elif not self._closed:
            self._log_timer = self._clock.callLater(self._log_delay_s, self._flush_logs)

    def _write_logs(self) -> None:
        if self._writer.writable and self._logs.waiting():
            self._accept(())
            self._writer.flush()

    def _acknowledge(self, batch: list[Pending]) -> None:
        self.committed = batch[-1].state
        self._position = batch[-1].commit.entry.position
        commits = [pending.commit for pending in batch]
        for commit in commits:
            self._logs.forget(c.job_id for c in commit.delta if isinstance(c, ArchiveJob))
        for listener in self._listeners:
            try:
                listener(commits, self.committed)
            except CancelledError:
                raise
            except Exception:
                self.log.failure("A listener to commits failed")

    def _roll_back(self, failed: list[Pending]) -> None:
        self.head, self._head_position = self.committed, self._position
        self._logs.put_back(lines for pending in failed for lines in pending.lines)
        if self._log_timer is None and self._logs.waiting() and not self._closed:
            self._log_timer = self._clock.callLater(self._log_delay_s, self._flush_logs)


def _ended(job: Job, now_ns: int) -> Job:
    return job if job.ended is not None else msgspec.structs.replace(job, ended=now_ns)
