"""Settings that are no operations: drain flag, watcher pause, filter rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace
from twisted.logger import Logger

from ganeti.errors import GanetiError, ParseError, RequestError, StorageError
from ganeti.masterd.filters import check_rule
from ganeti.masterd.queue import JobQueue
from ganeti.model import codec
from ganeti.model.delta import Delete, Delta, Kind, put
from ganeti.model.filter import FilterRule
from ganeti.model.state import QueueState, State
from ganeti.paths import Paths
from ganeti.store.commit import Store
from ganeti.utils import durable
from ganeti.utils.randomness import Randomness
from ganeti.utils.threads import Threads

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _normal(qfilter: Any) -> Any:
    """Filters as they are kept: C{=} is C{==}."""
    if not isinstance(qfilter, list | tuple):
        return qfilter
    parts = [_normal(part) for part in qfilter]
    return ["==", *parts[1:]] if parts[:1] == ["="] else parts


class Settings:
    """Changes them, and keeps the files that other programs look at."""

    log = Logger()

    def __init__(
        self,
        store: Store,
        queue: JobQueue,
        paths: Paths,
        threads: Threads,
        random: Randomness,
    ) -> None:
        self._store = store
        self._queue = queue
        self._paths = paths
        self._threads = threads
        self._random = random

    async def write_files(self) -> None:
        """Make the files say what is stored, after a start; they are for others to look at."""
        try:
            await self._write_drain_file(self._store.committed.queue.drained)
        except StorageError as err:
            self.log.error("{reason}", reason=err)

    async def set_drained(self, drained: bool) -> None:
        """Refuse new jobs, or take them again."""
        await self._change_queue(drained=drained)
        await self._write_drain_file(drained)

    async def set_watcher_pause(self, until: float | None) -> None:
        """Let the watcher rest until then (seconds since the epoch)."""
        await self._change_queue(watcher_pause=until)

    async def _change_queue(self, **changes: Any) -> None:
        def change(state: State) -> Delta:
            wanted: QueueState = replace(state.queue, **changes)
            return () if wanted == state.queue else (put(wanted),)

        await self._store.commit(change)

    async def _write_drain_file(self, drained: bool) -> None:
        path = self._paths.queue_drain_file
        try:
            if drained:
                await self._threads.run(durable.write_atomic, path, b"", 0o644)
            else:
                await self._threads.run(durable.remove, path)
        except OSError as err:
            raise StorageError(f"Cannot change {path}: {err.strerror}") from err

    # -- filter rules

    async def replace_filter(
        self,
        uuid: str | None,
        priority: int,
        predicates: Sequence[Any],
        action: Any,
        reason: Sequence[Any],
        now_ns: int,
    ) -> str:
        """
        Put a rule, new (C{uuid} None) or in the place of another, and judge the queue anew.

        @return: its uuid.
        @raise RequestError: it is malformed.
        @raise GanetiError: C{uuid} is none.
        """
        if uuid is not None and not _UUID.fullmatch(uuid):
            raise GanetiError("Unable to parse UUID")
        fields = {
            "uuid": uuid or self._random.uuid(),
            "watermark": 0,
            "priority": priority,
            "predicates": _normal(predicates),
            "action": action,
            "reason_trail": [*reason, ["luxid", "", now_ns]],
        }
        try:
            rule = codec.convert(fields, FilterRule)
            check_rule(rule)
        except ParseError as err:
            raise RequestError(f"Failed to parse request: {err}") from err

        def change(state: State) -> Delta:
            return (put(replace(rule, watermark=state.queue.last_job_id)),)

        await self._store.commit(change)
        await self._queue.judge_again()
        return rule.uuid

    async def delete_filter(self, uuid: str) -> None:
        """@raise GanetiError: there is no such rule."""

        def change(state: State) -> Delta:
            if uuid not in state.config.filters:
                raise GanetiError(f"Filter rule with UUID {uuid} does not exist")
            return (Delete(kind=Kind.FILTER, uuid=uuid),)

        await self._store.commit(change)
        await self._queue.judge_again()
