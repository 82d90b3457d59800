"""
gnt-os list, diagnose, info.

A row of OP_OS_DIAGNOSE has, for C{node_status}, a dictionary from the node to what it found, best
first: lists of [path, valid, what is wrong, variants, [[parameter, help], ...], API versions,
trusted].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ganeti.cli import jobs, table

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session

_LIST_FIELDS = ("name", "variants", "valid", "hidden", "blacklisted")
_DIAGNOSE_FIELDS = ("name", "valid", "variants", "node_status", "hidden", "blacklisted")
_INFO_FIELDS = (
    "name",
    "valid",
    "variants",
    "parameters",
    "api_versions",
    "hidden",
    "blacklisted",
    "trusted",
)


def list_systems(session: Session, options: Values, _words: list[str]) -> int:
    """The names to give to C{gnt-instance add -o}."""
    names = [[name] for name in installable(session, options)]
    style = table.Style(headers=not options.no_headers)
    session.out(*table.format_table([table.Column("Name")], names, style))
    return 0


def info(session: Session, options: Values, names: list[str]) -> int:
    """What instances can be installed with, and how."""
    unknown = dict.fromkeys(names)
    for row in _ask(session, options, _INFO_FIELDS):
        if names and row["name"] not in unknown:
            continue
        unknown.pop(row["name"], None)
        session.out(*details(row), "")
    for name in unknown:
        session.out(f"{name}: ", "")
    return 0


def details(row: Mapping[str, Any]) -> Iterator[str]:
    """The lines of C{info} about one operating system."""
    yield f"{row['name']}:"
    for flag in ("valid", "hidden", "blacklisted"):
        yield f"  - {flag}: {row[flag]}"
    parameters = [f"{name}: {text}" for name, text in row["parameters"] or ()]
    for title, items in (
        ("API versions", row["api_versions"]),
        ("variants", row["variants"]),
        ("parameters", parameters),
    ):
        yield f"  - {title}:"
        yield from (f"    - {item}" for item in items or ())
    yield f"  - trusted: {row['trusted']}"


def _ask(session: Session, options: Values, fields: Sequence[str]) -> list[dict[str, Any]]:
    """Rows; which nodes did not answer goes to standard error, as names are read by programs."""
    from ganeti.opcodes.os import OpOsDiagnose

    op = OpOsDiagnose(output_fields=tuple(fields), **jobs.common_fields(session, options))
    job_id = jobs.submit(session, [op])
    (rows,) = jobs.poll(session, job_id, jobs.ConsoleReporter(session, job_id, session.err))
    return [dict(zip(fields, row, strict=True)) for row in rows]


def installable(session: Session, options: Values) -> list[str]:
    """What instances can be installed with, each variant by itself."""
    return [name for row in _ask(session, options, _LIST_FIELDS) for name in _names(row)]


def _names(row: Mapping[str, Any]) -> list[str]:
    if not row["valid"] or row["hidden"] or row["blacklisted"]:
        return []
    return [f"{row['name']}+{variant}" for variant in row["variants"] or ()] or [row["name"]]


def diagnose(session: Session, options: Values, _words: list[str]) -> int:
    """What the nodes have."""
    for row in _ask(session, options, _DIAGNOSE_FIELDS):
        session.out(*describe(row), "")
    return 0


def describe(row: Mapping[str, Any]) -> Iterator[str]:
    """The lines about one operating system."""
    status = "valid" if row["valid"] else "invalid"
    marks = "".join(f" ({mark})" for mark in ("hidden", "blacklisted") if row[mark])
    yield f"OS: {row['name']} [global status: {status}]{marks}"
    if row["variants"]:
        yield f"  Variants: [{', '.join(row['variants'])}]"
    for node, found in row["node_status"].items():
        if not found:
            yield f"  Node: {node}, status: missing"
            continue
        first, *others = found
        yield f"  Node: {node}, status: {_found(first)}"
        for other in others:
            yield f"    [other] {_found(other)}"


def _found(entry: Sequence[Any]) -> str:
    path, valid, problem, variants, parameters, versions, trusted = entry
    text = f"valid (path: {path})" if valid else f"invalid - {problem} (path: {path})"
    if variants:
        text += f" [variants: {', '.join(variants)}]"
    if parameters:
        text += f" [parameters: {', '.join(str(name) for name, _help in parameters)}]"
    if versions:
        text += f" [API versions: {', '.join(map(str, versions))}]"
    return text + (" [trusted]" if trusted else " [untrusted]")
