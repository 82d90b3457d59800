"""Group commit: what arrives while a batch is being written goes into the next one together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ganeti import errors
from ganeti.model.delta import Delta, JobLog
from ganeti.model.state import State, header_of
from ganeti.store.entry import Entry
from ganeti.store.journal import IJournal
from ganeti.store.sqlite import SyncError

PROBE_EVERY_S = 1.0
BATCH_ENTRIES = 500
BATCH_BYTES = 4 << 20


@dataclass(frozen=True)
class Commit:
    """One log entry with what it says, decoded."""

    entry: Entry
    delta: Delta


@dataclass
class Pending:
    """A commit that is accepted and not yet durable."""

    commit: Commit
    state: State
    """After it."""
    lines: tuple[JobLog, ...]
    """Log lines that it took along."""
    waiters: list[Deferred[State]] = field(default_factory=list)


class GroupWriter:
    """
    Writes commits in the order given, in one batch after another.

    When a batch cannot be written, it fails with everything behind it; then all is refused until
    a probe, once a second, has been written. When it is not known what reached the disk,
    C{on_fatal} has to end the daemon; nothing is answered any more until L{close}.
    """

    log = Logger()

    def __init__(
        self,
        journal: IJournal,
        clock: IReactorTime,
        *,
        acknowledge: Callable[[list[Pending]], None],
        roll_back: Callable[[list[Pending]], None],
        on_fatal: Callable[[Exception], None],
    ) -> None:
        """
        @param acknowledge: told of each batch that became durable, before its waiters go on.
        @param roll_back: told what failed, before its waiters learn of it.
        """
        self._journal = journal
        self._clock = clock
        self._acknowledge = acknowledge
        self._roll_back = roll_back
        self._on_fatal = on_fatal
        self._pending: list[Pending] = []
        self._writing: list[Pending] = []
        self._busy = False
        self._idle: list[Deferred[None]] = []
        self._probe_timer: IDelayedCall | None = None
        self._broken: BaseException | None = None
        self._closed = False
        self._writable: list[Deferred[None]] = []

    @property
    def writable(self) -> bool:
        """Whether commits are accepted."""
        return self._broken is None and not self._closed

    def check_writable(self) -> None:
        """@raise errors.StorageError: commits are refused now."""
        if self._closed:
            raise errors.StorageError("The store is closed")
        if self._broken is not None:
            raise errors.StorageError(f"Changes are refused until writing works: {self._broken}")

    async def when_writable(self) -> None:
        """
        Wait until commits are accepted again.

        @raise errors.StorageError: they will not be, the store is closed.
        """
        if self._closed:
            self.check_writable()
        if self._broken is not None:
            waiter: Deferred[None] = Deferred()
            self._writable.append(waiter)
            await waiter

    def last(self) -> Pending | None:
        """The last commit that is not answered yet."""
        waiting = self._pending or self._writing
        return waiting[-1] if waiting else None

    def put(self, pending: Pending) -> None:
        """Accept one more commit; L{flush} writes it."""
        self._pending.append(pending)

    def flush(self) -> None:
        """Write what waits, unless that is under way already."""
        if self._pending and not self._busy:
            self._run(self._write_all)

    async def close(self) -> None:
        """Wait for what is being written; refuse all else from now on."""
        self._closed = True
        if self._probe_timer is not None:
            self._probe_timer.cancel()
            self._probe_timer = None
        if self._busy:
            waiter: Deferred[None] = Deferred()
            self._idle.append(waiter)
            await waiter
        closed = errors.StorageError("The store is closed")
        self._fail(self._take_all(), closed)
        waiting, self._writable = self._writable, []
        for waiter in waiting:
            waiter.errback(errors.StorageError(*closed.args))

    # -- writing

    def _run(self, work: Callable[[], object]) -> None:
        """Do C{work}, a coroutine function, alone."""
        self._busy = True
        running: Deferred[object] = Deferred.fromCoroutine(work())  # type: ignore[arg-type]
        running.addErrback(self._end).addBoth(self._rest)

    def _rest(self, result: object) -> None:
        self._busy = False
        waiting, self._idle = self._idle, []
        for waiter in waiting:
            waiter.callback(None)
        if self.writable:
            self.flush()

    async def _write_all(self) -> None:
        while self._pending and self._broken is None:
            batch = self._writing = self._next_batch()
            entries = [pending.commit.entry for pending in batch]
            try:
                await self._journal.append(entries, header_of(batch[-1].state))
            except SyncError:
                raise
            except errors.StorageError as err:
                self._refuse(err)
                return
            self._writing = []
            self._acknowledge(batch)
            for waiter in _waiters(batch):
                waiter.callback(batch[-1].state)
            await self._tidy()

    def _next_batch(self) -> list[Pending]:
        size = count = 0
        for pending in self._pending[:BATCH_ENTRIES]:
            size += len(bytes(pending.commit.entry.body))
            if count and size > BATCH_BYTES:
                break
            count += 1
        batch, self._pending = self._pending[:count], self._pending[count:]
        return batch

    async def _tidy(self) -> None:
        try:
            await self._journal.tidy()
        except SyncError:
            raise
        except errors.StorageError as err:
            self._refuse(err)

    # -- failing

    def _refuse(self, reason: errors.StorageError) -> None:
        """Nothing of what waits was written: say so, and find out when writing works."""
        self.log.error("Changes are refused: {reason}", reason=reason)
        self._broken = reason
        failed = self._take_all()
        self._roll_back(failed)
        self._probe_later()
        self._fail(failed, reason)

    def _take_all(self) -> list[Pending]:
        waiting = self._writing + self._pending
        self._writing, self._pending = [], []
        return waiting

    def _fail(self, failed: list[Pending], reason: errors.StorageError) -> None:
        for waiter in _waiters(failed):
            waiter.errback(errors.StorageError(*reason.args))

    def _probe_later(self) -> None:
        if not self._closed:
            self._probe_timer = self._clock.callLater(PROBE_EVERY_S, self._start_probe)

    def _start_probe(self) -> None:
        self._probe_timer = None
        self._run(self._probe)

    async def _probe(self) -> None:
        try:
            await self._journal.probe()
        except SyncError:
            raise
        except errors.StorageError as err:
            self._broken = err
            self._probe_later()
            return
        self._broken = None
        self.log.info("Writing works again: changes are accepted")
        waiting, self._writable = self._writable, []
        for waiter in waiting:
            waiter.callback(None)

    def _end(self, failure: Failure) -> None:
        """What is on the disk is not known: only a start can tell."""
        self.log.failure("The store cannot go on", failure=failure)
        err = failure.value
        self._broken = err
        self._on_fatal(err if isinstance(err, Exception) else SyncError(str(err)))


def _waiters(batch: list[Pending]) -> list[Deferred[State]]:
    return [waiter for pending in batch for waiter in pending.waiters]
