"""The journal: where commits become durable, and are read back after a start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

import msgspec
from twisted.internet.interfaces import IReactorFromThreads
from zope.interface import Interface, implementer

from ganeti.model.job import Job, LogLine
from ganeti.model.state import StateHeader
from ganeti.store import loading, snapshot
from ganeti.store.database import LOG_KEPT, Database
from ganeti.store.entry import Entry, Position
from ganeti.store.loading import Loaded, UnreadableJob
from ganeti.store.thread import OneThread, Runner

P = ParamSpec("P")
T = TypeVar("T")


class IJournal(Interface):
    """
    Durable log of commits, with what they add up to.

    Methods take effect in the order called. A StorageError says that nothing has changed; a
    SyncError that this is not known, after which the journal must not be used any more.
    """

    async def load() -> Loaded:
        """
        Everything but archive and logs.

        @raise ConfigurationError: an object cannot be read, or objects contradict each other.
        """

    async def append(batch: Sequence[Entry], header: StateHeader) -> None:
        """
        Make entries durable, all or none; they follow the last one.

        @param header: of the state after the last of them.
        """

    async def tidy() -> None:
        """Housekeeping that no commit should wait for; call it after a commit was acknowledged."""

    async def probe() -> None:
        """Raise unless some 100 KiB can be written durably."""

    async def set_aside(jobs: Sequence[UnreadableJob]) -> None:
        """Keep the stored form of jobs that an entry will now replace."""

    async def archived_job(job_id: int) -> Job | None:
        """An archived job."""

    async def archived_ids(after: int = 0, limit: int = -1) -> list[int]:
        """Ids of archived jobs above C{after}, rising; C{limit} -1: all."""

    async def archived_jobs(after: int, limit: int) -> list[Job]:
        """Up to C{limit} archived jobs with ids above C{after}, rising."""

    async def job_log(job_id: int, after: int = 0) -> list[LogLine]:
        """Lines of a job's log, archived or not, with serial numbers above C{after}."""

    async def tail(after: int, limit: int) -> list[Entry] | None:
        """
        Up to C{limit} entries that follow index C{after}.

        @return: None when the log does not go back that far.
        """

    async def entry(index: int) -> Entry | None:
        """One entry; None when it is not there, any more or yet."""

    async def open_snapshot() -> Snapshot:
        """Begin to read all that is there now; commits go on meanwhile."""

    async def stage(snapshot_id: str, number: int, part: bytes) -> None:
        """Keep one part, counted from 0, of a snapshot that arrives; of one snapshot at a time."""

    async def install(snapshot_id: str, count: int) -> Position:
        """Replace everything by the C{count} staged parts, all or nothing."""

    async def close() -> None:
        """Finish what is under way and let go. The journal is of no use afterwards."""


class Snapshot:
    """One snapshot while it is read."""

    def __init__(self, reader: snapshot.SnapshotReader, runner: Runner) -> None:
        self._reader = reader
        self._runner = runner
        self.position = reader.position

    async def next_part(self) -> bytes | None:
        """The next part, about half a MiB; None after the last."""
        return await self._runner.run(self._reader.next_part)

    async def close(self) -> None:
        """Must be called at the end, however that comes."""
        await self._runner.run(self._reader.close)


@implementer(IJournal)
class DatabaseJournal:
    """IJournal over a Database, whichever thread that is used in."""

    def __init__(self, database: Database, runner: Runner) -> None:
        self._database = database
        self._runner = runner
        self._closed = False

    async def _run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._runner.run(function, *args, **kwargs)

    async def load(self) -> Loaded:
        return await self._run(loading.load, self._database)

    async def append(self, batch: Sequence[Entry], header: StateHeader) -> None:
        await self._run(self._database.append, batch, header)

    async def tidy(self) -> None:
        await self._run(self._database.tidy)

    async def probe(self) -> None:
        await self._run(self._database.probe)

    async def set_aside(self, jobs: Sequence[UnreadableJob]) -> None:
        rows = [(found.job.id, found.body, found.reason) for found in jobs]
        await self._run(self._database.set_aside, rows)

    async def archived_job(self, job_id: int) -> Job | None:
        body = await self._run(self._database.archived_job, job_id)
        return None if body is None else _archived(job_id, body)

    async def archived_ids(self, after: int = 0, limit: int = -1) -> list[int]:
        return await self._run(self._database.archived_ids, after, limit)

    async def archived_jobs(self, after: int, limit: int) -> list[Job]:
        rows = await self._run(self._database.archived_jobs, after, limit)
        return [_archived(job_id, body) for job_id, body in rows]

    async def job_log(self, job_id: int, after: int = 0) -> list[LogLine]:
        return [
            loading.decode_line(body)
            for body in await self._run(self._database.job_log, job_id, after)
        ]

    async def tail(self, after: int, limit: int) -> list[Entry] | None:
        return await self._run(self._database.tail, after, limit)

    async def entry(self, index: int) -> Entry | None:
        return await self._run(self._database.entry, index)

    async def open_snapshot(self) -> Snapshot:
        reader = await self._run(snapshot.SnapshotReader, self._database)
        return Snapshot(reader, self._runner)

    async def stage(self, snapshot_id: str, number: int, part: bytes) -> None:
        await self._run(snapshot.stage, self._database, snapshot_id, number, part)

    async def install(self, snapshot_id: str, count: int) -> Position:
        return await self._run(snapshot.install, self._database, snapshot_id, count)

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            try:
                await self._run(self._database.close)
            finally:
                self._runner.close()


class SqliteJournal(DatabaseJournal):
    """A store.db in a thread of its own."""

    @classmethod
    async def open(
        cls,
        path: str,
        reactor: IReactorFromThreads,
        *,
        create: bool = False,
        log_kept: int = LOG_KEPT,
    ) -> SqliteJournal:
        """@raise StorageError: missing (and not C{create}), damaged, or in use."""
        thread = OneThread(reactor, "store.db")
        try:
            database = await thread.run(Database, path, create=create, log_kept=log_kept)
        except BaseException:
            thread.close()
            raise
        return cls(database, thread)


def _archived(job_id: int, body: bytes) -> Job:
    found = loading.decode_job(job_id, body)
    job = found.job if isinstance(found, UnreadableJob) else found
    return msgspec.structs.replace(job, archived=True)
