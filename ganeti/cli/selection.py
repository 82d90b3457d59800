"""Which instances a command means: named ones, all, those of nodes, those with tags."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ganeti.cli.terminal import YES_NO, Choice
from ganeti.errors import ErrorCode, OpPrereqError

if TYPE_CHECKING:
    from ganeti.cli.session import Session

_SHOWN_UNASKED = 20


class _Mode(NamedTuple):
    """How arguments select instances, and what to call them when none are given."""

    missing: str | None
    select: Callable[[Session, Sequence[str]], list[str]]


def select_instances(session: Session, mode: str, words: Sequence[str]) -> list[str]:
    """
    The names of the instances that are meant, at least one.

    @raise OpPrereqError: no arguments where some are needed, or nothing fits.
    """
    missing, select = _MODES[mode]
    if missing is None and words:
        raise OpPrereqError("Cluster filter mode takes no arguments", ErrorCode.WRONG_INPUT)
    if missing is not None and not words:
        raise OpPrereqError(f"No {missing} passed", ErrorCode.WRONG_INPUT)
    found = select(session, words)
    if not found:
        raise OpPrereqError("Selection filter does not match any instances", ErrorCode.WRONG_INPUT)
    return found


def _named(session: Session, words: Sequence[str]) -> list[str]:
    return [row[0] for row in session.call("QueryInstances", [list(words), ["name"], False])]


def _all(session: Session, _words: Sequence[str]) -> list[str]:
    return _named(session, [])


def _tagged(session: Session, words: Sequence[str]) -> list[str]:
    rows = session.call("QueryInstances", [[], ["name", "tags"], False])
    return [name for name, tags in rows if set(tags) & set(words)]


def _of_nodes(*fields: str) -> Callable[[Session, Sequence[str]], list[str]]:
    def select(session: Session, words: Sequence[str]) -> list[str]:
        return _collect(session.call("QueryNodes", [list(words), list(fields), False]))

    return select


def _of_tagged_nodes(*fields: str) -> Callable[[Session, Sequence[str]], list[str]]:
    def select(session: Session, words: Sequence[str]) -> list[str]:
        rows = session.call("QueryNodes", [[], ["tags", *fields], False])
        return _collect(row[1:] for row in rows if set(row[0]) & set(words))

    return select


def _collect(rows: Any) -> list[str]:
    from ganeti.utils.text import nice_sort_key

    names = {name for row in rows for names in row for name in names or ()}
    return sorted(names, key=nice_sort_key)


_MODES = {
    "instances": _Mode("instance names", _named),
    "cluster": _Mode(None, _all),
    "instances-by-tags": _Mode("instance tags", _tagged),
    "nodes": _Mode("node names", _of_nodes("pinst_list", "sinst_list")),
    "nodes-pri": _Mode("node names", _of_nodes("pinst_list")),
    "nodes-sec": _Mode("node names", _of_nodes("sinst_list")),
    "nodes-by-tags": _Mode("node tags", _of_tagged_nodes("pinst_list", "sinst_list")),
    "nodes-pri-by-tags": _Mode("node tags", _of_tagged_nodes("pinst_list")),
    "nodes-sec-by-tags": _Mode("node tags", _of_tagged_nodes("sinst_list")),
}


def confirm_all(
    session: Session, verb: str, kind: str, names: Sequence[str], warning: str = ""
) -> bool:
    """
    Ask whether to do something to all these objects; a long list is shown only on demand.

    @param verb: the command, C{shutdown}.
    @param kind: what the objects are, in the plural.
    @param warning: what will come of it.
    """
    lines = [
        f"The {verb} will operate on {len(names)} {kind}.",
        warning,
        "Do you want to continue?",
    ]
    question = "\n".join(line for line in lines if line)
    listed = f"{question}\nAffected {kind}:\n{textwrap.indent(chr(10).join(names), '  ')}"
    if len(names) <= _SHOWN_UNASKED:
        return session.confirm(listed)
    choices = (YES_NO[0], Choice("v", f"View the list of affected {kind}"), YES_NO[1])
    answer = session.world.terminal.ask(question, choices)
    return session.confirm(listed) if answer == "v" else answer == "y"
