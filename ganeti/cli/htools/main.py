"""
What all of placement's programs have in common: option handling, errors, exit status.

Exit status 0 is success, 1 a failure or a wrong value, 2 a wrong option.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NoReturn, TextIO

from ganeti.cli.htools.commandline import UsageError, format_completion, format_help, parse
from ganeti.cli.htools.console import Abort, Console
from ganeti.cli.htools.options import PROGRAMS, Options
from ganeti.errors import GanetiError
from ganeti.htools.numbers import BadValue
from ganeti.version import RELEASE

DESCRIPTIONS = {
    "hail": "finds the nodes for new and for moved instances: an instance allocator",
    "hbal": "balances a cluster: finds the moves of instances that lead there, and makes them",
    "hcheck": "checks a cluster, and whether balancing would help",
    "hinfo": "prints what is known of a cluster",
    "hroller": "finds groups of nodes that can be rebooted at the same time",
    "hscan": "saves the state of clusters to files that the others read",
    "hspace": "finds how many more instances a cluster can take",
    "hsqueeze": "finds nodes to power off when there is little to do, and on when there is more",
}


def main(
    program: str,
    words: Sequence[str],
    environ: Mapping[str, str],
    *,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
) -> int:
    """Run a program; its exit status."""
    out, err = stdout or sys.stdout, stderr or sys.stderr
    if program not in PROGRAMS:
        program = environ.get("HTOOLS", program)
    if program not in PROGRAMS:
        err.write(_unknown_program(program))
        return 1
    try:
        return _main(program, words, environ, out, err)
    except BrokenPipeError:
        _drop(out)
        return 1
    except KeyboardInterrupt:
        return 130


def _main(
    program: str, words: Sequence[str], environ: Mapping[str, str], out: TextIO, err: TextIO
) -> int:
    try:
        options, arguments = parse(program, words)
    except UsageError as wrong:
        err.write(f"Command line error: {wrong}\n\n{_version(program)}\n{format_help(program)}")
        return 2
    except BadValue as wrong:
        err.write(f"Error while parsing command line arguments:\n{wrong}\n")
        return 1
    text = _information(program, options)
    if text is not None:
        out.write(text)
        return 0
    return _run(program, Console(out, err, options), arguments, environ, err)


def _information(program: str, options: Options) -> str | None:
    """What is printed instead of doing anything; None: there is something to do."""
    if options.help:
        return f"{_version(program)}\n{format_help(program)}"
    if options.help_completion:
        return format_completion(program)
    return f"{_version(program)}\n" if options.version else None


def _run(
    program: str,
    console: Console,
    arguments: list[str],
    environ: Mapping[str, str],
    err: TextIO,
) -> int:
    module = import_module(f"ganeti.cli.htools.{program}")
    try:
        status: int = module.run(console, arguments, environ)
        console.flush()
        return status
    except Abort as wrong:
        text = str(wrong)
    except GanetiError as wrong:
        text = f"Error: {wrong}"
    console.flush()
    if text:
        err.write(f"{text}\n")
    return 1


def _version(program: str) -> str:
    return f"{program} (ganeti) version {RELEASE}"


def _unknown_program(name: str) -> str:
    lines = [f" {each:<8} - {text}" for each, text in DESCRIPTIONS.items()]
    return "\n".join(
        [
            f"Unrecognised personality '{name}'.",
            "This program must be installed under one of the following names:",
            *lines,
            "",
            "Error: Please either rename/symlink the program or set",
            "the environment variable HTOOLS to the desired role.",
            "",
        ]
    )


def _drop(out: TextIO) -> None:
    """Nobody reads any more: what is still to be written goes nowhere."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
    except (OSError, ValueError):
        return


def start() -> NoReturn:
    """The entry point of an installed program: its name is the program's."""
    sys.exit(main(os.path.basename(sys.argv[0]), sys.argv[1:], os.environ))
