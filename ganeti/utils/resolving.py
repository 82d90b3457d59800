"""
Types made ready for msgspec, one at a time.

On its first use msgspec resolves a record's annotations and keeps what it found with
the class. It does so step by step, and a thread that comes to the same record meanwhile
reads what is half done and ends the process (a segmentation fault, seen with 0.22). So
what decodes passes its type through L{resolved}.
"""

from __future__ import annotations

from threading import Lock
from typing import Any, TypeVar

import msgspec

WantedT = TypeVar("WantedT")

_lock = Lock()
_ready: set[Any] = set()


def resolved(wanted: WantedT) -> WantedT:
    """
    The same type, which any thread can decode from now on.

    @param wanted: a record type, or a type expression such as C{tuple[Change, ...]}.
    """
    if wanted not in _ready:
        with _lock:
            msgspec.json.Decoder(wanted)
            _ready.add(wanted)
    return wanted
