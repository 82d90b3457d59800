"""Keep what a program prints, within limits."""

from __future__ import annotations

import os
from collections.abc import Callable

from ganeti.utils.text import printable


class Tail:
    """The last C{limit} bytes of a stream."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = bytearray()

    def add(self, data: bytes) -> None:
        self._data += data
        if len(self._data) > 2 * self._limit:
            self._trim()

    def value(self) -> bytes:
        self._trim()
        return bytes(self._data)

    def _trim(self) -> None:
        del self._data[: max(0, len(self._data) - self._limit)]


class LineBudget:
    """At most C{limit} bytes of lines, then one that says so."""

    def __init__(self, limit: int, on_line: Callable[[str], None]) -> None:
        self._limit = limit
        self._left = limit
        self._on_line = on_line

    @property
    def spent(self) -> bool:
        """Whether no more lines are taken."""
        return self._left <= 0

    def line(self, line: bytes) -> None:
        if self.spent:
            return
        self._left -= len(line) + 1
        self._on_line(printable(line))
        if self._left <= 0:
            self._on_line(f"(more than {self._limit} bytes: the rest is not kept)")


class Lines:
    """Cuts one stream into lines; a very long one is cut into several."""

    LONGEST = 8192

    def __init__(self, budget: LineBudget) -> None:
        self._budget = budget
        self._rest = b""

    def add(self, data: bytes) -> None:
        if self._budget.spent:  # gigabytes may follow: do not even look
            return
        *whole, rest = (self._rest + data).split(b"\n")
        for line in whole:
            self._cut(line.removesuffix(b"\r"))
        keep = len(rest) % self.LONGEST
        if len(rest) > keep:
            self._cut(rest[: len(rest) - keep])
        self._rest = rest[len(rest) - keep :]

    def end(self) -> None:
        """There is no more: what is left is a line, too."""
        if self._rest:
            self._cut(self._rest)
            self._rest = b""

    def _cut(self, line: bytes) -> None:
        self._budget.line(line[: self.LONGEST])
        for start in range(self.LONGEST, len(line), self.LONGEST):
            self._budget.line(line[start : start + self.LONGEST])


class Copy:
    """The first C{limit} bytes of what is printed, written to a descriptor."""

    def __init__(self, fd: int, limit: int) -> None:
        self._fd = fd
        self._left = limit
        self._limit = limit

    def add(self, data: bytes) -> None:
        """
        Write; a file on disk, so this hardly blocks.

        @raise OSError: the disk is full.
        """
        if self._left <= 0:
            return
        part = data[: self._left]
        self._left -= len(part)
        _write_all(self._fd, part)
        if self._left <= 0:
            _write_all(self._fd, f"\n(output beyond {self._limit} bytes is cut)\n".encode())


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
