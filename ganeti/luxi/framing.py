"""Frames of the local protocol, and how long they may be. Quick to import, for commands."""

from __future__ import annotations

from collections.abc import Iterator

from ganeti.errors import LuxiError

END_OF_FRAME = b"\x03"

MAX_REQUEST = 16 << 20
"""Bytes of a request; a submission of 5,000 jobs takes about 5 MiB."""

MAX_ANSWER = 256 << 20
"""Bytes of an answer; all fields of 20,000 instances take about 100 MiB."""


class FrameReader:
    """Cuts a stream of bytes into frames."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pending = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """
        The frames that C{data} completes.

        @raise LuxiError: a frame is longer than the limit; the stream cannot be read on.
        """
        *complete, rest = data.split(END_OF_FRAME)
        for part in complete:
            self._keep(part)
            frame = bytes(self._pending)
            self._pending.clear()
            yield frame
        self._keep(rest)

    def _keep(self, part: bytes) -> None:
        if len(self._pending) + len(part) > self._limit:
            self._pending.clear()
            raise LuxiError(f"Message longer than {self._limit} bytes")
        self._pending += part
