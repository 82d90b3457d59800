"""Answers to queries: the committed state, live data of nodes, and the archive, put together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime

from ganeti.errors import GanetiError
from ganeti.model.job import Job, LogLine
from ganeti.model.state import State
from ganeti.operations.gather import Asker, gather_live
from ganeti.query.evaluate import Cell, Query, build_named_query, build_query, plain_rows
from ganeti.query.fields import Need
from ganeti.query.resources import find_resource, query_fields
from ganeti.query.view import LockView, View
from ganeti.utils.aio import sleep

_AT_ONCE = 500
"""Objects whose rows are made without letting others run."""

_ARCHIVE_PAGE = 500


class Archive(Protocol):
    """Where archived jobs are (as L{ganeti.store.journal.IJournal})."""

    def archived_job(self, job_id: int) -> Awaitable[Job | None]:
        """An archived job."""

    def archived_jobs(self, after: int, limit: int) -> Awaitable[list[Job]]:
        """Up to C{limit} archived jobs with ids above C{after}, rising."""


@dataclass(frozen=True, kw_only=True)
class Queries:
    """
    Answers queries on the state that is committed when each begins.

    @ivar state: the committed state, with the jobs as they are now.
    @ivar log: all lines of a job's log, archived or not.
    @ivar locks: the lock table's rows.
    @ivar machine: the master's processor architecture.
    """

    state: Callable[[], State]
    rpc: Asker
    archive: Archive
    log: Callable[[int], Awaitable[Sequence[LogLine]]]
    locks: Callable[[], Sequence[LockView]]
    clock: IReactorTime
    machine: str

    async def query(self, what: str, fields: Sequence[str], qfilter: Any) -> dict[str, Any]:
        """
        The answer to C{Query}: definitions of the columns, and rows of C{[status, value]}.

        @raise RequestError: there is no such kind of object, or the filter is malformed.
        @raise OpPrereqError: there is no object of a name.
        @raise ParameterError: the filter compares unlike things.
        """
        query = build_query(find_resource(what), fields, qfilter)
        return {"fields": query.definitions(), "data": await self._data(query)}

    def fields(self, what: str, fields: Sequence[str] | None) -> dict[str, Any]:
        """
        The answer to C{QueryFields}; no fields: all.

        @raise RequestError: there is no such kind of object.
        """
        return query_fields(what, fields)

    async def rows(
        self, what: str, names: Sequence[str | int], fields: Sequence[str]
    ) -> list[list[Any]]:
        """
        The answer to a query of the old kind: rows of plain values.

        @param names: no names: all objects; names of none are left out.
        @raise RequestError: there is no such kind of object.
        @raise OpPrereqError: an unknown field.
        """
        query = build_named_query(find_resource(what), fields, list(map(str, names)))
        return plain_rows(await self._data(query))

    async def job_values(self, job: Job, fields: Sequence[str]) -> list[Any]:
        """Values of one job's fields; all None when one is unknown."""
        try:
            query = build_named_query(find_resource("job"), fields, ())
        except GanetiError:
            return [None] * len(fields)
        view = View(state=self.state())
        if Need.LOGS in query.needs:
            view = replace(view, logs={job.id: await self.log(job.id)})
        return plain_rows(query.data([job], view))[0]

    async def _data(self, query: Query) -> list[list[Cell]]:
        view = View(state=self.state(), locks=self.locks(), machine=self.machine)
        if query.resource.name == "job":
            view = replace(view, archived=await self._archived(query, view))
        if query.resource.asks:
            everywhere = view.config.nodes.keys()
            live = await gather_live(view.config, self.rpc, query.resource.asks, set(everywhere))
            view = replace(view, live=live)
        objects = query.objects(view)
        return await self._rows(query, objects, await self._with_live(query, objects, view))

    async def _archived(self, query: Query, view: View) -> list[Job]:
        names = query.predicate.names
        if names is not None:
            ids = [int(name) for name in names if name.isdecimal()]
            missing = [job_id for job_id in ids if job_id not in view.state.jobs]
            found = [await self.archive.archived_job(job_id) for job_id in missing]
            return [job for job in found if job is not None]
        return await self._whole_archive() if Need.ARCHIVE in query.needs else []

    async def _whole_archive(self) -> list[Job]:
        found: list[Job] = []
        while page := await self.archive.archived_jobs(found[-1].id if found else 0, _ARCHIVE_PAGE):
            found += page
        return found

    async def _with_live(self, query: Query, objects: Sequence[Any], view: View) -> View:
        needs = query.needs & ~query.resource.asks
        if Need.LOGS in needs:
            jobs = [job for job in objects if isinstance(job, Job)]
            logs = {job.id: await self.log(job.id) for job in jobs}
            view = replace(view, logs=logs)
        if needs & (Need.INSTANCES | Need.RESOURCES):
            asked = query.nodes(objects, view)
            live = await gather_live(view.config, self.rpc, needs, asked)
            view = replace(view, live=live)
        return view

    async def _rows(self, query: Query, objects: Sequence[Any], view: View) -> list[list[Cell]]:
        data = query.data(objects[:_AT_ONCE], view)
        for start in range(_AT_ONCE, len(objects), _AT_ONCE):
            await sleep(self.clock, 0)
            data += query.data(objects[start : start + _AT_ONCE], view)
        return data
