"""What a master candidate keeps: a replica of the log, and the files made from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ganeti.errors import ConfigurationError
from ganeti.model import codec
from ganeti.paths import Paths
from ganeti.store.bootstrap import remove_database
from ganeti.store.entry import Entry, Position
from ganeti.store.journal import IJournal, SqliteJournal
from ganeti.store.memory_journal import MemoryJournal
from ganeti.store.nodestate import INodeState
from ganeti.store.projections import ConfigFiles, ConfigProjection, SsconfFiles, remove_ssconf
from ganeti.store.replica import Replica
from ganeti.store.sqlite import DamagedError
from ganeti.store.thread import OneThread
from ganeti.utils import durable
from ganeti.utils.threads import Threads

__all__ = [
    "CandidateFiles",
    "CandidateStore",
    "Copy",
    "MemoryCandidate",
    "SsconfFiles",
    "remove_ssconf",
]

log = Logger()

OnFatal = Callable[[Exception], None]


class Copy:
    """An open replica and its projections."""

    def __init__(self, replica: Replica, projection: ConfigProjection | None) -> None:
        self._replica = replica
        self._projection = projection
        if projection is not None:
            replica.on_change(lambda state: projection.want(state.config))
            projection.want(replica.state.config)

    @property
    def position(self) -> Position:
        """How far it goes."""
        return self._replica.position

    async def append(self, term: int, entries: Sequence[msgspec.Raw]) -> Position:
        """
        Take encoded entries over, as L{Replica.append} does.

        @raise ParseError: one of them is malformed; none was taken.
        """
        decoded = [codec.decode(bytes(entry), Entry) for entry in entries]
        return await self._replica.append(term, decoded)

    async def snapshot_part(
        self, term: int, snapshot_id: str, number: int, part: bytes, last: bool
    ) -> Position:
        """Take one part of a snapshot over, as L{Replica.snapshot_part} does."""
        return await self._replica.snapshot_part(term, snapshot_id, number, part, last)

    def rewrite(self) -> None:
        """Write config.data and ssconf again, whatever is in them."""
        if self._projection is not None:
            self._projection.rewrite()

    async def close(self) -> None:
        """Finish what is under way, and let go of the files."""
        await self._replica.close()
        if self._projection is not None:
            await self._projection.close()


class CandidateStore(Protocol):
    """Where a node keeps its copy while it is a candidate."""

    async def open(self, state: INodeState, on_fatal: OnFatal) -> Copy:
        """
        Go on from what is there; from nothing, if there is nothing or it is of no use.

        @param on_fatal: has to end the daemon.
        """

    async def remove(self) -> None:
        """Forget the copy (which must be closed) and what only candidates may have."""


class CandidateFiles:
    """store.db, config.data and ssconf of this node."""

    def __init__(self, paths: Paths, reactor: Any, threads: Threads) -> None:
        """@param reactor: provides IReactorFromThreads and IReactorTime."""
        self._paths = paths
        self._reactor = reactor
        self._threads = threads

    async def open(self, state: INodeState, on_fatal: OnFatal) -> Copy:
        try:
            replica = await self._open(state, on_fatal)
        except (ConfigurationError, DamagedError) as error:
            log.warn("The copy of the log is of no use, and begins anew: {error}", error=str(error))
            await self._threads.run(remove_database, self._paths.store_db)
            replica = await self._open(state, on_fatal)
        files = ConfigFiles(self._paths, lambda: replica.unknown)
        clock: IReactorTime = self._reactor
        return Copy(
            replica, ConfigProjection(files, OneThread(self._reactor, "config.data"), clock)
        )

    async def _open(self, state: INodeState, on_fatal: OnFatal) -> Replica:
        journal = await SqliteJournal.open(self._paths.store_db, self._reactor, create=True)
        return await _replica(journal, state, on_fatal)

    async def remove(self) -> None:
        await self._threads.run(thd_remove_candidate_files, self._paths)


def thd_remove_candidate_files(paths: Paths) -> None:
    """Remove what only the master and candidates may have; ssconf stays. Blocking."""
    remove_database(paths.store_db)
    durable.remove(paths.config_data)
    durable.remove(paths.ca_key)


class MemoryCandidate:
    """
    The same in memory, for simulated nodes; what was kept outlives C{close}.

    @ivar kept: there is a copy.
    """

    def __init__(self) -> None:
        self._journal: MemoryJournal | None = None

    @property
    def journal(self) -> MemoryJournal:
        """The copy; an empty one is made when there is none."""
        if self._journal is None:
            self._journal = MemoryJournal()
        return self._journal

    @property
    def kept(self) -> bool:
        return self._journal is not None

    async def open(self, state: INodeState, on_fatal: OnFatal) -> Copy:
        return Copy(await _replica(self.journal, state, on_fatal), None)

    async def remove(self) -> None:
        self._journal = None


async def _replica(journal: IJournal, state: INodeState, on_fatal: OnFatal) -> Replica:
    try:
        return await Replica.open(journal, state, on_fatal=on_fatal)
    except BaseException:
        await journal.close()
        raise
