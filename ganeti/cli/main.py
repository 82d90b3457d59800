"""
The start of every command: find the sub-command, read its options, run it, answer with a status.

Each sub-command's code is imported only when it runs. Nothing that goes wrong shows a traceback,
but with C{--debug}.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, TextIO

from ganeti import version
from ganeti.cli import failures, parser
from ganeti.cli.program import Command, Program
from ganeti.cli.session import Clock, Session, World
from ganeti.cli.streams import existing, unwritable
from ganeti.cli.terminal import Terminal
from ganeti.errors import GanetiError

if TYPE_CHECKING:
    from optparse import Values

_COMPLETION = ("--complete", "--completion-script")
"""For the scripts that shells load, and so in no help text."""


def main(
    program: str,
    argv: Sequence[str],
    environ: Mapping[str, str],
    *,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
    terminal: Terminal | None = None,
    clock: Clock | None = None,
    stdin: TextIO | None = None,
) -> int:
    """
    Run a command line.

    @param program: its name, C{gnt-node} for example.
    @param argv: the words after the name.
    @return: the exit status.
    """
    world = World(
        environ,
        stdout or _tolerant(existing(sys.stdout)),
        stderr or _tolerant(existing(sys.stderr)),
        terminal or Terminal(),
        clock or Clock(),
        stdin or existing(sys.stdin),
    )
    _arm_failpoints(environ)
    try:
        status = _run(load_program(program), argv, world)
        world.stdout.flush()
    except OSError as err:  # of standard output: the disk is full, or nobody reads
        return unwritable(err, world.stdout, world.stderr)
    except KeyboardInterrupt:
        world.stderr.write(f"{failures.INTERRUPTED}\n")
        return failures.FAILURE
    return status


def load_program(name: str) -> Program:
    """The table of a program's sub-commands."""
    program: Program = import_module(f"ganeti.cli.commands.{name.replace('-', '_')}").PROGRAM
    return program


def _arm_failpoints(environ: Mapping[str, str]) -> None:
    """For tests that kill a command in the middle."""
    spec, trace = environ.get("GANETI_FAILPOINTS", ""), environ.get("GANETI_FAILPOINT_TRACE", "")
    if spec or trace:
        from ganeti.utils import failpoints

        failpoints.configure(spec, trace)


def _tolerant(stream: TextIO) -> TextIO:
    """A standard stream that writes what its encoding lacks as escapes, instead of failing."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
    return stream


def _run(program: Program, argv: Sequence[str], world: World) -> int:
    word = argv[0] if argv else ""
    if word == "--version":
        release = version.RELEASE
        world.stdout.write(f"{program.name} (ganeti {release}) {release}\n")
        return 0
    if word in _COMPLETION:
        return _complete(program, argv, world)
    command = program.find(word)
    if command is None:
        world.stdout.write(parser.overview(program, _columns(world.environ)))
        return 0 if word == "--help" else failures.FAILURE
    try:
        parsed = _parse(program, command, argv, world)
    except parser.UsageExit as end:
        world.stdout.write(end.out)
        world.stderr.write(end.err)
        return end.status
    except GanetiError as err:
        return _fail(err, world, debug=0)
    return _run_command(program, command, parsed, argv, world)


def _parse(
    program: Program, command: Command, argv: Sequence[str], world: World
) -> tuple[Values, list[str]]:
    _check_encoding(argv)
    words = [*parser.default_words(program, command, world.environ), *argv[1:]]
    return parser.parse(program.name, command, words, _columns(world.environ))


def _complete(program: Program, argv: Sequence[str], world: World) -> int:
    from ganeti.cli import completionshells

    if argv[0] == _COMPLETION[0]:
        return completionshells.answer(program, argv[1:], world)
    return completionshells.print_script(argv[1:], world)


def _run_command(
    program: Program,
    command: Command,
    parsed: tuple[Values, list[str]],
    argv: Sequence[str],
    world: World,
) -> int:
    options, arguments = parsed
    session: Session | None = None
    try:
        json = getattr(options, "dry_run", False) == "json"
        session = Session(program.name, command.name, world, debug=options.debug, json=json)
        session.trace(f"Command line: {program.name} {' '.join(argv)}")
        module, _, name = command.function.partition(":")
        function = getattr(import_module(f"ganeti.cli.commands.{module}"), name)
        status: int = function(session, options, arguments)
        return status
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        jobs = session.submitted if session is not None else []
        return _fail(failures.CommandFailed(failures.interrupted(jobs)), world, debug=0)
    except Exception as err:
        return _fail(err, world, debug=options.debug)
    finally:
        if session is not None:
            session.close()


def _fail(error: Exception, world: World, *, debug: int) -> int:
    if debug:
        import traceback

        traceback.print_exception(error, file=world.stderr)
    status, text = failures.describe(error)
    world.stdout.flush()
    if text:
        world.stderr.write(text.rstrip("\n") + "\n")
    return status


def _check_encoding(argv: Sequence[str]) -> None:
    for word in argv:
        try:
            word.encode()
        except UnicodeEncodeError as err:
            shown = word.encode(errors="surrogateescape").decode(errors="replace")
            raise parser.UsageExit(1, err=f"Error: '{shown}' is not valid UTF-8 text\n") from err


def _columns(environ: Mapping[str, str]) -> int:
    """The width of help texts."""
    text = environ.get("COLUMNS", "")
    return max(int(text) if text.isdecimal() else 80, 40) - 2
