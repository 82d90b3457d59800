"""Answer queries: the committed state, the jobs as they are, and what nodes say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ganeti.errors import OpPrereqError, RequestError
from ganeti.masterd.master import MasterDaemon
from ganeti.model.job import Job, LogLine
from ganeti.query.evaluate import Query, build_named_query, build_query, plain_rows
from ganeti.query.fields import Missing, Need, Resource
from ganeti.query.job_fields import JobRow
from ganeti.query.resources import find_resource, query_fields
from ganeti.query.view import View

ARCHIVE_BATCH = 1000


class Queries:
    """Every query sees one moment of the cluster."""

    def __init__(self, master: MasterDaemon) -> None:
        self._master = master

    async def query(self, what: str, fields: Sequence[str], qfilter: Any) -> dict[str, Any]:
        """The answer to C{Query}."""
        query = build_query(_resource(what), fields, qfilter)
        return {"fields": query.definitions(), "data": await self._data(query)}

    def fields(self, what: str, fields: Sequence[str] | None) -> dict[str, Any]:
        """The answer to C{QueryFields}."""
        _resource(what)
        return query_fields(what, fields)

    async def rows(self, what: str, names: Sequence[Any], fields: Sequence[str]) -> list[list[Any]]:
        """Rows of plain values, as the older methods answer."""
        query = build_named_query(_resource(what), fields, [str(name) for name in names])
        return plain_rows(await self._data(query))

    async def job_values(self, job: Job, fields: Sequence[str]) -> list[Any]:
        """The values of one job; all null when there is a field that there is not."""
        resource = find_resource("job")
        columns = [resource.fields.get(name) for name in fields]
        known = [column for column in columns if column is not None]
        if len(known) < len(columns):
            return [None] * len(columns)
        view = View(state=self._master.jobs.state())
        if any(column.needs & Need.LOGS for column in known):
            view = replace(view, logs={job.id: await self._master.logs.lines(job.id)})
        row = JobRow(job, view)
        values = [column.get(row) for column in known]
        return [None if isinstance(value, Missing) else value for value in values]

    async def _data(self, query: Query) -> list[Any]:
        view = View(state=self._master.jobs.state(), locks=self._master.locks.rows())
        if query.resource.name == "job":
            view = replace(view, archived=await self._archived(query, view))
        objects = query.objects(view)
        if query.needs & Need.LOGS:
            view = replace(view, logs=await self._logs(objects))
        return query.data(objects, view)

    async def _archived(self, query: Query, view: View) -> list[Job]:
        """Archived jobs that are asked for: by id, or all when the field C{archived} is."""
        journal = self._master.store.journal
        names = query.predicate.names
        if names is not None:
            asked = {int(name) for name in names if name.isdecimal()}
            wanted = sorted(job_id for job_id in asked if job_id not in view.state.jobs)
            found = [await journal.archived_job(job_id) for job_id in wanted]
            return [job for job in found if job is not None]
        if not query.needs & Need.ARCHIVE:
            return []
        jobs: list[Job] = []
        while batch := await journal.archived_jobs(jobs[-1].id if jobs else 0, ARCHIVE_BATCH):
            jobs += batch
        return jobs

    async def _logs(self, objects: Sequence[Any]) -> dict[int, list[LogLine]]:
        return {job.id: await self._master.logs.lines(job.id) for job in objects}


def _resource(what: str) -> Resource:
    """@raise RequestError: there is no such kind of object."""
    try:
        return find_resource(what)
    except OpPrereqError as err:
        raise RequestError(f"Failed to parse request: {err}") from err
