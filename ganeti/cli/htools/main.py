"""
What all of placement's programs have in common: option handling, errors, exit status.

Exit status 0 is success, 1 a failure or a wrong value, 2 a wrong option.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NoReturn, TextIO

from ganeti.cli.htools.commandline import UsageError, format_completion, format_help, parse
from ganeti.cli.htools.console import Abort, Console
from ganeti.cli.htools.options import Options
from ganeti.cli.htools.optionsets import PROGRAMS
from ganeti.cli.htools.programs import format_all, format_examples, format_unknown
from ganeti.cli.streams import existing, unwritable
from ganeti.errors import GanetiError
from ganeti.htools.numbers import BadValue
from ganeti.version import RELEASE


def main(
    program: str,
    words: Sequence[str],
    environ: Mapping[str, str],
    *,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
) -> int:
    """Run a program; its exit status."""
    out, err = stdout or existing(sys.stdout), stderr or existing(sys.stderr)
    try:
        status = _main(program, words, environ, out, err)
        out.flush()
    except OSError as wrong:  # of standard output: the disk is full, or nobody reads
        return unwritable(wrong, out, err)
    except KeyboardInterrupt:
        return 130
    return status


def _main(
    program: str, words: Sequence[str], environ: Mapping[str, str], out: TextIO, err: TextIO
) -> int:
    if program not in PROGRAMS:
        program = environ.get("HTOOLS", program)
    if program not in PROGRAMS:
        if list(words) in (["--help"], ["-h"]):
            out.write(format_all())
            return 0
        err.write(format_unknown(program))
        return 1
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
        return f"{_version(program)}\n{format_help(program)}{format_examples(program)}"
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
    except MemoryError:
        text = "Error: there is not enough memory for a cluster of this size"
    console.flush()
    if text:
        err.write(f"{text}\n")
    return 1


def _version(program: str) -> str:
    return f"{program} (ganeti) version {RELEASE}"


def start(program: str = "") -> NoReturn:
    """
    The entry point of a program.

    @param program: empty: what it was called as.
    """
    # The matrices are thin: threads for their products only cost time at the start.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Thousands of records are made that stay; looking for garbage among them finds none.
    gc.set_threshold(200_000, 20, 20)
    sys.exit(main(program or os.path.basename(sys.argv[0]), sys.argv[1:], os.environ))
