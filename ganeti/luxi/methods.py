"""
The methods of the local protocol: one record each, its fields the arguments in order.

A request's arguments travel as a JSON array; C{decode_arguments} makes the record
of it, so that a wrong count or type is refused in one place.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Raw, Struct

from ganeti.errors import ParseError
from ganeti.luxi.codec import Request
from ganeti.model import codec

JobId = int | Annotated[str, Meta(pattern=r"^[0-9]+$")]
"""Decimal texts are accepted too."""


class Method(Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """
    A request by its meaning.

    @cvar REPEATABLE: asking again does no harm, so a client may after a broken connection.
    """

    REPEATABLE: ClassVar[bool] = False


class SubmitJob(Method, frozen=True, kw_only=True):
    """Store a job; answers its id. Opcodes are checked one by one by the server."""

    ops: tuple[Raw, ...]


class SubmitJobToDrainedQueue(Method, frozen=True, kw_only=True):
    """The same even if the queue is drained."""

    ops: tuple[Raw, ...]


class SubmitManyJobs(Method, frozen=True, kw_only=True):
    """Store jobs; answers C{[[true, id] | [false, text], ...]} in the same order."""

    jobs: tuple[tuple[Raw, ...], ...]


class WaitForJobChange(Method, frozen=True, kw_only=True):
    """Answers C{[[values], [log entries]]} as soon as something differs, or after the timeout."""

    REPEATABLE: ClassVar[bool] = True

    job_id: JobId
    fields: tuple[str, ...]
    prev_job_info: list[Any] | None
    prev_log_serial: int | None
    timeout: Annotated[float, Meta(ge=0)]


class CancelJob(Method, frozen=True, kw_only=True):
    """Answers C{[success, text]}."""

    job_id: JobId
    kill: bool = False


class ChangeJobPriority(Method, frozen=True, kw_only=True):
    """Answers C{[success, text]}."""

    job_id: JobId
    priority: int


class ArchiveJob(Method, frozen=True, kw_only=True):
    """Answers whether the job was there and final."""

    job_id: JobId


class AutoArchiveJobs(Method, frozen=True, kw_only=True):
    """
    Archive jobs that ended C{age} seconds ago; -1: all final ones.

    Answers C{[archived, left unchecked]}; stops after C{timeout} seconds.
    """

    age: int
    timeout: int


class Query(Method, frozen=True, kw_only=True):
    """Answers C{{fields, data}}."""

    REPEATABLE: ClassVar[bool] = True

    what: str
    fields: tuple[str, ...]
    qfilter: Any = None


class QueryFields(Method, frozen=True, kw_only=True):
    """Answers C{{fields}}; None: all."""

    REPEATABLE: ClassVar[bool] = True

    what: str
    fields: tuple[str, ...] | None = None


class QueryJobs(Method, frozen=True, kw_only=True):
    """Answers rows of plain values; none or no ids: all live jobs."""

    REPEATABLE: ClassVar[bool] = True

    ids: tuple[JobId, ...] | None
    fields: tuple[str, ...]


class QueryInstances(Method, frozen=True, kw_only=True):
    """Answers rows of plain values; no names: all."""

    REPEATABLE: ClassVar[bool] = True

    names: tuple[str, ...]
    fields: tuple[str, ...]
    use_locking: bool


class QueryNodes(Method, frozen=True, kw_only=True):
    """Answers rows of plain values; no names: all."""

    REPEATABLE: ClassVar[bool] = True

    names: tuple[str, ...]
    fields: tuple[str, ...]
    use_locking: bool


class QueryGroups(Method, frozen=True, kw_only=True):
    """Answers rows of plain values; no names: all."""

    REPEATABLE: ClassVar[bool] = True

    names: tuple[str, ...]
    fields: tuple[str, ...]
    use_locking: bool


class QueryNetworks(Method, frozen=True, kw_only=True):
    """Answers rows of plain values; no names: all."""

    REPEATABLE: ClassVar[bool] = True

    names: tuple[str, ...]
    fields: tuple[str, ...]
    use_locking: bool


class QueryExports(Method, frozen=True, kw_only=True):
    """Answers rows C{[node, export or null]}."""

    REPEATABLE: ClassVar[bool] = True

    nodes: tuple[str, ...]
    use_locking: bool


class QueryFilters(Method, frozen=True, kw_only=True):
    """Answers rows of plain values."""

    REPEATABLE: ClassVar[bool] = True

    uuids: tuple[str, ...] | None
    fields: tuple[str, ...]


class QueryTags(Method, frozen=True, kw_only=True):
    """Answers the tags of an object; the name is ignored for the cluster."""

    REPEATABLE: ClassVar[bool] = True

    kind: str
    name: str | None = None


class QueryClusterInfo(Method, frozen=True, kw_only=True):
    """Answers an object with all there is to know about the cluster."""

    REPEATABLE: ClassVar[bool] = True


class QueryConfigValues(Method, frozen=True, kw_only=True):
    """Answers the values, null for unknown names."""

    REPEATABLE: ClassVar[bool] = True

    fields: tuple[str, ...]


class SetDrainFlag(Method, frozen=True, kw_only=True):
    """Take no more jobs, or take them again; answers true."""

    flag: bool


class SetWatcherPause(Method, frozen=True, kw_only=True):
    """Until when the watcher rests, in seconds since the epoch; answers the value."""

    until: float | None


class ReplaceFilter(Method, frozen=True, kw_only=True):
    """Put a filter rule; answers its uuid."""

    uuid: str | None
    priority: int
    predicates: list[Any]
    action: Any
    reason: list[Any]


class DeleteFilter(Method, frozen=True, kw_only=True):
    """Remove a filter rule."""

    uuid: str


class PickupJob(Method, frozen=True, kw_only=True):
    """A leftover of an older Ganeti; always refused."""

    job_id: JobId


METHODS: dict[str, type[Method]] = {
    method.__name__: method
    for method in (
        SubmitJob,
        SubmitJobToDrainedQueue,
        SubmitManyJobs,
        WaitForJobChange,
        CancelJob,
        ChangeJobPriority,
        ArchiveJob,
        AutoArchiveJobs,
        Query,
        QueryFields,
        QueryJobs,
        QueryInstances,
        QueryNodes,
        QueryGroups,
        QueryNetworks,
        QueryExports,
        QueryFilters,
        QueryTags,
        QueryClusterInfo,
        QueryConfigValues,
        SetDrainFlag,
        SetWatcherPause,
        ReplaceFilter,
        DeleteFilter,
        PickupJob,
    )
}
"""By name, which is case-sensitive."""


def decode_arguments(request: Request) -> Method:
    """
    A request by its meaning.

    @raise ParseError: no such method, or wrong arguments; the text is what the client gets.
    """
    kind = METHODS.get(request.method)
    if kind is None:
        raise ParseError(f"Failed to parse request: unknown method '{request.method}'")
    try:
        return codec.decode(bytes(request.args), kind)
    except ParseError as err:
        raise ParseError(f"Failed to parse request: {request.method}: {err.__cause__}") from err


def arguments(method: Method) -> list[Any]:
    """The arguments as they travel."""
    return list(msgspec.structs.astuple(method))
