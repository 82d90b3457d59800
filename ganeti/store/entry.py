"""Log entries, each chained by its digest to all that went before."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable

import msgspec

ORIGIN = ""
"""The digest before the first entry of a cluster that began empty."""


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """How far a log goes. Two logs at equal positions hold the same history."""

    index: int = 0
    term: int = 0
    digest: str = ORIGIN


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One commit: the encoded delta, and its place in history."""

    index: int
    """Counts commits from 1."""
    term: int
    time_ns: int
    body: msgspec.Raw
    """A C{model.delta.Delta} as JSON, stamped."""
    digest: str
    """Of this entry and, through its predecessor's digest, of all before it."""

    @property
    def position(self) -> Position:
        return Position(index=self.index, term=self.term, digest=self.digest)


def chain(previous: str, index: int, term: int, time_ns: int, body: bytes) -> str:
    """The digest of an entry that follows the one with digest C{previous}."""
    digest = hashlib.sha256(previous.encode())
    digest.update(struct.pack(">QQQ", index, term, time_ns))
    digest.update(body)
    return digest.hexdigest()


def make_entry(previous: Position, term: int, time_ns: int, body: bytes) -> Entry:
    """The entry that follows C{previous}."""
    index = previous.index + 1
    digest = chain(previous.digest, index, term, time_ns, body)
    return Entry(index=index, term=term, time_ns=time_ns, body=msgspec.Raw(body), digest=digest)


def follows(previous: Position, entry: Entry) -> bool:
    """Whether C{entry} is the next after C{previous}, unaltered, of the same or a later term."""
    return (
        entry.index == previous.index + 1
        and entry.term >= previous.term
        and entry.digest
        == chain(previous.digest, entry.index, entry.term, entry.time_ns, bytes(entry.body))
    )


def first_break(previous: Position, entries: Iterable[Entry]) -> Entry | None:
    """The first of C{entries} that does not follow the one before it; None when all do."""
    for entry in entries:
        if not follows(previous, entry):
            return entry
        previous = entry.position
    return None
