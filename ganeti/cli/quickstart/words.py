"""What quickstart says."""

from __future__ import annotations

import os
import shlex
import sys

from ganeti.cli import programs
from ganeti.errors import GanetiError


class QuickstartError(GanetiError):
    """A step failed; what the command said was printed."""


def say(text: str) -> None:
    """Print it now: commands print in between."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def fail_with(wrong: list[str]) -> None:
    """@raise QuickstartError: something went wrong, one line each."""
    if wrong:
        raise QuickstartError("\n".join(wrong))


def shown(path: str) -> str:
    """A path as the user would type it."""
    relative = os.path.relpath(path)
    return shlex.quote(path if relative.startswith("..") else relative)


def quickstart_command(*words: str) -> str:
    """How to call us again, from where the user is."""
    top = programs.checkout()
    name = shown(os.path.join(top, "quickstart")) if top else "quickstart"
    name = f"./{name}" if top and "/" not in name else name
    return " ".join(filter(None, (name, *words)))
