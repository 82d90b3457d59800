"""The sub-commands about tags, which several programs have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganeti.cli import jobs
from ganeti.cli.failures import FAILURE
from ganeti.errors import ErrorCode, OpPrereqError

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session
    from ganeti.opcodes.tags import OpTagsDel, OpTagsSet

_KINDS = {
    "gnt-cluster": "cluster",
    "gnt-group": "nodegroup",
    "gnt-instance": "instance",
    "gnt-node": "node",
}


def list_tags(session: Session, _options: Values, words: list[str]) -> int:
    """The tags of an object, one a line."""
    kind, name, _rest = _target(session, words)
    session.out(*session.call("QueryTags", [kind, name or ""]))
    return 0


def add_tags(session: Session, options: Values, words: list[str]) -> int:
    """Give an object tags."""
    from ganeti.opcodes.tags import OpTagsSet

    return _change(session, options, words, OpTagsSet, "added")


def remove_tags(session: Session, options: Values, words: list[str]) -> int:
    """Take tags from an object."""
    from ganeti.opcodes.tags import OpTagsDel

    return _change(session, options, words, OpTagsDel, "removed")


def _change(
    session: Session,
    options: Values,
    words: list[str],
    opcode: type[OpTagsSet] | type[OpTagsDel],
    done: str,
) -> int:
    from ganeti.model.tags import TagKind

    kind, name, tags = _target(session, words)
    tags += _from_source(session, options.tags_source)
    if not tags:
        raise OpPrereqError(f"No tags to be {done}", ErrorCode.WRONG_INPUT)
    common = jobs.common_fields(session, options)
    jobs.run(session, opcode(kind=TagKind(kind), name=name, tags=tuple(tags), **common), options)
    return 0


def search_tags(session: Session, options: Values, words: list[str]) -> int:
    """All tags that match, with their objects; it fails when there are none."""
    from ganeti.opcodes.tags import OpTagsSearch

    op = OpTagsSearch(pattern=words[0], **jobs.common_fields(session, options))
    found = jobs.run(session, op, options)
    session.out(*(f"{path} {tag}" for path, tag in found))
    return 0 if found else FAILURE


def _target(session: Session, words: list[str]) -> tuple[str, str | None, list[str]]:
    """The kind and the name of the object, and the words that follow."""
    kind = _KINDS[session.program]
    if kind == "cluster":
        return kind, None, list(words)
    return kind, words[0], words[1:]


def _from_source(session: Session, source: str | None) -> list[str]:
    """The tags in a file, one a line; C{-} is standard input."""
    if source is None:
        return []
    try:
        if source == "-":
            text = session.world.stdin.read()
        else:
            with open(source, encoding="utf-8") as stream:
                text = stream.read()
    except UnicodeDecodeError as err:
        raise OpPrereqError(f"'{source}' is not valid UTF-8 text", ErrorCode.WRONG_INPUT) from err
    return [line.strip() for line in text.splitlines() if line.strip()]
