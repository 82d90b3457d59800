"""
The server's side of the local protocol: requests read, answers written.

A frame is a JSON object followed by the byte 0x03, which JSON never contains.
Answers come in the order of the requests; one that could not be read is
answered by a plain text, all other failures by C{[class, [arguments]]}.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ganeti.errors import ParseError, RequestError, encode_error
from ganeti.luxi.framing import END_OF_FRAME
from ganeti.model import codec


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A method's name and its arguments, still encoded."""

    method: str
    args: msgspec.Raw
    version: int | None = None
    """Of the client; ignored."""


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
    shape: Any = str(error) if _is_plain(error) else encode_error(error)
    return b'{"success":false,"result":' + codec.encode(shape) + b"}" + END_OF_FRAME


def _is_plain(error: Exception) -> bool:
    """Does C{error} travel as a text without a class?"""
    return isinstance(error, RequestError) or type(error) is ParseError
