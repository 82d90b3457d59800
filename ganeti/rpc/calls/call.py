"""What a call to a node is."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, ClassVar, Generic, TypeVar, get_args, get_origin

from msgspec import Meta, Struct

from ganeti.rpc.roles import Role

R = TypeVar("R")

MASTER = frozenset({Role.MASTER})
MASTER_AND_CANDIDATES = frozenset({Role.MASTER, Role.CANDIDATE})

Seconds = Annotated[float, Meta(ge=0, le=7 * 86400)]


class Call(Struct, Generic[R], frozen=True, kw_only=True, tag_field="call"):
    """
    A request to a node, answered by an C{R}.

    @cvar timeout_s: how long the node lets it run, unless C{limit_s} says otherwise.
    @cvar roles: who may send it; every call declares its own.
    @cvar changes: it changes something, and carries a request id; the node
        keeps the answer until the job is final, and a repeat gets that answer.
    @cvar repeatable: it changes something, but running it twice is as good as
        once, so that it needs no request id.
    @cvar task: it may take longer than 30 s: the node answers at once that it
        is started, and it outlives the connection.
    @cvar resumable: of a task: after a crash of the node's daemon a repeat runs it again,
        as it runs other calls again; other tasks have failed then.
    @cvar answer_limit: bytes that an answer may have.
    """

    timeout_s: ClassVar[float] = 60.0
    roles: ClassVar[frozenset[Role]]
    changes: ClassVar[bool] = False
    repeatable: ClassVar[bool] = False
    task: ClassVar[bool] = False
    resumable: ClassVar[bool] = False
    answer_limit: ClassVar[int] = 1 << 20

    def object_key(self) -> str:
        """What it changes: calls with the same key run one after another; "" is nothing."""
        return ""

    def limit_s(self) -> float:
        """How long the node lets it run, in seconds."""
        return self.timeout_s


@cache
def result_type(call: type[Call[Any]]) -> Any:
    """The type of the answer to a call."""
    for base in call.__orig_bases__:  # type: ignore[attr-defined]
        if get_origin(base) is Call:
            return get_args(base)[0]
    raise TypeError(f"{call.__name__} does not say what it is answered by")


def tag_of(call: Call[Any]) -> str:
    """The name of a call on the wire and in failpoints."""
    return str(call.__struct_config__.tag)
