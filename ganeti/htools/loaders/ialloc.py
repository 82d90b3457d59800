"""The cluster that is told in a request to an instance allocator (--ialloc-src)."""

from __future__ import annotations

from ganeti.htools.errors import InputError
from ganeti.htools.loaders import Hints
from ganeti.htools.loaders.textfile import read_file
from ganeti.htools.records import ClusterData
from ganeti.htools.requests import parse_request


def load(path: str, _hints: Hints) -> ClusterData:
    """
    Read the file.

    @raise InputError: it cannot be read, or what is in it makes no sense.
    """
    body = read_file(path)
    try:
        return parse_request(body)[0]
    except InputError as err:
        raise InputError(f"{path}: {err}") from err
