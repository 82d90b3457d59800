"""A file in the text format (--text-data)."""

from __future__ import annotations

import sys

from ganeti.htools.errors import InputError
from ganeti.htools.loaders import Hints
from ganeti.htools.records import ClusterData
from ganeti.htools.rows import shown
from ganeti.htools.text import parse_text

LARGEST_FILE = 1 << 28
"""Bytes; 20,000 instances take two million."""


def load(path: str, _hints: Hints) -> ClusterData:
    """
    Read the file.

    @raise InputError: it cannot be read, or what is in it makes no sense.
    """
    body = read_file(path)
    try:
        text = body.decode()
    except UnicodeDecodeError as err:
        line = body.count(b"\n", 0, err.start) + 1
        raise InputError(f"{path}: line {line}: this is no UTF-8 text") from err
    return parse_text(text, path)


def read_file(path: str) -> bytes:
    """
    The content of a file; "-" is standard input.

    @raise InputError: it cannot be read, or is too large.
    """
    try:
        if path == "-":
            body = sys.stdin.buffer.read(LARGEST_FILE + 1)
        else:
            with open(path, "rb") as stream:
                body = stream.read(LARGEST_FILE + 1)
    except OSError as err:
        raise InputError(f"{path}: {err.strerror or err}") from err
    except ValueError as err:
        raise InputError(f"{shown(path)}: {err}") from err
    if len(body) > LARGEST_FILE:
        raise InputError(f"{path}: it is larger than {LARGEST_FILE >> 20} MiB")
    return body
