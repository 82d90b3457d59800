"""
Option tables to C{optparse}, and what a wrong command line is answered with.

C{optparse} it is, and not C{argparse}, which refuses C{--net -1:add} and C{-H -kernel_path}.
"""

from __future__ import annotations

import optparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from ganeti.cli import types
from ganeti.cli.program import Arg, Command, Opt, Program
from ganeti.errors import ParameterError

EVERYWHERE = (
    Opt(
        ("-d", "--debug"),
        "debug",
        "Tell on standard error what is asked of the master",
        action="count",
        default=0,
    ),
    Opt(("--reason",), "reason", "Why this is done; kept with the jobs it makes", type="string"),
)


class UsageExit(Exception):
    """The command line ends the command: with help, or because it is wrong."""

    def __init__(self, status: int, out: str = "", err: str = "") -> None:
        super().__init__(status)
        self.status = status
        self.out = out
        self.err = err


def _checker(parse: Callable[[str], Any]) -> Callable[[Any, str, str], Any]:
    def check(_option: Any, flag: str, text: str) -> Any:
        try:
            return parse(text)
        except ValueError as err:
            raise optparse.OptionValueError(f"option {flag}: {err}") from err

    return check


def _check_bool(_option: Any, _flag: str, text: str) -> bool:
    """A wrong word is a wrong parameter, and no wrong use: the exit status is another."""
    try:
        return types.parse_bool(text)
    except ValueError as err:
        raise ParameterError(str(err)) from err


class TypedOption(optparse.Option):
    """An option that knows Ganeti's value syntaxes too, and C{--flag=word} of flags."""

    ATTRS = [*optparse.Option.ATTRS, "forms"]
    TYPES = (*optparse.Option.TYPES, *types.PARSERS)
    TYPE_CHECKER = {
        **optparse.Option.TYPE_CHECKER,
        **{k: _checker(v) for k, v in types.PARSERS.items()},
        "bool": _check_bool,
    }


class _Parser(optparse.OptionParser):
    """Raises L{UsageExit} where C{optparse} would end the process."""

    example = ""

    def error(self, msg: str) -> NoReturn:
        raise UsageExit(2, err=f"{self.get_usage()}\n{self.get_prog_name()}: error: {msg}\n")

    def _process_long_opt(self, rargs: list[str], values: optparse.Values) -> None:
        flag, equals, word = rargs[0].partition("=")
        option = self._long_opt[self._match_long_opt(flag)]
        forms = getattr(option, "forms", None)
        if not (equals and forms):
            super()._process_long_opt(rargs, values)
            return
        if word not in forms:
            known = ", ".join(map(repr, forms))
            self.error(f"option {option}: invalid choice: {word!r} (choose from {known})")
        assert option.dest is not None
        setattr(values, option.dest, word)
        del rargs[0]

    def exit(self, status: int = 0, msg: str | None = None) -> NoReturn:
        raise UsageExit(status, err=msg or "")

    def print_help(self, file: Any = None) -> None:
        raise UsageExit(0, out=self.format_help())

    def format_epilog(self, _formatter: Any) -> str:
        return f"\nExample\n=======\n  {self.example}\n"


def build(program: str, command: Command, columns: int) -> optparse.OptionParser:
    """The parser of one sub-command."""
    parser = _Parser(
        prog=program,
        usage=f"{program} {command.name} {command.usage}",
        description=command.description,
        formatter=optparse.TitledHelpFormatter(width=columns),
        option_class=TypedOption,
    )
    parser.example = command.example
    for opt in (*EVERYWHERE, *command.options):
        parser.add_option(*opt.flags, **_keywords(opt))
    return parser


def _keywords(opt: Opt) -> dict[str, Any]:
    given: dict[str, Any] = {"dest": opt.dest, "help": opt.help, "action": opt.action}
    default = opt.default
    given["default"] = (
        list(default)
        if isinstance(default, list)
        else dict(default)
        if isinstance(default, dict)
        else default
    )
    if opt.choices is not None:
        given.update(type="choice", choices=opt.choices)
    elif opt.type is not None:
        given["type"] = opt.type
    if opt.forms:
        given["forms"] = opt.forms
    if opt.metavar is not None:
        given["metavar"] = opt.metavar
    if opt.action == "store_const":
        given["const"] = opt.const
    return given


def parse(
    program: str, command: Command, words: Sequence[str], columns: int
) -> tuple[optparse.Values, list[str]]:
    """
    Options and arguments of one sub-command.

    @raise UsageExit: help was asked for, or the line is wrong.
    @raise ParameterError: a word is neither yes nor no.
    """
    values, arguments = build(program, command, columns).parse_args(list(words))
    complaint = _count_complaint(command, len(arguments))
    if complaint:
        raise UsageExit(1, err=f"Error: Command {command.name} {complaint}\n")
    return values, arguments


def _count_complaint(command: Command, given: int) -> str | None:
    least, most = _bounds(command.arguments)
    if most == 0 and given:
        return "expects no arguments"
    if most is not None and least == most and given != least:
        return f"expects {least} argument(s)"
    if given < least:
        return f"expects at least {least} argument(s)"
    if most is not None and given > most:
        return f"expects at most {most} argument(s)"
    return None


def _bounds(arguments: tuple[Arg, ...]) -> tuple[int, int | None]:
    least = sum(arg.minimum for arg in arguments)
    if any(arg.maximum is None for arg in arguments):
        return least, None
    return least, sum(arg.maximum or 0 for arg in arguments)


def overview(program: Program, columns: int) -> str:
    """What a program prints when it is called with no or an unknown sub-command."""
    import textwrap

    name = program.name
    lines = [
        f"Usage: {name} {{command}} [options...] [argument...]",
        f"{name} <command> --help to see details, or man {name}",
        "",
        "Commands:",
    ]
    width = max(len(command.name) for command in program.commands)
    for command in sorted(program.commands):
        hanging = " " * (width + 4)
        lines += textwrap.wrap(
            command.description,
            columns,
            initial_indent=f" {command.name:<{width}} - ",
            subsequent_indent=hanging,
        )
    example = program.commands[0].example
    return "\n".join([*lines, "", f"Example: {example}", ""]) + "\n"


def default_words(program: Program, command: Command, environ: Mapping[str, str]) -> list[str]:
    """
    What the environment puts before the words that were typed, C{GNT_INSTANCE_LIST} for example.

    @raise UsageExit: the variable is not valid shell text.
    """
    if command.name not in program.env_defaults:
        return []
    variable = f"{program.name}_{command.name}".upper().replace("-", "_")
    text = environ.get(variable, "")
    if not text:
        return []
    import shlex

    try:
        return shlex.split(text)
    except ValueError as err:
        raise UsageExit(1, err=f"The variable {variable} is not valid shell text: {err}\n") from err
