"""What the methods of the local protocol do."""

from __future__ import annotations

import platform
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ganeti.errors import ErrorCode, GanetiError, OpPrereqError, ParseError
from ganeti.luxi import methods as m
from ganeti.masterd.clusterinfo import cluster_info, config_values, tags_of
from ganeti.masterd.master import MasterDaemon
from ganeti.model.job import Job
from ganeti.opcodes import OpCode, decode_opcode
from ganeti.operations.queries import Queries


class LuxiMethods:
    """One handler per method; what it raises is the client's answer."""

    def __init__(self, master: MasterDaemon) -> None:
        """@param master: started."""
        self._master = master
        self._settings = master.settings
        self._queries = Queries(
            state=master.jobs.state,
            rpc=master.rpc,
            archive=master.store.journal,
            log=master.logs.lines,
            locks=master.locks.rows,
            clock=master.given.clock,
            machine=platform.machine(),
        )
        self._handlers: dict[type[m.Method], Callable[[Any], Awaitable[Any]]] = {
            m.SubmitJob: self._submit_job,
            m.SubmitJobToDrainedQueue: self._submit_to_drained,
            m.SubmitManyJobs: self._submit_many,
            m.WaitForJobChange: self._wait_for_change,
            m.CancelJob: self._cancel,
            m.ChangeJobPriority: self._change_priority,
            m.ArchiveJob: self._archive,
            m.AutoArchiveJobs: self._auto_archive,
            m.Query: self._query,
            m.QueryFields: self._query_fields,
            m.QueryJobs: self._query_jobs,
            m.QueryInstances: self._query_named,
            m.QueryNodes: self._query_named,
            m.QueryGroups: self._query_named,
            m.QueryNetworks: self._query_named,
            m.QueryExports: self._query_exports,
            m.QueryFilters: self._query_filters,
            m.QueryTags: self._query_tags,
            m.QueryClusterInfo: self._cluster_info,
            m.QueryConfigValues: self._config_values,
            m.SetDrainFlag: self._set_drain_flag,
            m.SetWatcherPause: self._set_watcher_pause,
            m.ReplaceFilter: self._replace_filter,
            m.DeleteFilter: self._delete_filter,
            m.PickupJob: self._pickup,
        }

    async def handle(self, method: m.Method) -> Any:
        """The result of a request."""
        return await self._handlers[type(method)](method)

    # -- jobs

    async def _submit_job(self, method: m.SubmitJob) -> int:
        return await self._submit_one("SubmitJob", method.ops, even_if_drained=False)

    async def _submit_to_drained(self, method: m.SubmitJobToDrainedQueue) -> int:
        name = "SubmitJobToDrainedQueue"
        return await self._submit_one(name, method.ops, even_if_drained=True)

    async def _submit_one(self, name: str, raw: Sequence[Any], *, even_if_drained: bool) -> int:
        ops = _decode_ops(name, raw)
        [answer] = await self._master.queue.submit([ops], even_if_drained=even_if_drained)
        if isinstance(answer, GanetiError):
            raise answer
        return answer

    async def _submit_many(self, method: m.SubmitManyJobs) -> list[list[Any]]:
        jobs = [_decode_ops("SubmitManyJobs", raw) for raw in method.jobs]
        answers = await self._master.queue.submit(jobs)
        return [
            [False, str(answer)] if isinstance(answer, GanetiError) else [True, answer]
            for answer in answers
        ]

    async def _wait_for_change(self, method: m.WaitForJobChange) -> Any:
        async def values(job: Job) -> list[Any]:
            return await self._queries.job_values(job, method.fields)

        return await self._master.control.wait_for_change(
            int(method.job_id),
            values,
            method.prev_job_info,
            method.prev_log_serial,
            method.timeout,
        )

    async def _cancel(self, method: m.CancelJob) -> Any:
        return await self._master.control.cancel(int(method.job_id), method.kill)

    async def _change_priority(self, method: m.ChangeJobPriority) -> Any:
        return await self._master.control.change_priority(int(method.job_id), method.priority)

    async def _archive(self, method: m.ArchiveJob) -> bool:
        return await self._master.control.archive(int(method.job_id))

    async def _auto_archive(self, method: m.AutoArchiveJobs) -> Any:
        return await self._master.control.auto_archive(method.age, method.timeout)

    async def _pickup(self, method: m.PickupJob) -> Any:
        raise GanetiError("Jobs are started by the master daemon itself")

    # -- queries

    async def _query(self, method: m.Query) -> Any:
        return await self._queries.query(method.what, method.fields, method.qfilter)

    async def _query_fields(self, method: m.QueryFields) -> Any:
        return self._queries.fields(method.what, method.fields)

    async def _query_jobs(self, method: m.QueryJobs) -> Any:
        ids = [int(job_id) for job_id in method.ids or ()]
        return await self._queries.rows("job", ids, method.fields)

    async def _query_named(
        self, method: m.QueryInstances | m.QueryNodes | m.QueryGroups | m.QueryNetworks
    ) -> Any:
        _refuse_locking(method.use_locking)
        what = type(method).__name__.removeprefix("Query").removesuffix("s").lower()
        return await self._queries.rows(what, method.names, method.fields)

    async def _query_exports(self, method: m.QueryExports) -> Any:
        _refuse_locking(method.use_locking)
        return await self._queries.rows("export", method.nodes, ("node", "export"))

    async def _query_filters(self, method: m.QueryFilters) -> Any:
        return await self._queries.rows("filter", method.uuids or (), method.fields)

    async def _query_tags(self, method: m.QueryTags) -> list[str]:
        return tags_of(self._master.store.committed.config, method.kind, method.name)

    async def _cluster_info(self, method: m.QueryClusterInfo) -> Any:
        return cluster_info(self._master.store.committed.config)

    async def _config_values(self, method: m.QueryConfigValues) -> list[Any]:
        return config_values(self._master.store.committed, method.fields)

    # -- settings

    async def _set_drain_flag(self, method: m.SetDrainFlag) -> bool:
        await self._settings.set_drained(method.flag)
        return True

    async def _set_watcher_pause(self, method: m.SetWatcherPause) -> float | None:
        await self._settings.set_watcher_pause(method.until)
        return method.until

    async def _replace_filter(self, method: m.ReplaceFilter) -> str:
        return await self._settings.replace_filter(
            method.uuid,
            method.priority,
            method.predicates,
            method.action,
            method.reason,
            self._master.now_ns(),
        )

    async def _delete_filter(self, method: m.DeleteFilter) -> None:
        await self._settings.delete_filter(method.uuid)


def _refuse_locking(use_locking: bool) -> None:
    if use_locking:
        raise OpPrereqError("Sync queries are not allowed", ErrorCode.WRONG_INPUT)


def _decode_ops(method: str, raw: Sequence[Any]) -> list[OpCode]:
    """@raise ParseError: one cannot be read; the whole request fails with a plain text."""
    try:
        return [decode_opcode(op, submitted=True) for op in raw]
    except GanetiError as err:
        raise ParseError(f"Failed to parse request: {method}: {err}") from err
