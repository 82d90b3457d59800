"""A file in the text format (--text-data)."""

from __future__ import annotations

import os
import select
import stat
import sys
from typing import BinaryIO

from ganeti.htools.errors import InputError
from ganeti.htools.loaders import Hints
from ganeti.htools.records import ClusterData
from ganeti.htools.rows import shown
from ganeti.htools.text import parse_text

LARGEST_FILE = 1 << 26
"""Bytes; 20,000 instances take two million, as a request 15 million."""
PATIENCE_S = 60
"""How long something has to come from a pipe that has a name."""


def load(path: str, _hints: Hints) -> ClusterData:
    """
    Read the file.

    @raise InputError: it cannot be read, or what is in it makes no sense.
    """
    return parse_text(read_text(path), shown_path(path))


def read_text(path: str) -> str:
    """
    The content of a file that has to be UTF-8.

    @raise InputError: it is not, or cannot be read, or is too large.
    """
    body = read_file(path)
    try:
        return body.decode()
    except UnicodeDecodeError as err:
        line = body.count(b"\n", 0, err.start) + 1
        raise InputError(f"{shown_path(path)}: line {line}: this is no UTF-8 text") from err


def read_file(path: str) -> bytes:
    """
    The content of a file; "-" is standard input.

    A pipe with a name that nobody writes to is empty, as it is for Ganeti's tools.

    @raise InputError: it cannot be read, or is too large.
    """
    name = shown_path(path)
    try:
        if path == "-":
            body = sys.stdin.buffer.read(LARGEST_FILE + 1)
        else:
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
                body = read_stream(stream, name)
    except OSError as err:
        raise InputError(f"{name}: {err.strerror or err}") from err
    except ValueError as err:
        raise InputError(f"{name}: {err}") from err
    if len(body) > LARGEST_FILE:
        raise InputError(f"{name}: it is larger than {LARGEST_FILE >> 20} MiB")
    return body


def read_stream(stream: BinaryIO, name: str) -> bytes:
    """
    All that is in it, and one byte more than there may be.

    @raise InputError: nothing comes.
    """
    number = stream.fileno()
    if stat.S_ISREG(os.fstat(number).st_mode):
        return stream.read(LARGEST_FILE + 1)
    parts, left = list[bytes](), LARGEST_FILE + 1
    while left > 0:
        try:
            part = os.read(number, min(left, 1 << 20))
        except BlockingIOError:
            if not select.select([number], [], [], PATIENCE_S)[0]:
                raise InputError(f"{name}: nothing to read has come for {PATIENCE_S} s") from None
            continue
        if not part:
            break
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def shown_path(path: str) -> str:
    """A path as it may be put into an error."""
    return path if path.isprintable() else shown(path)
