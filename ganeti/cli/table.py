"""
Lists: what a query answered, as aligned columns or separated cells.

Pure text. The rules are recorded ones: one blank between columns, numbers and sizes to the
right, no blanks behind a last left-aligned column; marks for cells without a value.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

NORMAL, UNKNOWN, NODATA, UNAVAILABLE, OFFLINE = range(5)

_MARKS = {
    UNKNOWN: ("??", "(unknown)"),
    NODATA: ("?", "(nodata)"),
    UNAVAILABLE: ("-", "(unavail)"),
    OFFLINE: ("*", "(offline)"),
}
_RIGHT_KINDS = frozenset({"number", "float", "unit"})
_COMMA_FIELDS = frozenset(
    {
        "tags",
        "nic.macs",
        "nic.ips",
        "nic.modes",
        "nic.links",
        "nic.networks",
        "nic.bridges",
        "nic.vlans",
        "snodes",
        "snodes.group",
        "snodes.group.uuid",
        "disk.sizes",
        "pinst_list",
        "sinst_list",
        "node_list",
        "summary",
    }
)

Formatter = Callable[[Any], str]
Timestamp = Sequence[int] | None
"""[seconds, microseconds] of a job's times."""
Cell = Sequence[Any]
"""[status, value], as a query answers."""


class Column(NamedTuple):
    """One column of a table."""

    title: str
    right: bool = False


class Style(NamedTuple):
    """How a table is printed, as the options C{--separator}, C{--units}, ... say."""

    separator: str | None = None
    units: str | None = None
    headers: bool = True
    verbose: bool = False

    @property
    def unit(self) -> str:
        """Sizes are for people in tables, and plain MiB in separated lists."""
        return self.units or ("h" if self.separator is None else "m")


def format_table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], style: Style
) -> list[str]:
    """The lines of a table."""
    lines = [[column.title for column in columns]] if style.headers else []
    lines += [list(row) for row in rows]
    if style.separator is not None:
        return [style.separator.join(line) for line in lines]
    widths = [max((len(line[i]) for line in lines), default=0) for i in range(len(columns))]
    return [_aligned(line, columns, widths) for line in lines]


def _aligned(line: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    last = len(columns) - 1
    cells = []
    for i, (text, column, width) in enumerate(zip(line, columns, widths, strict=True)):
        if column.right:
            cells.append(text.rjust(width))
        else:
            cells.append(text if i == last else text.ljust(width))
    return " ".join(cells)


def format_query(
    fields: Sequence[Mapping[str, Any]],
    data: Sequence[Sequence[Cell]],
    style: Style,
    special: Mapping[str, Formatter] | None = None,
) -> list[str]:
    """
    The lines of a query's answer.

    @param fields: name, title and kind of each column.
    @param special: how to write the values of some fields.
    """
    writers = [_writer(field, style, special or {}) for field in fields]
    columns = [Column(str(field["title"]), field["kind"] in _RIGHT_KINDS) for field in fields]
    rows = [
        [_cell(cell, write, style) for cell, write in zip(row, writers, strict=True)]
        for row in data
    ]
    return format_table(columns, rows, style)


def _cell(cell: Cell, write: Formatter, style: Style) -> str:
    status, value = cell
    if status == NORMAL:
        return write(value)
    short, long = _MARKS.get(status, ("?", f"(status {status})"))
    return long if style.verbose else short


def _writer(field: Mapping[str, Any], style: Style, special: Mapping[str, Formatter]) -> Formatter:
    name, kind = str(field["name"]), field["kind"]
    if name in special:
        return special[name]
    if kind == "unit":
        return _size_writer(style.unit)
    if kind == "bool":
        return format_flag
    if kind == "timestamp":
        return format_time
    if name in _COMMA_FIELDS:
        return format_comma_list
    return format_value


def _size_writer(unit: str) -> Formatter:
    from ganeti.utils.text import format_unit

    def write(value: Any) -> str:
        return format_unit(value, unit)

    return write


def format_flag(value: Any) -> str:
    """C{Y} or C{N}."""
    return "Y" if value else "N"


def format_time(value: Any) -> str:
    """Local time without fractions; C{N/A} when there is none."""
    if value is None:
        return "N/A"
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(value))


def format_stamp(stamp: Timestamp, without: str = "N/A") -> str:
    """Local time with microseconds; C{without} when there is none."""
    if stamp is None:
        return without
    seconds, microseconds = stamp
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(seconds))}.{microseconds:06d}"


def format_comma_list(value: Any) -> str:
    """Items with commas between them; what is no list is written as it is."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return format_value(value)


def format_value(value: Any) -> str:
    """Anything else: lists and dictionaries as Python writes them, whole numbers without point."""
    return str(plain(value))


def plain(value: Any) -> Any:
    """C{value} with C{2.0} as 2 throughout: a size or a ratio that is whole is shown as such."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value
