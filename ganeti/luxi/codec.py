"""
Frames, requests and answers of the local protocol.

A frame is a JSON object followed by the byte 0x03, which JSON never contains.
Answers come in the order of the requests; one that could not be read is
answered by a plain text, all other failures by C{[class, [arguments]]}.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ganeti.errors import (
    GanetiError,
    LuxiError,
    ParseError,
    RequestError,
    decode_error,
    encode_error,
)
from ganeti.luxi.framing import END_OF_FRAME, MAX_ANSWER, MAX_REQUEST, FrameReader
from ganeti.model import codec

__all__ = [
    "END_OF_FRAME",
    "MAX_ANSWER",
    "MAX_REQUEST",
    "FrameReader",
    "Request",
    "decode_answer",
    "decode_request",
    "encode_failure",
    "encode_request",
    "encode_result",
    "failure_of",
    "is_plain",
]


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A method's name and its arguments, still encoded."""

    method: str
    args: msgspec.Raw
    version: int | None = None
    """Of the client; ignored."""


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    success: bool
    result: Any = None


def encode_request(method: str, args: Sequence[Any]) -> bytes:
    """
    A request as a frame.

    @raise LuxiError: it is longer than the master daemon takes.
    """
    frame = codec.encode({"method": method, "args": args}) + END_OF_FRAME
    if len(frame) > MAX_REQUEST:
        raise LuxiError(f"Request {method} is too long: {len(frame)} bytes; split it")
    return frame


def decode_request(frame: bytes) -> Request:
    """
    @raise ParseError: not a request; the text is what the client gets.
    """
    try:
        return codec.decode(frame, Request)
    except ParseError as err:
        raise ParseError(f"Failed to parse request: {err.__cause__}") from err


def encode_result(result: Any) -> bytes:
    """The answer to a request that was carried out, as a frame."""
    return b'{"success":true,"result":' + codec.encode(result) + b"}" + END_OF_FRAME


def encode_failure(error: Exception) -> bytes:
    """
    The answer to a request that failed, as a frame.

    A L{ParseError} of L{decode_request} and a L{RequestError} travel as plain text.
    """
    shape: Any = str(error) if is_plain(error) else encode_error(error)
    return b'{"success":false,"result":' + codec.encode(shape) + b"}" + END_OF_FRAME


def is_plain(error: Exception) -> bool:
    """Does C{error} travel as a text without a class?"""
    return isinstance(error, RequestError) or type(error) is ParseError


def decode_answer(frame: bytes) -> Any:
    """
    The result of a request.

    @raise GanetiError: the error that the answer holds.
    @raise LuxiError: not an answer.
    """
    try:
        answer = codec.decode(frame, _Answer)
    except ParseError as err:
        raise LuxiError(f"Not understood what the master daemon answered: {err}") from err
    if answer.success:
        return answer.result
    raise failure_of(answer.result)


def failure_of(result: Any) -> GanetiError:
    """The error in a failed answer: of a known class, or a L{RequestError} with its text."""
    return decode_error(result)
