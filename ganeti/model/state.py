"""All that the master keeps: configuration, jobs and debts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import immutables
from msgspec import Struct

from ganeti.model.config import Configuration
from ganeti.model.job import Job
from ganeti.model.recovery import Debt


class QueueState(Struct, frozen=True, kw_only=True):
    """What holds for the job queue as a whole, and the watcher's pause."""

    last_job_id: int = 0
    """Of all jobs ever submitted; ids are never reused."""
    drained: bool = False
    """New jobs are refused."""
    watcher_pause: float | None = None
    """Epoch seconds until which the watcher does nothing."""


_EMPTY: immutables.Map[Any, Any] = immutables.Map()
_NO_CONFIG = Configuration()
_NO_QUEUE = QueueState()


@dataclass(frozen=True, slots=True)
class State:
    """The state after a log entry."""

    config: Configuration = _NO_CONFIG
    jobs: immutables.Map[int, Job] = _EMPTY
    """Jobs that are not archived, by id."""
    debts: immutables.Map[str, Debt] = _EMPTY
    """By uuid."""
    queue: QueueState = _NO_QUEUE
    index: int = 0
    """Of the last log entry."""
    term: int = 0
    """Of the last log entry."""

    @property
    def watcher_pause(self) -> float | None:
        """Epoch seconds until which the watcher does nothing."""
        return self.queue.watcher_pause


class StateHeader(Struct, frozen=True, kw_only=True):
    """The parts of a state that are no objects; with all objects it makes the state again."""

    index: int = 0
    term: int = 0
    serial_no: int = 0
    version: int
    ctime: float = 0.0
    mtime: float = 0.0
    queue: QueueState = QueueState()


def header_of(state: State) -> StateHeader:
    """What to store beside the objects."""
    config = state.config
    return StateHeader(
        index=state.index,
        term=state.term,
        serial_no=config.serial_no,
        version=config.version,
        ctime=config.ctime,
        mtime=config.mtime,
        queue=state.queue,
    )
