"""What a field of a resource is, and the cells that answers are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, Flag, IntEnum, StrEnum, auto
from typing import Any

from ganeti.utils.text import nice_sort_key


class Kind(StrEnum):
    """What a field's values are, for printing."""

    TEXT = "text"
    BOOL = "bool"
    NUMBER = "number"
    FLOAT = "float"
    UNIT = "unit"
    """MiB."""
    TIMESTAMP = "timestamp"
    """Seconds since the epoch."""
    OTHER = "other"
    UNKNOWN = "unknown"


class Status(IntEnum):
    """First part of a cell."""

    NORMAL = 0
    UNKNOWN = 1
    """There is no such field."""
    NODATA = 2
    """The node did not answer."""
    UNAVAILABLE = 3
    """This object has no such value."""
    OFFLINE = 4
    """The node is marked offline."""


class Missing(Enum):
    """What a field's getter returns when it has no value; the enum's value is the status."""

    UNKNOWN = Status.UNKNOWN
    NODATA = Status.NODATA
    UNAVAILABLE = Status.UNAVAILABLE
    OFFLINE = Status.OFFLINE


UNKNOWN, NODATA = Missing.UNKNOWN, Missing.NODATA
UNAVAILABLE, OFFLINE = Missing.UNAVAILABLE, Missing.OFFLINE


class Need(Flag):
    """What beyond the committed state a field is made from."""

    NONE = 0
    INSTANCES = auto()
    """What runs on the nodes."""
    RESOURCES = auto()
    """What the nodes have and use."""
    OS = auto()
    """The OS definitions on the nodes."""
    EXPORTS = auto()
    """The exports on the nodes."""
    ARCHIVE = auto()
    """Archived jobs."""
    LOGS = auto()
    """Logs of the jobs asked for."""


LIVE = Need.INSTANCES | Need.RESOURCES | Need.OS | Need.EXPORTS | Need.LOGS
"""Not to be had without asking around; a filter without any is applied before that."""


class Matching(Enum):
    """How values compare in a filter."""

    PLAIN = auto()
    HOSTNAME = auto()
    """Equal also by leading parts of the name, whatever the case."""
    SECONDS = auto()
    """C{[seconds, microseconds]}, compared by the seconds."""
    NUMBER = auto()
    """A number that may be given as a text."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column that can be asked for."""

    name: str
    title: str
    kind: Kind
    doc: str
    get: Callable[[Any], Any]
    """From a row to the value, or a L{Missing}."""
    needs: Need = Need.NONE
    matching: Matching = Matching.PLAIN

    def definition(self) -> dict[str, str]:
        """As answers describe it."""
        return {"name": self.name, "title": self.title, "kind": self.kind.value, "doc": self.doc}


def unknown_field(name: str) -> Field:
    """A column that there is not."""
    return Field(name, name, Kind.UNKNOWN, f"Unknown field '{name}'", lambda row: UNKNOWN)


Lookup = Callable[[Any, str], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """
    A kind of object that can be listed.

    Rows are made by C{row(object, view)}; getters of the fields take a row.
    """

    name: str
    label: str
    """In errors: C{Instance name x not found}."""
    fields: Mapping[str, Field]
    objects: Callable[[Any], Iterable[Any]]
    """All objects of a view, in the order of answers."""
    row: Callable[[Any, Any], Any]
    key: str = "name"
    """The field that names an object."""
    find: Lookup | None = None
    """Object of a view by name, short name or uuid, or None; None: names are not looked up."""
    nodes: Callable[[Any, Any], Iterable[str]] = field(default=lambda obj, view: ())
    """Uuids of the nodes that know about an object of a view."""
    asks: Need = Need.NONE
    """What all nodes must be asked to know which objects there are."""

    def select(self, names: Iterable[str]) -> list[Field]:
        """The fields of these names, unknown ones included."""
        return [self.fields.get(name) or unknown_field(name) for name in names]

    def definitions(self, names: Iterable[str] | None) -> list[dict[str, str]]:
        """What the named fields are; none or no names: all, in natural order."""
        wanted = list(names or ()) or sorted(self.fields, key=nice_sort_key)
        return [one.definition() for one in self.select(wanted)]


def table(*groups: Iterable[Field]) -> dict[str, Field]:
    """Fields by name; each name once."""
    found: dict[str, Field] = {}
    for one in (one for group in groups for one in group):
        assert one.name not in found, one.name
        found[one.name] = one
    return found


def unavailable_if_none(value: Any) -> Any:
    """A value that an object may lack."""
    return UNAVAILABLE if value is None else value
