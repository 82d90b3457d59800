"""
From the words of a command line to L{Options}.

As getopt_long(3): C{-t FILE}, C{-tFILE}, C{--text-data=FILE}, C{--text-data FILE}, unique
beginnings of long names, options after arguments. A word that may be left out is attached
(C{-pname}, C{--print-nodes=name}).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ganeti.cli.htools.options import Options
from ganeti.cli.htools.optionsets import options_of
from ganeti.cli.htools.optiontable import Opt

# Which arguments a program takes: for its help, and for completion.
_ARGUMENTS = {"hail": (" INPUT-FILE", "file 1 1\n"), "hscan": (" [CLUSTER...]", "host 0 none\n")}


class UsageError(Exception):
    """The command line names options wrongly; the text says how."""


def parse(program: str, words: Sequence[str]) -> tuple[Options, list[str]]:
    """
    The options and the arguments.

    @raise UsageError: an option is not there, ambiguous, or lacks its word.
    @raise values.BadValue: an option's word makes no sense.
    """
    known = options_of(program)
    options, arguments = Options(), list[str]()
    rest = iter(words)
    for word in rest:
        if word == "--":
            arguments += rest
        elif word.startswith("--"):
            _long(known, word[2:], rest, options)
        elif word.startswith("-") and word != "-":
            _short(known, word[1:], rest, options)
        else:
            arguments.append(word)
    return options, arguments


def _long(known: tuple[Opt, ...], word: str, rest: Iterator[str], options: Options) -> None:
    name, equals, value = word.partition("=")
    opt = _find_long(known, name)
    if opt.parse is None:
        if equals:
            raise UsageError(f"option `--{name}' doesn't allow an argument")
        _set(options, opt, None)
    elif equals or opt.optional:
        _set(options, opt, value if equals else None)
    else:
        _set(options, opt, _next(rest, f"--{name}", opt))


def _find_long(known: tuple[Opt, ...], name: str) -> Opt:
    exact = [opt for opt in known if opt.long == name]
    found = exact or [opt for opt in known if opt.long.startswith(name)]
    if not found:
        raise UsageError(f"unrecognized option `--{name}'")
    if len(found) > 1:
        names = ", ".join(f"--{opt.long}" for opt in found)
        raise UsageError(f"option `--{name}' is ambiguous; could be one of: {names}")
    return found[0]


def _short(known: tuple[Opt, ...], letters: str, rest: Iterator[str], options: Options) -> None:
    while letters:
        letter, letters = letters[0], letters[1:]
        opt = next((each for each in known if each.short == letter), None)
        if opt is None:
            raise UsageError(f"unrecognized option `-{letter}'")
        if opt.parse is None:
            _set(options, opt, None)
            continue
        if not letters and not opt.optional:
            letters = _next(rest, f"-{letter}", opt)
        _set(options, opt, letters or None)
        return


def _next(rest: Iterator[str], flag: str, opt: Opt) -> str:
    word = next(rest, None)
    if word is None:
        raise UsageError(f"option `{flag}' requires an argument {opt.metavar}")
    return word


def _set(options: Options, opt: Opt, word: str | None) -> None:
    if opt.parse is None:
        value = opt.value
        if opt.attribute == "verbosity":
            value += options.verbosity
    else:
        value = opt.parse(word, opt.what)
        if opt.repeated:
            value = (*getattr(options, opt.attribute), value)
    setattr(options, opt.attribute, value)


def format_help(program: str) -> str:
    """The options with what they do."""
    known = options_of(program)
    left = [(_short_form(opt), _long_form(opt)) for opt in known]
    width = max(len(long) for _short, long in left)
    lines = [
        f"  {short:<11} {long:<{width}}  {opt.help}".rstrip()
        for opt, (short, long) in zip(known, left, strict=True)
    ]
    arguments = _ARGUMENTS.get(program, ("", ""))[0]
    return "\n".join([f"Usage: {program} [OPTION...]{arguments}", *lines]) + "\n"


def _short_form(opt: Opt) -> str:
    if not opt.short:
        return ""
    value = f"[{opt.metavar}]" if opt.optional else f" {opt.metavar}" if opt.metavar else ""
    return f"-{opt.short}{value}"


def _long_form(opt: Opt) -> str:
    value = f"[={opt.metavar}]" if opt.optional else f"={opt.metavar}" if opt.metavar else ""
    return f"--{opt.long}{value}"


def format_completion(program: str) -> str:
    """The options for completion: their names and what their words are, one a line."""
    lines = [f"{','.join(_flags(opt))} {opt.completion}\n" for opt in options_of(program)]
    return "".join(lines) + _ARGUMENTS.get(program, ("", ""))[1]


def _flags(opt: Opt) -> list[str]:
    return [*([f"-{opt.short}"] if opt.short else []), f"--{opt.long}"]
