"""Requests that a node remembers, and tasks that go on for long."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from ganeti.rpc.calls.call import MASTER, Call, Seconds
from ganeti.rpc.envelope import RequestId
from ganeti.rpc.roles import Role


class RequestInfo(Struct, frozen=True, kw_only=True):
    """A request that a node remembers."""

    request_id: str
    state: str
    """C{open}, C{done} or C{tombstone}."""
    running: bool = False


class ListRequests(Call[tuple[RequestInfo, ...]], frozen=True, kw_only=True, tag="list_requests"):
    """Which requests does the node remember?"""

    roles: ClassVar[frozenset[Role]] = MASTER
    answer_limit: ClassVar[int] = 8 << 20


class ForgetJob(Call[None], frozen=True, kw_only=True, tag="forget_job"):
    """
    These jobs are final and owe this node nothing: drop their requests, answers and tombstones.

    Requests of theirs that come late are refused.
    """

    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True
    job_ids: tuple[Annotated[int, Meta(ge=0)], ...]


class EndRequest(Call[None], frozen=True, kw_only=True, tag="end_request"):
    """End a request and wait for that; if it never came, see to it that it never starts."""

    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True
    request_id: RequestId


class TaskProgress(Struct, frozen=True, kw_only=True):
    """What a task has printed, and how it ended."""

    lines: tuple[str, ...] = ()
    next: int = 0
    """Number of the line after C{lines}; hand it to the next C{WatchTask}."""
    done: bool = False
    answer: Raw | UnsetType = UNSET
    """Once done: the L{ganeti.rpc.envelope.Answer}."""
    dropped: int = 0
    """Lines before C{lines} that nobody fetched in time."""


class WatchTask(Call[TaskProgress], frozen=True, kw_only=True, tag="watch_task"):
    """What has the task printed since line C{since}? Waits for news, or C{wait_s}."""

    roles: ClassVar[frozenset[Role]] = MASTER
    answer_limit: ClassVar[int] = 8 << 20
    request_id: RequestId
    since: Annotated[int, Meta(ge=0)] = 0
    wait_s: Annotated[float, Meta(ge=0, le=30)] = 20.0


class CancelTask(Call[None], frozen=True, kw_only=True, tag="cancel_task"):
    """End the task's process group; its answer becomes an error."""

    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True
    request_id: RequestId


class Delay(Call[None], frozen=True, kw_only=True, tag="delay"):
    """Wait; for tests of the job queue."""

    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    task: ClassVar[bool] = True
    resumable: ClassVar[bool] = True
    duration_s: Seconds

    def limit_s(self) -> float:
        return self.duration_s + 30
