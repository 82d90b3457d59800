"""The list commands: a query, printed as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ganeti.cli import failures, table
from ganeti.errors import ErrorCode, OpPrereqError

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session


def style_of(options: Values) -> table.Style:
    """How the user wants a table."""
    return table.Style(
        separator=options.separator,
        units=getattr(options, "units", None),
        headers=not options.no_headers,
        verbose=getattr(options, "verbose", False),
    )


def chosen_fields(selected: str | None, default: Sequence[str]) -> list[str]:
    """
    The fields of C{-o}: those named, or with a + in front the default ones and those named.

    @raise OpPrereqError: an empty name.
    """
    if selected is None:
        return list(default)
    added = selected.startswith("+")
    names = selected.removeprefix("+").split(",")
    if "" in names:
        raise OpPrereqError(f"An empty field name in '{selected}'", ErrorCode.WRONG_INPUT)
    return [*default, *names] if added else names


def print_query(
    session: Session,
    options: Values,
    what: str,
    fields: Sequence[str],
    qfilter: Any,
    special: Mapping[str, table.Formatter] | None = None,
) -> int:
    """Ask and print; the exit status tells of unknown fields."""
    answer = session.query(what, fields, qfilter)
    status = _warn_unknown(session, answer["fields"])
    session.out(*table.format_query(answer["fields"], answer["data"], style_of(options), special))
    return status


def _warn_unknown(session: Session, definitions: Sequence[Mapping[str, Any]]) -> int:
    unknown = [str(field["name"]) for field in definitions if field["kind"] == "unknown"]
    if not unknown:
        return 0
    session.err("Warning: Queried for unknown fields " + ", ".join(unknown))
    return failures.UNKNOWN_FIELD


_KINDS = {
    "unknown": "Unknown",
    "text": "Text",
    "bool": "Boolean",
    "number": "Number",
    "float": "Floating-point number",
    "unit": "Storage size",
    "timestamp": "Timestamp",
    "other": "Custom",
}


def print_fields(session: Session, options: Values, what: str, names: Sequence[str]) -> int:
    """Print which fields a resource has, or what the named ones are."""
    answer = session.call("QueryFields", [what, list(names) or None])
    status = _warn_unknown(session, answer["fields"])
    columns = [table.Column(title) for title in ("Name", "Type", "Title", "Description")]
    rows = [
        [field["name"], _KINDS.get(field["kind"], field["kind"]), field["title"], field["doc"]]
        for field in answer["fields"]
    ]
    session.out(*table.format_table(columns, rows, style_of(options)))
    return status
