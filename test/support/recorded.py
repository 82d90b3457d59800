"""
Recorded runs of the original's commands, read back into the answers they were printed from.

A list, a tree of details or a failure is taken apart here by rules of its own, not by those of the
code under test: printing it again must give the very same bytes.
"""

from __future__ import annotations

import ast
import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ganeti import errors

INTERFACE = Path(__file__).resolve().parents[1] / "compat" / "interface"
CUT = "…cut…"

_STATUS = {"??": 1, "?": 2, "-": 3, "*": 4}
_VERBOSE = {"(unknown)": 1, "(nodata)": 2, "(unavail)": 3, "(offline)": 4}
_RIGHT = ("number", "float", "unit")
_COMMA = {
    "tags", "nic.macs", "nic.ips", "nic.modes", "nic.links", "nic.networks", "snodes",
    "snodes.group", "disk.sizes", "pinst_list", "sinst_list", "summary",
}  # fmt: skip
_FACTOR = {"M": 1, "G": 1024, "T": 1024 * 1024}


class Record(NamedTuple):
    """One recorded run."""

    program: str
    index: int
    argv: list[str]
    status: Any
    stdout: str
    stderr: str
    phase: str
    node: str
    typed: str | None
    shown: str | None

    @property
    def command(self) -> str:
        return self.argv[1] if len(self.argv) > 1 else ""

    @property
    def key(self) -> tuple[str, int]:
        return self.program, self.index


def load(program: str) -> list[Record]:
    """All records of a program."""
    path = INTERFACE / "outputs" / f"{program}.json"
    return [
        Record(
            program,
            index,
            raw["argv"],
            raw["rc"],
            raw["stdout"],
            raw["stderr"],
            raw["phase"],
            raw.get("node", "node1"),
            raw.get("typed_at_tty"),
            raw.get("tty_shows"),
        )
        for index, raw in enumerate(json.loads(path.read_text()))
    ]


_COLUMNS = json.loads((INTERFACE / "columns.json").read_text())


def field_definitions(resource: str, names: Sequence[str] | None) -> list[dict[str, str]]:
    """What a query tells about fields: name, title, kind, doc."""
    known = {row[0]: row for row in _COLUMNS["all_fields"][resource]}
    return [
        {
            "name": name,
            "title": known[name][1] if name in known else name,
            "kind": known[name][2] if name in known else "unknown",
            "doc": f"About {name}",
        }
        for name in (names or list(known))
    ]


# -- lists


def table_cells(record: Record, fields: Sequence[dict[str, str]]) -> list[list[list[Any]]]:
    """The cells [status, value] of a recorded list."""
    lines = uncut(record.stdout.partition("\n\n")[0]).splitlines()
    separator = option(record.argv, "--separator")
    headers = "--no-headers" not in record.argv
    if separator is not None:
        rows = [_split_separated(line, separator, fields) for line in lines[headers:]]
    elif headers:
        rows = [_split_aligned(lines[0], line, fields) for line in lines[1:]]
    else:
        rows = [line.split(None, len(fields) - 1) for line in lines]
    units = option(record.argv, "--units") or ("m" if separator is not None else "h")
    verbose = "-v" in record.argv
    return [
        [
            _cell(text, field, units, verbose=verbose)
            for text, field in zip(row, fields, strict=True)
        ]
        for row in rows
    ]


def uncut(text: str) -> str:
    """The whole lines before the place where a record was shortened."""
    before, cut, _ = text.partition(CUT)
    return before[: before.rfind("\n") + 1] if cut else text


def option(argv: Sequence[str], flag: str) -> str | None:
    """The value in C{--flag=value}."""
    found = [word.partition("=")[2] for word in argv if word.startswith(flag + "=")]
    return found[0] if found else None


def _split_separated(line: str, separator: str, fields: Sequence[dict[str, str]]) -> list[str]:
    parts = line.split(separator)
    extra = len(parts) - len(fields)
    if extra:  # the separator stands within a value too
        at = next(i for i, f in enumerate(fields) if f["name"] in ("nic.macs", "ops"))
        parts[at : at + extra + 1] = [separator.join(parts[at : at + extra + 1])]
    return parts


def _split_aligned(header: str, line: str, fields: Sequence[dict[str, str]]) -> list[str]:
    cells: list[str] = []
    start = looked = 0
    for i, field in enumerate(fields):
        at = header.index(field["title"], looked)
        looked = at + len(field["title"])
        if field["kind"] in _RIGHT:
            piece = line[start:looked]
            if cells and fields[i - 1]["kind"] not in _RIGHT:  # the left one may reach into it
                left, _, piece = (cells.pop() + piece).rpartition(" ")
                cells.append(left.rstrip())
            cells.append(piece.strip())
            start = looked + 1
            continue
        start = at
        following = fields[i + 1 : i + 2]
        if not following:
            cells.append(line[start:])
        elif following[0]["kind"] in _RIGHT:
            cells.append("")
        else:
            end = header.index(following[0]["title"], looked)
            cells.append(line[start:end].rstrip())
            start = end
    return cells


