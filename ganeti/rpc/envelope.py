"""What travels around a node call and around its answer."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import msgspec

from ganeti.errors import GanetiError, encode_error
from ganeti.model import codec
from ganeti.version import PROTOCOL_VERSION

REQUEST_ID_PATTERN = r"^[0-9]{1,15}(/[A-Za-z0-9._-]{1,40}){1,6}\Z"
"""Job id, opcode index, step, and what else keeps two requests apart: C{12/0/3}, C{12/0/3/undo}."""

RequestId = Annotated[str, msgspec.Meta(pattern=REQUEST_ID_PATTERN, max_length=100)]


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call on its way to a node."""

    protocol: int
    term: Annotated[int, msgspec.Meta(ge=1)]
    """The sender's; the node refuses every other than its own."""
    request_id: RequestId | None = None
    """Set on a changing call: a repeat gets the answer of the first."""
    undoes: RequestId | None = None
    """End this request (or see to it that it never starts) before the call is run."""
    call: msgspec.Raw


class Refusal(StrEnum):
    """Why a node did not run a call."""

    MALFORMED = "malformed"
    PROTOCOL = "protocol"
    ROLE = "role"
    TERM = "term"
    ENDED = "ended"
    """The request was ended, or its job is final: it must never run."""
    UNKNOWN = "unknown"
    """There is no such call, or no such request."""
    BUSY = "busy"
    STOPPING = "stopping"
    INTERRUPTED = "interrupted"
    """The daemon stopped while it ran, or its time was over; only a repeat can tell what it did."""


class AnswerOk(msgspec.Struct, frozen=True, kw_only=True, tag_field="answer", tag="ok"):
    """The call was run; C{result} is of the call's result type."""

    result: msgspec.Raw


class AnswerStarted(msgspec.Struct, frozen=True, kw_only=True, tag_field="answer", tag="started"):
    """The call is a task, and is running or has run: watch it."""


class AnswerError(msgspec.Struct, frozen=True, kw_only=True, tag_field="answer", tag="error"):
    """The call was run and failed."""

    error: list[Any]
    """C{[class, [arguments]]}, as L{ganeti.errors.encode_error} makes it."""


class AnswerRefused(msgspec.Struct, frozen=True, kw_only=True, tag_field="answer", tag="refused"):
    """The call was not run, or not to its end."""

    code: Refusal
    reason: str


Answer = AnswerOk | AnswerStarted | AnswerError | AnswerRefused


def build_envelope(
    call: bytes, term: int, request_id: str | None = None, undoes: str | None = None
) -> bytes:
    """The bytes of an envelope around an encoded call."""
    return codec.encode(
        Envelope(
            protocol=PROTOCOL_VERSION,
            term=term,
            request_id=request_id,
            undoes=undoes,
            call=msgspec.Raw(call),
        )
    )


def parse_envelope(body: bytes) -> Envelope:
    """@raise ParseError: it is not an envelope."""
    return codec.decode(body, Envelope)


def build_ok(result: Any) -> bytes:
    """The bytes of a good answer."""
    return codec.encode(AnswerOk(result=msgspec.Raw(codec.encode(result))))


def build_error(error: Exception) -> bytes:
    """The bytes of the answer that the call failed."""
    return codec.encode(AnswerError(error=encode_error(error)))


def build_refusal(code: Refusal, reason: str) -> bytes:
    """The bytes of a refusal."""
    return codec.encode(AnswerRefused(code=code, reason=reason))


STARTED = codec.encode(AnswerStarted())


def parse_answer(body: bytes) -> Answer:
    """@raise ParseError: it is not an answer."""
    answer: Answer = codec.decode(body, Answer)
    return answer


class Refused(GanetiError):
    """Raised on a node by whoever finds that a call must not be run."""

    def __init__(self, code: Refusal, reason: str) -> None:
        super().__init__(reason)
        self.code = code
