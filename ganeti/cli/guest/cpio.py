"""Archives of the kind that Linux unpacks as its first root (initramfs)."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from typing import NamedTuple


class Entry(NamedTuple):
    """One file: C{mode} with its type, as in stat(2)."""

    path: str
    mode: int
    content: bytes = b""


def directory(path: str) -> Entry:
    return Entry(path, stat.S_IFDIR | 0o755)


def program(path: str, content: bytes) -> Entry:
    return Entry(path, stat.S_IFREG | 0o755, content)


def regular(path: str, content: bytes) -> Entry:
    return Entry(path, stat.S_IFREG | 0o644, content)


def link(path: str, target: str) -> Entry:
    return Entry(path, stat.S_IFLNK | 0o777, target.encode())


def build_archive(entries: Iterable[Entry]) -> bytes:
    """
    An archive in "newc" form (Linux, Documentation/driver-api/early-userspace/buffer-format.rst).

    All belongs to root and has no time: the same entries give the same bytes.
    """
    parts = [_member(number, entry) for number, entry in enumerate(entries, 1)]
    return b"".join([*parts, _member(0, Entry("TRAILER!!!", 0))])


def _member(number: int, entry: Entry) -> bytes:
    name = entry.path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    fields = (
        *(number, entry.mode, 0, 0, links, 0, len(entry.content)),
        *(0, 0, 0, 0, len(name), 0),
    )
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(header + name) + _padded(entry.content)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
