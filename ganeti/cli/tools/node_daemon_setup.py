"""
node-daemon-setup: one step of making this machine a node, read as JSON from standard input.

The master's C{gnt-node add} runs it here over SSH.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO

from ganeti.errors import GanetiError
from ganeti.paths import Paths

_LIMIT = 1 << 22
_USAGE = """\
Usage: node-daemon-setup [--help]

Reads one step of node setup, in JSON, from standard input. It is run by
'gnt-node add' on the master:

  gnt-node add node2.example.com
"""


def main(
    argv: Sequence[str],
    environ: Mapping[str, str],
    *,
    stdin: TextIO | None = None,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
) -> int:
    """Do the step; the exit status."""
    out, err = stdout or sys.stdout, stderr or sys.stderr
    if argv:
        (out if "--help" in argv else err).write(_USAGE)
        return 0 if "--help" in argv else 2
    from ganeti.cli.nodejoin import run_step

    try:
        text = (stdin or sys.stdin).read(_LIMIT)
        out.write(run_step(Paths.from_environ(environ), text) + "\n")
    except (GanetiError, OSError) as error:
        err.write(f"{error}\n")
        return 1
    return 0


def run() -> None:
    """The entry point of the installed program."""
    sys.exit(main(sys.argv[1:], os.environ))
