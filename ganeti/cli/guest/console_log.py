"""What a small guest prints on its serial console as it comes up, read from its log."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

GREETING = "Hello from"
LAST_SHOWN = "counter 3"

_POLL_S = 0.05
_LIMIT = 1 << 20


def size(log: str) -> int:
    """How much a log holds; one that is not there holds nothing."""
    try:
        return os.path.getsize(log)
    except FileNotFoundError:
        return 0


def last_start(log: str) -> int | None:
    """
    Where in its log a guest that runs has greeted, or will greet.

    @return: None when it runs for so long that its greeting is not in the log any more.
    """
    text = _text(log, 0)
    place = text.rfind(GREETING.encode())
    if place >= 0:
        return place
    return None if b"counter" in text else 0


def has_greeted(log: str, since: int) -> bool:
    """Whether the greeting is there."""
    return bool(parse_greeting(_text(log, since)))


def greeting(log: str, since: int, limit_s: float) -> Iterator[str]:
    """
    The lines that a guest prints, as they come, from its greeting to the first of its counter.

    Ends early when they do not come in time.

    @param since: how much its log held before it was started.
    """
    deadline = time.monotonic() + limit_s
    told = 0
    while time.monotonic() < deadline:
        lines = parse_greeting(_text(log, since))
        yield from lines[told:]
        told = len(lines)
        if lines and LAST_SHOWN in lines[-1]:
            return
        time.sleep(_POLL_S)


def parse_greeting(text: bytes) -> list[str]:
    """The whole lines from the greeting on, to the last that is to be shown."""
    lines = [line.rstrip("\r") for line in text.decode(errors="replace").split("\n")[:-1]]
    first = next((i for i, line in enumerate(lines) if line.startswith(GREETING)), len(lines))
    shown = lines[first:]
    last = next((i for i, line in enumerate(shown) if LAST_SHOWN in line), len(shown))
    return shown[: last + 1]


def _text(log: str, since: int) -> bytes:
    try:
        with open(log, "rb") as stream:
            stream.seek(since)
            return stream.read(_LIMIT)
    except FileNotFoundError:
        return b""
