"""Frames, and garbage instead of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti.errors import GanetiError, LuxiError, ParseError
from ganeti.luxi.codec import decode_request
from ganeti.luxi.framing import END_OF_FRAME, FrameReader
from ganeti.luxi.methods import decode_arguments

frames = st.lists(st.binary(max_size=20).map(lambda b: b.replace(END_OF_FRAME, b"")), max_size=6)


@given(frames, st.lists(st.integers(1, 9)))
def test_any_cut(sent: list[bytes], sizes: list[int]) -> None:
    """However the stream is cut into pieces, the same frames come out."""
    stream = b"".join(frame + END_OF_FRAME for frame in sent) + b"rest"
    reader, got = FrameReader(100), []
    for size in [*sizes, len(stream)]:
        piece, stream = stream[:size], stream[size:]
        got += reader.feed(piece)
    assert got == sent


def test_limit() -> None:
    """A frame that is too long ends the stream; what came before it is delivered."""
    reader = FrameReader(5)
    assert list(reader.feed(b"12345\x03123")) == [b"12345"]
    with pytest.raises(LuxiError, match="longer than 5 bytes"):
        list(reader.feed(b"456"))


def test_frame_before_an_overlong_one() -> None:
    """Both in one piece: the good one is still seen."""
    feeding = FrameReader(5).feed(b"ok\x03much too long")
    assert next(feeding) == b"ok"
    with pytest.raises(LuxiError):
        next(feeding)


@given(st.binary(max_size=200))
def test_garbage(frame: bytes) -> None:
    """Whatever comes is a request or an error of ours with a text."""
    try:
        decode_arguments(decode_request(frame))
    except GanetiError as err:
        assert str(err).startswith("Failed to parse request: ")


def test_deep_nesting() -> None:
    """Deeply nested JSON is refused, not a crash."""
    frame = b'{"method":"Query","args":["x",["y"],' + b"[" * 100_000 + b"]" * 100_000 + b"]}"
    with pytest.raises(ParseError):
        decode_arguments(decode_request(frame))
