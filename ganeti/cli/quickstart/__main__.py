"""The program: C{quickstart [--fake | stop | destroy] [FOLDER]}."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import NamedTuple

from ganeti.cli.quickstart.actions import bring_up, destroy, stop
from ganeti.cli.quickstart.folder import Folder, default_folder
from ganeti.errors import GanetiError

_USAGE = "Usage: quickstart [--fake | stop | destroy] [FOLDER]\n"
_ACTIONS: dict[str, Callable[[Folder], None]] = {
    "--fake": lambda folder: bring_up(folder, fake=True),
    "stop": stop,
    "destroy": destroy,
}


class Asked(NamedTuple):
    """What the user wants."""

    action: Callable[[Folder], None]
    folder: str


def parse(argv: list[str]) -> Asked | None:
    """None: these words make no sense."""
    action: Callable[[Folder], None] = bring_up
    words = argv
    if argv and argv[0] in _ACTIONS:
        action, words = _ACTIONS[argv[0]], argv[1:]
    if len(words) > 1 or any(word.startswith("-") for word in words):
        return None
    return Asked(action, words[0] if words else default_folder())


def main(argv: list[str]) -> int:
    """The exit status."""
    if argv and argv[0] in ("-h", "--help"):
        sys.stdout.write(_USAGE)
        return 0
    asked = parse(argv)
    if asked is None:
        sys.stderr.write(_USAGE)
        return 2
    try:
        asked.action(Folder(asked.folder))
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted: run it again to go on\n")
        return 1
    except BrokenPipeError:  # nobody reads what is printed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except subprocess.TimeoutExpired as err:
        sys.stderr.write(f"quickstart: {' '.join(err.cmd[1:])} does not end\n")
        return 1
    except (GanetiError, OSError) as err:
        sys.stderr.write(f"quickstart: {err}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
