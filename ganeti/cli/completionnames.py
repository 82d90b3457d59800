"""The names of objects, for completion: from the master daemon, at once or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ganeti.cli.completion import Candidate
from ganeti.errors import GanetiError
from ganeti.utils.allocators import allocator_names

if TYPE_CHECKING:
    from ganeti.luxi.client import Client
    from ganeti.paths import Paths

LIMIT_S = 0.5
"""Of the connection, and of the answer: somebody holds a key down."""

_RESOURCES = {
    "gnt-backup": "export",
    "gnt-debug": "lock",
    "gnt-filter": "filter",
    "gnt-group": "group",
    "gnt-instance": "instance",
    "gnt-job": "job",
    "gnt-network": "network",
    "gnt-node": "node",
}

_Row = Sequence[Sequence[Any]]
"""Cells [status, value], the first of which is the name."""


def _value(cell: Sequence[Any]) -> str:
    status, value = cell
    return "" if status or value is None else str(value)


def _named(row: _Row) -> list[Candidate]:
    return [Candidate(_value(row[0]), " ".join(map(_value, row[1:])))]


def _job(row: _Row) -> list[Candidate]:
    summary = row[2][1] or ()
    return [Candidate(_value(row[0]), f"{_value(row[1])}, {', '.join(map(str, summary))}")]


def _os(row: _Row) -> list[Candidate]:
    """With its variants, one of which must be chosen."""
    name, variants = _value(row[0]), row[1][1] or ()
    return [Candidate(f"{name}+{variant}") for variant in variants] or [Candidate(name)]


_QUERIES: dict[str, tuple[str, tuple[str, ...], Callable[[_Row], list[Candidate]]]] = {
    "node": ("node", ("name", "group"), _named),
    "instance": ("instance", ("name", "pnode"), _named),
    "group": ("group", ("name", "alloc_policy"), _named),
    "network": ("network", ("name", "network"), _named),
    "filter": ("filter", ("uuid", "action"), _named),
    "jobid": ("job", ("id", "status", "summary"), _job),
    "os": ("os", ("name", "variants"), _os),
    "os-name": ("os", ("name",), _named),
}


class ObjectNames:
    """Asks when called with a kind; silent about whatever goes wrong."""

    def __init__(self, client: Client, program: str, paths: Paths) -> None:
        """@param program: its objects' fields are meant by the kind C{field}."""
        self._client = client
        self._program = program
        self._paths = paths

    def __call__(self, kind: str) -> list[Candidate]:
        try:
            return self._fields() if kind == "field" else self._objects(kind)
        except (GanetiError, OSError, LookupError, TypeError, ValueError):
            return []

    def _objects(self, kind: str) -> list[Candidate]:
        if kind == "iallocator":
            return [Candidate(name) for name in allocator_names(self._paths)]
        if kind not in _QUERIES:
            return []
        what, fields, read = _QUERIES[kind]
        answer = self._client.call("Query", [what, list(fields), None])
        return [candidate for row in answer["data"] for candidate in read(row) if candidate.word]

    def _fields(self) -> list[Candidate]:
        what = _RESOURCES.get(self._program)
        if what is None:
            return []
        answer = self._client.call("QueryFields", [what, None])
        return [Candidate(field["name"], field["title"]) for field in answer["fields"]]
