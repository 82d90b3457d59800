"""A candidate's copy of the cluster's log and state, fed by the master."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from twisted.internet.defer import CancelledError, DeferredLock
from twisted.logger import Logger

from ganeti import errors
from ganeti.model import codec
from ganeti.model.configfile import Unknown
from ganeti.model.delta import Delta, Stamp, apply
from ganeti.model.state import State, header_of
from ganeti.store.entry import Entry, Position, first_break
from ganeti.store.journal import IJournal
from ganeti.store.loading import Loaded
from ganeti.store.nodestate import INodeState
from ganeti.store.sqlite import SyncError

TAIL_ENTRIES = 500

Listener = Callable[[State], None]


class Replica:
    """
    The copy, and what it adds up to.

    Every method that changes it answers with its position: the feeder compares that with its own
    log (L{continuation}) and sends what follows, or a snapshot when the two have parted. All
    are idempotent, and run one after another. Only the holder of a term that is not below the
    promised one may feed.
    """

    log = Logger()

    def __init__(
        self,
        journal: IJournal,
        node_state: INodeState,
        loaded: Loaded,
        on_fatal: Callable[[Exception], None],
    ) -> None:
        """Use L{open}."""
        self._on_fatal = on_fatal
        self._journal = journal
        self._node_state = node_state
        self._lock = DeferredLock()
        self._listeners: list[Listener] = []
        self._take(loaded)

    @classmethod
    async def open(
        cls,
        journal: IJournal,
        node_state: INodeState,
        *,
        on_fatal: Callable[[Exception], None],
    ) -> Replica:
        """
        Go on from what the journal holds.

        @param on_fatal: has to end the daemon: it is not known any more what is on the disk.
        @raise ConfigurationError: it cannot be used; remove the database and begin anew.
        """
        return cls(journal, node_state, await journal.load(), on_fatal)

    def _take(self, loaded: Loaded) -> None:
        self.state: State = loaded.state
        self.position: Position = loaded.position
        self.unknown: Unknown = loaded.unknown

    def on_change(self, listener: Listener) -> None:
        """Call C{listener(state)} after each change: for projections."""
        self._listeners.append(listener)

    async def promise(self, term: int) -> Position:
        """
        Accept no lower term from now on, and say how far this copy goes.

        @raise StorageError: a higher term has been promised, or nothing can be written.
        """
        await self._node_state.promise(term)
        return self.position

    async def append(self, term: int, entries: Sequence[Entry]) -> Position:
        """
        Take entries over, as far as they follow what is here; those already here are skipped.

        @param term: the feeder's.
        @return: where this copy ends now. A gap, or another history, leaves it where it was.
        @raise StorageError: the term is over; an entry cannot be applied; nothing can be written.
        """
        async with self._changing(term):
            follow = await self._unseen(entries)
            if follow and first_break(self.position, follow) is None:
                await self._append(follow)
            return self.position

    async def snapshot_part(
        self, term: int, snapshot_id: str, number: int, part: bytes, last: bool
    ) -> Position:
        """
        Take over one part of a snapshot; with the last one it replaces everything here.

        @raise StorageError: the term is over; parts are missing; nothing can be written.
        """
        async with self._changing(term):
            await self._journal.stage(snapshot_id, number, part)
            if last:
                await self._journal.install(snapshot_id, number + 1)
                self._take(await self._journal.load())
                self._tell()
            return self.position

    async def close(self) -> None:
        """Finish what is under way and let go of the journal."""
        async with self._lock:
            await self._journal.close()

    @asynccontextmanager
    async def _changing(self, term: int) -> AsyncIterator[None]:
        async with self._lock:
            self._check_term(term)
            try:
                yield
            except SyncError as err:
                self._on_fatal(err)
                raise

    def _check_term(self, term: int) -> None:
        known = max(self._node_state.promised_term, self.position.term)
        if term < known:
            raise errors.StorageError(f"Term {term} is over: this node knows term {known}")

    async def _unseen(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """What of C{entries} is new here; nothing when what is old is not the same here."""
        seen = [entry for entry in entries if entry.index <= self.position.index]
        if seen and not await self._holds(seen[-1].position):
            return ()
        return entries[len(seen) :]

    async def _holds(self, position: Position) -> bool:
        return await holds(self._journal, self.position, position)

    async def _append(self, entries: Sequence[Entry]) -> None:
        state = self.state
        for entry in entries:
            state = _applied(state, entry)
        await self._journal.append(entries, header_of(state))
        self.state, self.position = state, entries[-1].position
        self._tell()
        await self._journal.tidy()

    def _tell(self) -> None:
        for listener in self._listeners:
            try:
                listener(self.state)
            except CancelledError:
                raise
            except Exception:
                self.log.failure("A listener to the replica failed")


def _applied(state: State, entry: Entry) -> State:
    stamp = Stamp(index=entry.index, time_s=entry.time_ns / 1e9, term=entry.term)
    try:
        delta: Delta = codec.decode(bytes(entry.body), Delta)
        return apply(state, delta, stamp)
    except (errors.ParseError, errors.ConfigurationError) as err:
        raise errors.StorageError(f"Log entry {entry.index} cannot be applied: {err}") from err


async def holds(journal: IJournal, end: Position, position: Position) -> bool:
    """
    Whether C{position} is part of the history in C{journal}, which ends at C{end}.

    What is older than the log goes back counts as not.
    """
    if position.index == end.index:
        return position.digest == end.digest
    if position.index == 0:
        return True
    entry = await journal.entry(position.index)
    return entry is not None and entry.digest == position.digest


async def continuation(
    journal: IJournal, end: Position, position: Position, limit: int = TAIL_ENTRIES
) -> list[Entry] | None:
    """
    What to send to a copy that stands at C{position}; empty when it has everything.

    @param end: of the feeder's own committed log.
    @return: None when it needs a snapshot: it is too far behind, or of another history.
    """
    if position.index > end.index or not await holds(journal, end, position):
        return None
    found = await journal.tail(position.index, limit)
    if found is None:
        return None
    return [entry for entry in found if entry.index <= end.index]