def _cell(text: str, field: dict[str, str], units: str, *, verbose: bool) -> list[Any]:
    marks = _VERBOSE if verbose else _STATUS
    if text in marks:
        return [marks[text], None]
    return [0, _value(text, field["name"], field["kind"], units)]


def _value(text: str, name: str, kind: str, units: str) -> Any:
    if kind == "unit":
        return _size(text, units)
    if kind == "number":
        return int(text)
    if kind == "bool":
        return text == "Y"
    if kind == "timestamp":
        return seconds(text)
    if name in ("opstart", "opexec", "opend"):
        return [None if item == "?" else stamp(item) for item in ast.literal_eval(text)]
    if name == "ndparams" and "=" in text:
        pairs = (pair.partition("=") for pair in text.split(", "))
        return {key: literal(value) for key, _, value in pairs}
    if name in _COMMA and not text.startswith("["):
        return text.split(",") if text else []
    return literal(text) if kind == "other" else text


def _size(text: str, units: str) -> float:
    if units == "h":
        return float(text[:-1]) * _FACTOR[text[-1]]
    return float(text) * _FACTOR[units.upper()]


def literal(text: str) -> Any:
    """The Python value that is written like this, else the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def seconds(text: str) -> float:
    """Of a local date and time."""
    return time.mktime(time.strptime(text, "%Y-%m-%d %H:%M:%S"))


def stamp(text: str) -> list[int]:
    """[seconds, microseconds] of a local date and time with microseconds."""
    whole, _, micro = text.partition(".")
    return [int(seconds(whole)), int(micro)]


def locks(cells: list[list[list[Any]]], fields: Sequence[dict[str, str]]) -> list[list[list[Any]]]:
    """Cells of gnt-debug locks, whose C{-} means "nobody" and not "unavailable"."""
    read = {
        "name": lambda text: text,
        "mode": lambda text: text,
        "owner": lambda text: [int(part) for part in str(text).strip("()").split(",") if part],
        "pending": lambda text: [
            [mode, [int(job)]] for mode, job in re.findall(r"(\w+):(\d+)", str(text))
        ],
    }
    return [
        [
            cell if cell[0] == 1 else [0, None if cell[0] else read[field["name"]](cell[1])]
            for cell, field in zip(row, fields, strict=True)
        ]
        for row in cells
    ]


# -- trees


def parse_tree(lines: list[str]) -> Any:
    """Dictionaries, lists and texts from indented lines."""
    if not lines:
        return []
    if lines[0].startswith("- "):
        return [parse_tree(item) for item in _items(lines)]
    if ": " in lines[0] and not lines[0].startswith(" "):
        return _mapping(lines)
    return literal(lines[0])


def _items(lines: list[str]) -> list[list[str]]:
    items: list[list[str]] = []
    for line in lines:
        if line.startswith("- "):
            items.append([])
        items[-1].append(line[2:])
    return items


def _mapping(lines: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    nested: dict[str, list[str]] = {}
    name = ""
    for line in lines:
        if line.startswith("  ") and name:
            nested[name].append(line[2:])
            continue
        name, _, text = line.partition(": ")
        name = name.removesuffix(":")
        found[name] = literal(text.strip()) if text.strip() else text.strip()
        nested[name] = []
    return {
        name: parse_tree(nested[name]) if nested[name] else value for name, value in found.items()
    }


# -- failures


def failure(text: str) -> Exception | None:
    """The error that was printed as C{text}; None when it is no form we know."""
    head, _, rest = text.rstrip("\n").partition("\n")
    if head == "Failure: prerequisites not met for this operation:":
        kind, _, details = rest.partition("\n")
        match = re.fullmatch(r"error type: (\w+), error details:", kind)
        return errors.OpPrereqError(details, match[1]) if match else None
    if head == "Failure: command execution error:":
        return errors.OpExecError(rest)
    if head == "Failure: invalid tag(s) given:":
        return errors.TagError(rest)
    if head.startswith("Parameter Error: "):
        return errors.TypeEnforcementError(head.removeprefix("Parameter Error: "))
    if head.startswith("Failure: unknown/wrong parameter name '"):
        return errors.ParameterError(head.partition("'")[2].removesuffix("'"))
    if head == "Unhandled Ganeti error: Job was canceled":
        return errors.JobCanceled("Job was canceled")
    if head == "Unhandled protocol error while talking to the master daemon:":
        return errors.RequestError(rest)
    if head.startswith("Error checking job status: "):
        return errors.JobLost(head.partition(": ")[2])
    return None


_LOG_LINE = re.compile(r"\w{3} (\w{3} [ \d]\d [\d:]{8} \d{4}) (.*)")


def log_entries(stdout: str) -> list[list[Any]]:
    """The job log entries whose lines are in an output."""
    found: list[list[Any]] = []
    for line in stdout.splitlines():
        match = _LOG_LINE.fullmatch(line)
        if match:
            when = time.mktime(time.strptime(match[1], "%b %d %H:%M:%S %Y"))
            value = literal(match[2]) if match[2].startswith("[") else match[2]
            kind = "message" if isinstance(value, str) else "delay-test"
            found.append([len(found) + 1, [int(when), 0], kind, value])
    return found
