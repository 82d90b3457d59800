"""
What fits where the cursor is, from the tables that also read the command line.

Pure: the names of objects come from a function. The shells' own ways are in
L{ganeti.cli.completionshells}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from ganeti.cli.parser import EVERYWHERE
from ganeti.cli.program import Arg, Command, Opt, Program

_HELP = Opt(("-h", "--help"), "help", "Show what the command takes, with an example", "help")
_REPEATABLE = ("append", "count")
_NEW_NAMES = ("add",)
"""Sub-commands whose argument does not exist yet."""


class Candidate(NamedTuple):
    """A word that fits, and a line about it."""

    word: str
    about: str = ""


class Found(NamedTuple):
    """What fits; C{files}: any file, which the shell knows best."""

    candidates: list[Candidate] = []
    files: bool = False


Names = Callable[[str], Iterable[Candidate]]
"""The objects of a kind: node, instance, group, network, os, os-name, iallocator, jobid, filter,
field."""


class _Place(NamedTuple):
    """Where on a command line the cursor is: what stands before it."""

    wanted: Opt | None
    """The option whose value comes next."""
    arguments: list[str]
    used: list[Opt]
    only_arguments: bool


def complete(program: Program, words: Sequence[str], names: Names) -> Found:
    """
    What the last of C{words} may become.

    @param words: those after the program's name; the last is unfinished, and may be empty.
    """
    *before, word = words or [""]
    found = _first(program) if not before else _later(program, before, word, names)
    fitting = [each for each in found.candidates if each.word.startswith(word)]
    return Found(sorted(set(fitting)), found.files)


def _first(program: Program) -> Found:
    commands = {command.name: command.description for command in program.commands}
    aliases = {name: commands[of] for name, of in program.aliases.items()}
    others = {"--help": "Show the sub-commands", "--version": "Show the release"}
    return Found([Candidate(*each) for each in {**commands, **aliases, **others}.items()])


def _later(program: Program, before: Sequence[str], word: str, names: Names) -> Found:
    command = program.find(before[0])
    if command is None:
        return Found()
    place = _walk(command, before[1:])
    if place.wanted is not None:
        return _values(place.wanted, word, names)
    if place.only_arguments or not word.startswith("-"):
        return _arguments(command, place, word, names)
    flag, equals, text = word.partition("=")
    option = _find(command, flag) if equals and flag.startswith("--") else None
    if option is None:
        return _flags(command, place, word)
    values = _values(option, text, names)
    return values._replace(candidates=_prefixed(f"{flag}=", values.candidates))


# -- what stands before


def _walk(command: Command, words: Sequence[str]) -> _Place:
    wanted: Opt | None = None
    arguments: list[str] = []
    used: list[Opt] = []
    only_arguments = False
    for word in words:
        if wanted is not None:
            wanted = None
        elif only_arguments or not word.startswith("-") or word == "-":
            arguments.append(word)
        elif word == "--":
            only_arguments = True
        else:
            options, wanted = _options_in(command, word)
            used += options
    return _Place(wanted, arguments, used, only_arguments)


def _options_in(command: Command, word: str) -> tuple[list[Opt], Opt | None]:
    """The options in a word, and the one whose value is the next word."""
    if word.startswith("--"):
        flag, equals, _text = word.partition("=")
        option = _find(command, flag)
        if option is None:
            return [], None
        return [option], option if _takes_value(option) and not equals else None
    found: list[Opt] = []
    for place, letter in enumerate(word[1:], 2):
        option = _find(command, f"-{letter}")
        if option is None:
            break
        found.append(option)
        if _takes_value(option):
            return found, option if place == len(word) else None
    return found, None


def _find(command: Command, flag: str) -> Opt | None:
    """The option of this name, or the only long one that begins so."""
    options = (*EVERYWHERE, *command.options)
    exact = [option for option in options if flag in option.flags]
    if exact or not flag.startswith("--"):
        return exact[0] if exact else None
    near = [o for o in options if any(each.startswith(flag) for each in o.flags)]
    return near[0] if len(near) == 1 else None


def _takes_value(option: Opt) -> bool:
    return option.action in ("store", "append")


# -- what may come


def _flags(command: Command, place: _Place, word: str) -> Found:
    """The options that are left; short ones only after a single dash."""
    found = []
    for option in (*command.options, *EVERYWHERE, _HELP):
        if option in place.used and option.action not in _REPEATABLE:
            continue
        for flag in option.flags:
            is_long = flag.startswith("--")
            if is_long or word == "-":
                text = f"{flag}=" if is_long and _takes_value(option) else flag
                found.append(Candidate(text, option.help))
                found += [Candidate(f"{flag}={form}", option.help) for form in option.forms]
    return Found(found)


def _values(option: Opt, word: str, names: Names) -> Found:
    """What an option may be given."""
    choices = option.choices or option.forms or option.suggestions
    if choices:
        return Found([Candidate(choice) for choice in choices])
    if option.type == "bool":
        return Found([Candidate("yes"), Candidate("no")])
    if option.values == "file":
        return Found(files=True)
    if option.values == "field":
        start = word.rpartition(",")[0]
        prefix = f"{start}," if start else word[: word.startswith("+")]
        return Found(_prefixed(prefix, names("field")))
    if option.values == "nodes":
        primary, colon, _rest = word.partition(":")
        return Found(_prefixed(primary + colon if colon else "", names("node")))
    return Found(list(names(option.values)) if option.values else [])


def _prefixed(prefix: str, candidates: Iterable[Candidate]) -> list[Candidate]:
    return [Candidate(prefix + each.word, each.about) for each in candidates]


def _arguments(command: Command, place: _Place, word: str, names: Names) -> Found:
    argument = _argument_at(command.arguments, len(place.arguments))
    if argument is None:
        return Found() if word else _flags(command, place, "--")
    if argument.choices:
        return Found([Candidate(choice) for choice in argument.choices])
    kind = _kind(command, argument, place)
    if kind == "file":
        return Found(files=True)
    if kind is None or command.name in _NEW_NAMES:
        return Found()
    return Found([each for each in names(kind) if each.word not in place.arguments])


def _argument_at(arguments: Sequence[Arg], number: int) -> Arg | None:
    for argument in arguments:
        if argument.maximum is None or number < argument.maximum:
            return argument
        number -= argument.maximum
    return None


_ASKED = frozenset({"node", "instance", "group", "network", "jobid", "filter", "file"})


def _kind(command: Command, argument: Arg, place: _Place) -> str | None:
    """What kind of object an argument names."""
    if command.name == "list-fields":
        return "field"
    modes = [str(option.const) for option in place.used if option.dest == "multi_mode"]
    if argument.kind == "instance" and modes:
        return _MODES.get(modes[-1])
    if argument.kind == "os":
        return "os-name"
    return argument.kind if argument.kind in _ASKED else None


_MODES = {"instances": "instance", "nodes": "node", "nodes-pri": "node", "nodes-sec": "node"}
"""What C{--node} and its like make of the arguments; those about tags are not completed."""
