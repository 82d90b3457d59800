"""The store: the one place where the cluster's state changes."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ganeti import errors
from ganeti.model import codec
from ganeti.model.delta import ArchiveJob, Delta, JobLog, Stamp, apply, put, stamped
from ganeti.model.job import Job, LogLine
from ganeti.model.state import State, header_of
from ganeti.store.entry import Entry, Position, make_entry
from ganeti.store.journal import IJournal
from ganeti.store.loading import Loaded
from ganeti.store.logbuffer import LogBuffer
from ganeti.store.sqlite import SyncError

PROBE_EVERY_S = 1.0
LOG_DELAY_S = 0.3
BATCH_ENTRIES = 500
BATCH_BYTES = 4 << 20

Change = Callable[[State], Delta]


@dataclass(frozen=True)
class Commit:
    """One log entry with what it says, decoded."""

    entry: Entry
    delta: Delta


Listener = Callable[[Sequence[Commit], State], None]


@dataclass
class _Pending:
    """Accepted, not yet durable."""

    commit: Commit
    state: State
    lines: tuple[JobLog, ...]
    waiters: list[Deferred[State]] = field(default_factory=list)


class Store:
    """
    The cluster's state, C{head} and C{committed}.

    A change is computed on C{head}, which has all that was accepted; it is answered when it is
    durable, and only then in C{committed}, which is what everybody reads. What arrives while a
    batch is being written goes into the next one together.

    When a batch cannot be written, every commit in it and behind it fails, and C{head} returns to
    C{committed}. Then changes are refused until a probe, once a second, has been written. When
    it is not known what reached the disk, C{on_fatal} is called, which has to end the
    daemon; who waits for a commit then waits until it does, or until C{close}.
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
        self._clock = clock
        self._on_fatal = on_fatal
        self._head_position = self._position = loaded.position
        self._logs = LogBuffer(loaded.log_serials)
        self._log_delay_s = log_delay_s
        self._log_timer: IDelayedCall | None = None
        self._probe_timer: IDelayedCall | None = None
        self._pending: list[_Pending] = []
        self._writing: list[_Pending] = []
        self._busy = False
        self._idle: list[Deferred[None]] = []
        self._broken: Exception | None = None
        self._closed = False
        self._listeners: list[Listener] = []
        self._writable: list[Deferred[None]] = []

    @classmethod
    async def open(
        cls,
        journal: IJournal,
        clock: IReactorTime,
        term: int,
        *,
        on_fatal: Callable[[Exception], None],
        log_delay_s: float = LOG_DELAY_S,
        freeze: bool = False,
    ) -> Store:
        """
        Read the journal; stored jobs that cannot be read end in error.

        @param term: of this master; not below that of the last entry.
        @param freeze: spare the garbage collector what was loaded (daemons; not simulations).
        @raise ConfigurationError: an object cannot be read, or objects contradict each other.
        @raise StorageError: the journal cannot be read, or a later master has written to it.
        """
        loaded: Loaded = await journal.load()
        if term < loaded.position.term:
            raise errors.StorageError(
                f"The database is of term {loaded.position.term}: a master of term {term} is over"
            )
        if freeze:
            gc.freeze()
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
        return self._broken is None and not self._closed

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
        self._refuse_unless_writable()
        delta = change(self.head)
        if delta:
            last = self._accept(delta)
        elif self._pending or self._writing:
            last = (self._pending or self._writing)[-1]
        else:
            return self.committed
        waiter: Deferred[State] = Deferred()
        last.waiters.append(waiter)
        self._write()
        return await waiter

    def add_log(self, job_id: int, type: str, message: Any, op: int = 0) -> LogLine:
        """
        Append a line to a job's log; durable with the next commit, soon at the latest.

        @param op: index of the opcode that says so.
        """
        line = self._logs.add(job_id, self._now_ns(), type, message, op)
        if self._log_timer is None and self.writable:
            self._log_timer = self._clock.callLater(self._log_delay_s, self._flush_logs)
        return line

    async def when_writable(self) -> None:
        """Wait until changes are accepted again."""
        if not self.writable:
            waiter: Deferred[None] = Deferred()
            self._writable.append(waiter)
            await waiter

    async def close(self) -> None:
        """Write what was accepted and logged, then close the journal. Later commits are refused."""
        if self._closed:
            return
        if self.writable:
            self._flush_logs()
        self._closed = True
        for timer in (self._log_timer, self._probe_timer):
            if timer is not None and timer.active():
                timer.cancel()
        if self._busy:
            waiter: Deferred[None] = Deferred()
            self._idle.append(waiter)
            await waiter
        self._fail(self._take_all(), errors.StorageError("The store is closed"))
        await self.journal.close()

    # -- accepting

    def _now_ns(self) -> int:
        return int(self._clock.seconds() * 1e9)

    def _refuse_unless_writable(self) -> None:
        if self._closed:
            raise errors.StorageError("The store is closed")
        if self._broken is not None:
            raise errors.StorageError(f"Changes are refused until writing works: {self._broken}")

    def _accept(self, delta: Delta) -> _Pending:
        """Make C{delta}, and all log lines that wait, the new head."""
        lines = self._logs.waiting()
        time_ns = self._now_ns()
        stamp = Stamp(index=self.head.index + 1, time_s=time_ns / 1e9, term=self.term)
        delta = (*stamped(delta, self.head, stamp), *lines)
        state = apply(self.head, delta, stamp)
        entry = make_entry(self._head_position, self.term, time_ns, codec.encode(delta))
        self._logs.take()
        self.head, self._head_position = state, entry.position
        pending = _Pending(Commit(entry, delta), state, lines)
        self._pending.append(pending)
        return pending

    def _flush_logs(self) -> None:
        self._log_timer = None
        if self.writable and self._logs.waiting():
            self._accept(())
            self._write()

    # -- writing

    def _write(self) -> None:
        if not self._busy:
            self._busy = True
            Deferred.fromCoroutine(self._write_all()).addErrback(self._end)

    async def _write_all(self) -> None:
        """Write batch after batch until nothing waits. Never two at once."""
        while self._pending and self._broken is None:
            batch = self._writing = self._next_batch()
            entries = [pending.commit.entry for pending in batch]
            try:
                await self.journal.append(entries, header_of(batch[-1].state))
            except SyncError:
                raise
            except errors.StorageError as err:
                self._roll_back(err)
                break
            self._acknowledge(batch)
            await self._tidy()
        self._busy = False
        for waiter in self._idle:
            waiter.callback(None)
        self._idle = []

    def _next_batch(self) -> list[_Pending]:
        size = count = 0
        for pending in self._pending[:BATCH_ENTRIES]:
            size += len(bytes(pending.commit.entry.body))
            if count and size > BATCH_BYTES:
                break
            count += 1
        batch, self._pending = self._pending[:count], self._pending[count:]
        return batch

    def _acknowledge(self, batch: list[_Pending]) -> None:
        self._writing = []
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
        state = self.committed
        for waiter in _waiters(batch):
            waiter.callback(state)

    async def _tidy(self) -> None:
        try:
            await self.journal.tidy()
        except SyncError:
            raise
        except errors.StorageError as err:
            self._roll_back(err)

    # -- failing

    def _roll_back(self, reason: errors.StorageError) -> None:
        """Nothing of what waits was written: forget it, and find out when writing works."""
        self.log.error("Changes are refused: {reason}", reason=reason)
        self._broken = reason
        self.head, self._head_position = self.committed, self._position
        failed = self._take_all()
        self._logs.put_back(lines for pending in failed for lines in pending.lines)
        if not self._closed:
            self._probe_timer = self._clock.callLater(PROBE_EVERY_S, self._start_probe)
        self._fail(failed, reason)

    def _take_all(self) -> list[_Pending]:
        waiting = self._writing + self._pending
        self._writing, self._pending = [], []
        return waiting

    def _fail(self, failed: list[_Pending], reason: errors.StorageError) -> None:
        for waiter in _waiters(failed):
            waiter.errback(errors.StorageError(*reason.args))

    def _start_probe(self) -> None:
        self._probe_timer = None
        self._busy = True
        Deferred.fromCoroutine(self._probe()).addErrback(self._end)

    async def _probe(self) -> None:
        try:
            await self.journal.probe()
        except SyncError:
            raise
        except errors.StorageError as err:
            self._broken = err
            if not self._closed:
                self._probe_timer = self._clock.callLater(PROBE_EVERY_S, self._start_probe)
        else:
            self._broken = None
            self.log.info("Writing works again: changes are accepted")
        await self._write_all()
        if self.writable:
            self._flush_logs()
            waiting, self._writable = self._writable, []
            for waiter in waiting:
                waiter.callback(None)

    def _end(self, failure: Any) -> None:
        """What is on the disk is not known: only a start can tell."""
        self.log.failure("The store cannot go on", failure=failure)
        self._broken = failure.value
        self._busy = False
        for waiter in self._idle:
            waiter.callback(None)
        self._on_fatal(failure.value)


def _ended(job: Job, now_ns: int) -> Job:
    return job if job.ended is not None else msgspec.structs.replace(job, ended=now_ns)


def _waiters(batch: list[_Pending]) -> list[Deferred[State]]:
    return [waiter for pending in batch for waiter in pending.waiters]
