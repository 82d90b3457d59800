"""
What a command is, as data: its arguments, its options and the function that does it.

These tables are read by the parser, by C{--help}, and by the tests that compare them with the
interface tables and the manual pages. Nothing heavy is imported here: a command must be up
in a few hundredths of a second.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Opt(NamedTuple):
    """
    One option of a command.

    C{type} is a name that L{ganeti.cli.parser} knows: string, int, bool, unit, keyval, ...

    @ivar forms: words that an option without a value may have all the same, as C{--flag=word};
        the word is the value then.
    @ivar values: what a value names, for completion: node, nodes (primary:secondary), group, os,
        iallocator, file, field.
    @ivar suggestions: known values, for completion; the master daemon judges what is given.
    """

    flags: tuple[str, ...]
    dest: str
    help: str
    action: str = "store"
    type: str | None = None
    default: Any = None
    metavar: str | None = None
    choices: tuple[str, ...] | None = None
    const: Any = None
    forms: tuple[str, ...] = ()
    values: str | None = None
    suggestions: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The first long name, or the only short one."""
        return next((flag for flag in self.flags if flag.startswith("--")), self.flags[0])


class Arg(NamedTuple):
    """How many positional arguments of one kind are taken; C{maximum} None is any number."""

    kind: str
    minimum: int = 0
    maximum: int | None = None
    choices: tuple[str, ...] = ()


class Command(NamedTuple):
    """
    One sub-command.

    C{function} is "module:name" and is imported only when the command runs; it is called with
    (session, options, arguments) and returns the exit status.
    """

    name: str
    function: str
    usage: str
    description: str
    example: str
    arguments: tuple[Arg, ...] = ()
    options: tuple[Opt, ...] = ()


class Program(NamedTuple):
    """One program, C{gnt-node} say, with its sub-commands and the other names these have."""

    name: str
    commands: tuple[Command, ...]
    aliases: dict[str, str] = {}
    env_defaults: tuple[str, ...] = ()

    def find(self, word: str) -> Command | None:
        """The sub-command of this name or alias; None when there is none."""
        wanted = self.aliases.get(word, word)
        return next((command for command in self.commands if command.name == wanted), None)


def host() -> tuple[Arg, ...]:
    """Exactly one host name."""
    return (Arg("host", 1, 1),)


def one(kind: str) -> tuple[Arg, ...]:
    """Exactly one argument of this kind."""
    return (Arg(kind, 1, 1),)


def many(kind: str, minimum: int = 0) -> tuple[Arg, ...]:
    """At least C{minimum} arguments of this kind."""
    return (Arg(kind, minimum, None),)
