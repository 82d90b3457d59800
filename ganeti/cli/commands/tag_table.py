"""The lines of the sub-commands about tags, for the tables of several programs."""

from __future__ import annotations

from ganeti.cli.options.tags import CHANGE_OPTIONS
from ganeti.cli.program import Arg, Command, many, one


def tag_commands(program: str, kind: str | None) -> tuple[Command, ...]:
    """
    The three sub-commands that each kind of object has.

    @param kind: of the argument that names the object; None: there is only one, the cluster.
    """
    place = "" if kind is None else f"<{kind}-name> "
    target: tuple[Arg, ...] = () if kind is None else one(kind)
    what = f"the {kind or 'cluster'}"
    example = "" if kind is None else f" {kind}1"
    tags = many("unknown")
    return (
        Command(
            "list-tags",
            "tags:list_tags",
            place.rstrip(),
            f"Show the tags of {what}",
            f"{program} list-tags{example}",
            target,
        ),
        Command(
            "add-tags",
            "tags:add_tags",
            f"[--from <file>] {place}<tag>...",
            f"Add tags to {what}",
            f"{program} add-tags{example} owner:alice rack:a",
            (*target, *tags),
            CHANGE_OPTIONS,
        ),
        Command(
            "remove-tags",
            "tags:remove_tags",
            f"[--from <file>] {place}<tag>...",
            f"Remove tags from {what}",
            f"{program} remove-tags{example} rack:a",
            (*target, *tags),
            CHANGE_OPTIONS,
        ),
    )
